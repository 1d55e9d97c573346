"""The harness's training loop around one method: what a cell does, without a data set, records or an evaluation."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import torch
from accelerate import Accelerator

from ferbench.train import Context, Method, TrainingSet
from ferbench.train.loop import Hooks, Trainer


class Rehearsal:
    """Trains methods as a cell does.

    Attributes:
        saved: the state after each epoch of the last training, as a checkpoint holds it.
    """

    def __init__(self) -> None:
        self.saved: list[bytes] = []

    def rehearse(
        self, method: Method[Any], training: TrainingSet, saved: bytes | None = None, stop_after: int = 0
    ) -> Trainer:
        """Train through all stages.

        Args:
            method: is trained.
            training: on these images.
            saved: a checkpoint to go on from.
            stop_after: epochs, of all stages together, after which it is interrupted; 0: none.

        Returns:
            The loop, whose `position` has the history, and whose `context` what was recorded and kept.
        """
        self.saved = []

        def checkpoint(state: Callable[[], dict[str, Any]]) -> None:
            stream = io.BytesIO()
            torch.save(state(), stream)
            self.saved.append(stream.getvalue())
            if len(self.saved) == stop_after:
                raise _Enough

        hooks = Hooks(lambda _epoch: None, checkpoint, lambda _share, _images: None)
        trainer = Trainer(method, training, Accelerator(cpu=True), 0, hooks)
        with suppress(_Enough):
            trainer.run(None if saved is None else _loaded(saved))
        return trainer


def state_in(saved: bytes) -> Mapping[str, Any]:
    """Return the method's `state_dict` that a checkpoint holds."""
    state: Mapping[str, Any] = _loaded(saved)["method"]
    return state


def _loaded(saved: bytes) -> dict[str, Any]:
    checkpoint: dict[str, Any] = torch.load(io.BytesIO(saved), weights_only=False)
    return checkpoint


class _Enough(Exception):  # noqa: N818  not an error: the training was to stop here
    pass


def context_of(method: Method[Any], stage: str, training: TrainingSet) -> Context:
    """Return what the steps of a stage are given, when the stage has just started.

    Args:
        method: is put into training mode, and its stage's `start` is called.
        stage: its name.
        training: the training set.
    """
    (chosen,) = [one for one in method.stages() if one.name == stage]
    context = Context(Accelerator(cpu=True), training, method, lambda _size, _positions: iter(()))
    context.stage, context.epoch = stage, 1
    method.train()
    if chosen.start is not None:
        chosen.start(context)
    context.optims = chosen.optimizers()
    return context
