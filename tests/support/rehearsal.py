"""The harness's training loop around a method of a test, and what a cell would have saved on the way."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import torch
from accelerate import Accelerator

from ferbench.train import Method, TrainingSet
from ferbench.train.loop import Hooks, Trainer


class Rehearsal:
    """Trains methods as a cell does.

    Attributes:
        saved: the training state after each epoch, as a checkpoint holds it.
    """

    def __init__(self) -> None:
        self.saved: list[bytes] = []

    def rehearse(
        self, method: Method[Any], training: TrainingSet, saved: bytes | None = None, stop_after: int = 0
    ) -> Trainer:
        """Train with the harness's loop, from a saved state if there is one; stop after some epochs if asked."""
        self.saved = []

        def checkpoint(state: Callable[[], dict[str, Any]]) -> None:
            stream = io.BytesIO()
            torch.save(state(), stream)
            self.saved.append(stream.getvalue())
            if len(self.saved) == stop_after:
                raise KeyboardInterrupt

        hooks = Hooks(lambda _epoch: None, checkpoint, lambda _share, _images: None)
        trainer = Trainer(method, training, Accelerator(cpu=True), 0, hooks)
        trainer.run(None if saved is None else torch.load(io.BytesIO(saved), weights_only=False))
        return trainer
