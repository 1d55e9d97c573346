"""The training loop of every cell: stages, epochs, updates, evaluation, checkpoints. Runs through Accelerate."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from ferbench.canonical import digest
from ferbench.errors import MethodError
from ferbench.options import Options
from ferbench.train.batch import Batch, Views, to_device
from ferbench.train.context import Context
from ferbench.train.method import Method
from ferbench.train.recipes import Indices
from ferbench.train.stage import Epochs, Optim, Stage, Steps, Until
from ferbench.train.task import TrainingSet
from ferbench.train.transforms import Transform, Transforms


def seed_of(*key: object) -> int:
    """Return the seed that belongs to a key (cell seed, stage, epoch)."""
    return int(digest([str(part) for part in key])[:15], 16)


def seed_everything(*key: object) -> int:
    """Seed torch, numpy and random from a key (cell seed, stage, epoch); nothing that ran before matters.

    Returns:
        The seed.
    """
    seed = seed_of(*key)
    torch.manual_seed(seed)
    np.random.seed(seed % 2**32)
    random.seed(seed)
    return seed


class _Batches(Dataset[Batch]):
    """The batches of one epoch; item i is the same in any process."""

    def __init__(self, training: TrainingSet, drawn: Sequence[Indices], transform: Transform, seed: int) -> None:
        self.training, self.drawn, self.transform, self.seed = training, drawn, transform, seed

    def __len__(self) -> int:
        return len(self.drawn)

    def __getitem__(self, item: int) -> Batch:
        index = self.drawn[item]
        flat = index.reshape(-1)
        columns = {name: values[flat] for name, values in self.training.columns.items()}
        columns["label"] = self.training.labels[flat]
        rng = np.random.default_rng([self.seed, item])
        views = self.transform(self.training.images.take(flat), columns, rng)
        return _batch(index, views)


def _batch(index: Indices, views: Views) -> Batch:
    def shaped(tensor: Tensor) -> Tensor:
        return tensor if index.ndim == 1 else tensor.reshape(*index.shape, *tensor.shape[1:])

    columns = {name: shaped(torch.from_numpy(np.ascontiguousarray(v))) for name, v in views.columns.items()}
    if "label" not in columns:
        raise MethodError(
            expected="the column 'label' from the training transform",
            found=", ".join(columns) or "none",
            where="the Views that it returned",
            remedy="return the columns it was given, changed where the image changed",
        )
    labels = columns.pop("label")
    index_tensor = torch.from_numpy(np.ascontiguousarray(index))
    return Batch(tuple(shaped(view) for view in views.images), labels, index_tensor, columns)


@dataclass(frozen=True)
class Hooks:
    """What the harness does around training; a method reaches none of it.

    Attributes:
        evaluated: called after each evaluated epoch with the epoch number (over all predictive stages).
        checkpoint: called after every epoch with a function that gives the state to save.
        progress: called with the share of training that is done, 0 … 1, and the images seen since.
        evaluate_every: epochs between two evaluations; the last epoch of a stage is always evaluated.
    """

    evaluated: Callable[[int], None]
    checkpoint: Callable[[Callable[[], dict[str, Any]]], None]
    progress: Callable[[float, int], None]
    evaluate_every: int = 1


@dataclass
class Position:
    """Where training stands; saved with every checkpoint."""

    stage: int = 0
    epoch: int = 0
    step: int = 0
    evaluated: int = 0
    seconds: float = 0.0
    images: int = 0
    best_loss: float = float("inf")
    waited: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)


class Trainer:
    """Trains a method on a training set.

    Args:
        method: on its device already.
        training: the training data.
        accelerator: of this process.
        seed: the cell's seed.
        hooks: evaluation, checkpoints, progress.
    """

    def __init__(
        self, method: Method[Options], training: TrainingSet, accelerator: Accelerator, seed: int, hooks: Hooks
    ) -> None:
        self._method, self._training, self._accelerator = method, training, accelerator
        self._seed, self._hooks = seed, hooks
        self._transforms: Transforms = method.transforms()
        self._position = Position()
        self._stages: list[Stage] = []
        statistics = self._transforms.statistics or self._transforms.test
        device = accelerator.device

        def passes(batch_size: int, positions: Indices) -> Iterator[Batch]:
            cut = [positions[start : start + batch_size] for start in range(0, len(positions), batch_size)]
            drawn = seed_of(seed, context.stage, context.epoch, "statistics")
            batches = _Batches(training, cut, statistics, drawn)
            for number in range(len(batches)):
                yield to_device(batches[number], device)

        # The context knows the method and the training data; it must know nothing of the hooks, which see test data.
        self._context = context = Context(accelerator, training, method, passes)

    @property
    def context(self) -> Context:
        """What the method's steps are given."""
        return self._context

    @property
    def position(self) -> Position:
        """Where training stands."""
        return self._position

    def run(self, saved: Mapping[str, Any] | None = None) -> None:
        """Train through all stages, from a saved state if there is one.

        Raises:
            MethodError: the method broke its contract (a loss that is not finite, no stage).
        """
        self._stages = stages = list(self._method.stages())
        if not stages:
            raise MethodError(
                expected="at least one stage", found="none", where=type(self._method).__name__, remedy="return one"
            )
        if saved is not None:
            self._position = Position(**saved["position"])
            for stage in stages[: self._position.stage]:
                self._start(stage)  # what it froze stays frozen; what it copied is loaded later
        while self._position.stage < len(stages):
            number = self._position.stage
            stage = stages[number]
            predictive = stage.predictive if stage.predictive is not None else number == len(stages) - 1
            self._run_stage(stage, predictive, saved)
            saved = None
            self._position.stage += 1
            self._position.epoch = self._position.step = self._position.waited = 0
            self._position.best_loss = float("inf")

    def _run_stage(self, stage: Stage, predictive: bool, saved: Mapping[str, Any] | None) -> None:
        context, position = self._context, self._position
        self._start(stage)
        context.step, context.epoch = position.step, position.epoch
        optims = stage.optimizers()
        for optim in optims.values():
            optim.optimizer = self._accelerator.prepare(optim.optimizer)
        context.optims = optims
        if saved is not None:
            self._method.load_state_dict(saved["method"])
            context.diagnostics, context.kept = saved["diagnostics"], saved["kept"]
            _restore(optims, saved["optims"])
        while not self._finished(stage):
            self._run_epoch(stage)
            over = self._finished(stage)
            due = position.epoch % self._hooks.evaluate_every == 0 or over
            if predictive and due:
                position.evaluated += 1
                self._hooks.evaluated(position.evaluated)
            self._hooks.checkpoint(self._state)
            self._hooks.progress(self._share(), 0)

    def _start(self, stage: Stage) -> None:
        self._context.stage, self._context.step, self._context.epoch = stage.name, 0, 0
        seed_everything(self._seed, stage.name, "start")
        if stage.start is not None:
            stage.start(self._context)

    def _finished(self, stage: Stage) -> bool:
        length, position = stage.length, self._position
        if isinstance(length, Epochs):
            return position.epoch >= length.count
        if isinstance(length, Steps):
            return position.step >= length.count
        return position.epoch >= length.at_most or position.waited >= length.patience

    def _share(self) -> float:
        position = self._position
        length = self._stages[position.stage].length
        if isinstance(length, Steps):
            share = self._context.step / max(1, length.count)
        else:
            share = position.epoch / max(1, length.count if isinstance(length, Epochs) else length.at_most)
        return (position.stage + min(1.0, share)) / len(self._stages)

    def _run_epoch(self, stage: Stage) -> None:
        context, position = self._context, self._position
        started = time.perf_counter()
        context.epoch = position.epoch + 1
        context.logs = {}
        seed = seed_everything(self._seed, stage.name, context.epoch)
        self._method.train()
        drawn = self._drawn(stage, seed)
        # DataLoader's own seed would advance torch's generator: it gets one of its own.
        loader = DataLoader(
            _Batches(self._training, drawn, self._transforms.train, seed),
            batch_size=None,
            generator=torch.Generator().manual_seed(seed),
        )
        images = 0
        for batch in loader:
            self._update(stage, to_device(batch, self._accelerator.device))
            images += batch.index.numel()
            self._hooks.progress(self._share(), batch.index.numel())
        if stage.end_of_epoch is not None:
            stage.end_of_epoch(context)
        for optim in context.optims.values():
            if optim.scheduler is not None and not optim.every_step:
                optim.scheduler.step()
        position.epoch += 1
        position.step = context.step
        position.images += images
        position.seconds += time.perf_counter() - started
        self._note(stage)

    def _drawn(self, stage: Stage, seed: int) -> Sequence[Indices]:
        rng = np.random.default_rng([seed, 2**32 - 1])  # no batch has this number
        drawn = stage.recipe.batches(self._training.labels, self._training.columns, rng)
        if len(drawn) == 0:
            raise MethodError(
                expected="at least one batch an epoch",
                found="none",
                where=f"stage {stage.name!r}",
                remedy="use smaller batches or more data",
            )
        if isinstance(stage.length, Steps):
            left = stage.length.count - self._position.step
            drawn = drawn[: min(left, stage.length.evaluate_every or len(drawn))]
        return drawn

    def _update(self, stage: Stage, batch: Batch) -> None:
        context = self._context
        with self._accelerator.autocast():
            loss = stage.step(batch, context)
        if loss is not None:
            context.minimise(loss)
        context.step += 1
        if stage.after_update is not None:
            stage.after_update(context)

    def _note(self, stage: Stage) -> None:
        position = self._position
        means = {name: float(np.mean(values)) for name, values in self._context.logs.items()}
        position.history.append({"stage": stage.name, "epoch": position.epoch, **means})
        if isinstance(stage.length, Until):
            loss, best = means.get("loss", float("inf")), position.best_loss
            fell = not np.isfinite(best) or loss < best - stage.length.tolerance * abs(best)
            position.waited = 0 if fell else position.waited + 1
            position.best_loss = min(best, loss)

    def _state(self) -> dict[str, Any]:
        return {
            "position": vars(self._position).copy(),
            "method": self._method.state_dict(),
            "optims": {name: _saved(optim) for name, optim in self._context.optims.items()},
            "diagnostics": self._context.diagnostics,
            "kept": self._context.kept,
        }


def _saved(optim: Optim) -> dict[str, Any]:
    scheduler = optim.scheduler.state_dict() if optim.scheduler is not None else None
    return {"optimizer": optim.optimizer.state_dict(), "scheduler": scheduler}


def _restore(optims: Mapping[str, Optim], saved: Mapping[str, Any]) -> None:
    for name, optim in optims.items():
        optim.optimizer.load_state_dict(saved[name]["optimizer"])
        if optim.scheduler is not None:
            optim.scheduler.load_state_dict(saved[name]["scheduler"])
