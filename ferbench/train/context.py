"""What a step may reach while it trains: the optimisers, the training set, logs. Never test data."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor

from ferbench.errors import MethodError
from ferbench.train.batch import Batch
from ferbench.train.method import Method
from ferbench.train.recipes import Indices
from ferbench.train.stage import Optim
from ferbench.train.task import TrainingSet


@dataclass
class Context:
    """The state of training, as a method sees it.

    Attributes:
        accelerator: device placement and mixed precision.
        training: the training set.
        stage: name of the current stage.
        epoch: 1, 2, … within the stage.
        step: updates made within the stage.
        optims: the stage's optimisers by name.
        logs: means of logged values of the current epoch.
        diagnostics: recorded values of training samples.
        kept: arrays to be stored with the record.
    """

    accelerator: Accelerator
    training: TrainingSet
    method: Method[Any]
    statistics_batches: Callable[[int, Indices], Iterator[Batch]]
    stage: str = ""
    epoch: int = 0
    step: int = 0
    optims: Mapping[str, Optim] = field(default_factory=dict)
    logs: dict[str, list[float]] = field(default_factory=dict)
    diagnostics: dict[str, dict[int, list[float]]] = field(default_factory=dict)
    kept: dict[str, list[object]] = field(default_factory=dict)

    def minimise(self, loss: Tensor, *optimizers: str, retain_graph: bool = False) -> None:
        """Clear all gradients of the method, go backward, and update.

        Args:
            loss: a scalar.
            optimizers: which of the stage's optimisers step; all by default. Gradients that other parameters
                got are dropped at the next call.
            retain_graph: keep the graph for another call.

        Raises:
            MethodError: the loss is not finite, or the stage has no such optimiser.
        """
        value = float(loss.detach())
        if not np.isfinite(value):
            raise MethodError(
                expected="a finite loss",
                found=str(value),
                where=f"stage {self.stage!r}, epoch {self.epoch}, step {self.step + 1}",
                remedy="lower the learning rate, clip gradients, or guard the loss against empty terms",
            )
        unknown = [name for name in optimizers if name not in self.optims]
        if unknown:
            raise MethodError(
                expected=f"an optimiser of stage {self.stage!r}: {', '.join(self.optims)}",
                found=repr(unknown[0]),
                where="context.minimise",
                remedy="name it as the stage's optimizers() does",
            )
        self.log("loss", value)
        self.method.zero_grad(set_to_none=True)
        self.accelerator.backward(loss, retain_graph=retain_graph)
        for name in optimizers or self.optims:
            optim = self.optims[name]
            if optim.clip is not None:
                self.accelerator.clip_grad_norm_(optim.parameters, optim.clip)
            optim.optimizer.step()
            if optim.scheduler is not None and optim.every_step:
                optim.scheduler.step()

    def log(self, name: str, value: Tensor | float) -> None:
        """Note a value; its mean over the epoch is kept in the record's history."""
        self.logs.setdefault(name, []).append(float(value.detach() if isinstance(value, Tensor) else value))

    def record(self, name: str, index: Tensor, values: Tensor) -> None:
        """Keep a value for each training sample (an attention weight, an estimated label); the latest counts.

        Args:
            name: of the diagnostic.
            index: (B,) positions, as in `Batch.index`.
            values: (B,) or (B, D).
        """
        kept = self.diagnostics.setdefault(name, {})
        numbers = values.detach().float().cpu().reshape(len(index), -1).tolist()
        kept.update(zip(index.cpu().tolist(), numbers, strict=True))

    def keep(self, name: str, values: Tensor) -> None:
        """Keep a small array with the record (learned class distributions, loss weights); the latest counts.

        Args:
            name: of the array.
            values: any shape with at least one dimension; a few thousand numbers at most.
        """
        self.kept[name] = values.detach().float().cpu().tolist()

    def statistics(self, batch_size: int = 256, positions: Indices | None = None) -> Iterator[Batch]:
        """Pass over the training set once, in order, in evaluation mode and without gradients.

        Args:
            batch_size: images at a time.
            positions: which samples, in which order; all by default.

        Yields:
            Batches under the statistics transform; if it is random, its draws are those of the stage and epoch.
        """
        chosen = np.arange(len(self.training)) if positions is None else positions
        was_training = self.method.training
        self.method.eval()
        try:
            with torch.no_grad(), self.accelerator.autocast():
                yield from self.statistics_batches(batch_size, chosen)
        finally:
            self.method.train(was_training)
