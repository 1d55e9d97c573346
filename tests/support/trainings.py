"""Small trainings for the tests of the loop: a training set, a network, what was watched while it trained."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from accelerate import Accelerator
from torch import Tensor, nn
from toyfaces.methods import Net
from toyfaces.options import NetOptions

from ferbench.train import (
    Batch,
    Context,
    Epochs,
    Groups,
    Method,
    Optim,
    Setup,
    Shuffled,
    Stage,
    Task,
    TrainingSet,
    freeze,
)
from ferbench.train.loop import Hooks, Trainer, seed_everything
from ferbench.train.prediction import predict
from ferbench.train.task import ImageRows

COUNT, CLASSES = 22, 3


def training_set() -> TrainingSet:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (COUNT + 9, 8, 8, 3), dtype=np.uint8)
    labels = np.arange(COUNT) % CLASSES
    columns = {"pose": rng.uniform(-60, 60, COUNT).astype(np.float32), "subject": np.arange(COUNT) // 4}
    return TrainingSet(ImageRows(images, np.arange(COUNT) + 5), labels, columns)


def build(kind: type[Method[Any]], **options: object) -> Any:
    seed_everything(0, "build")
    task = Task(tuple("abc"), (8, 8, 3), COUNT, (8, 7, 7))
    return kind(Setup(task, NetOptions.model_validate(options)))


class Watch:
    """The harness around a training run: notes what happens, and may stop it after some epochs."""

    def __init__(self, stop_after: int | None = None) -> None:
        self.evaluated: list[int] = []
        self.saved: list[bytes] = []
        self.images = 0
        self.shares: list[float] = []
        self.stop_after = stop_after

    def hooks(self, evaluate_every: int = 1) -> Hooks:
        return Hooks(self.evaluated.append, self._save, self._progress, evaluate_every)

    def _save(self, state: Callable[[], dict[str, Any]]) -> None:
        stream = io.BytesIO()
        torch.save(state(), stream)
        self.saved.append(stream.getvalue())
        if self.stop_after is not None and len(self.saved) == self.stop_after:
            raise KeyboardInterrupt

    def _progress(self, share: float, images: int) -> None:
        self.images += images
        self.shares.append(share)


def trained(
    method: Method[Any], watch: Watch | None = None, saved: bytes | None = None, evaluate_every: int = 1
) -> Trainer:
    watch = watch or Watch()
    trainer = Trainer(method, training_set(), Accelerator(cpu=True), 0, watch.hooks(evaluate_every))
    trainer.run(None if saved is None else torch.load(io.BytesIO(saved), weights_only=False))
    return trainer


def probabilities(method: Method[Any]) -> npt.NDArray[np.float32]:
    images = training_set().images
    return predict(method, images, {}, method.transforms().test, Accelerator(cpu=True))[0]


class Hard(Net):
    """Two stages, state for each sample, a schedule for each, dropout and random numbers in the step."""

    def __init__(self, setup: Setup[NetOptions]) -> None:
        super().__init__(setup)
        self.register_buffer("losses", torch.zeros(COUNT))
        self.register_buffer("average", torch.zeros(CLASSES, 4))
        self.register_buffer("updates", torch.zeros((), dtype=torch.int64))
        self.critic = nn.Linear(4, 1)

    def stages(self) -> Sequence[Stage]:
        return [
            Stage("warm", self.warm, self._warm_optims, Epochs(2), Shuffled(6), end_of_epoch=self.learn_averages),
            Stage("fine", self.fine, self._fine_optims, Epochs(3), Groups(3, 2), start=self.begin_fine,
                  after_update=self.count),
        ]  # fmt: skip

    def warm(self, batch: Batch, context: Context) -> Tensor:
        each = nn.functional.cross_entropy(self.logits(batch.images), batch.labels, reduction="none")
        self.losses[batch.index] = each.detach()
        context.record("loss", batch.index, each)
        return each.mean()

    def begin_fine(self, context: Context) -> None:
        freeze(self.backbone[0])

    def fine(self, batch: Batch, context: Context) -> None:
        images = batch.images.flatten(0, 1)
        maps = self.backbone(images).mean(dim=(2, 3))
        noisy = maps + 0.1 * torch.randn_like(maps)
        context.minimise(self.critic(noisy.detach()).square().mean() + self.critic.bias.sum(), "critic")
        loss = nn.functional.cross_entropy(self.head(noisy), batch.labels.flatten())
        context.minimise(loss - 0.01 * self.critic(noisy).mean(), "main")
        context.log("loss", loss)
        context.keep("averages", self.average)

    def learn_averages(self, context: Context) -> None:
        total = torch.zeros_like(self.average)
        for batch in context.statistics(batch_size=5):
            total.index_add_(0, batch.labels, self.backbone(batch.images).mean(dim=(2, 3)))
        self.average.copy_(0.5 * self.average + 0.5 * total)

    def count(self, context: Context) -> None:
        self.updates += 1

    def _warm_optims(self) -> Mapping[str, Optim]:
        sgd = torch.optim.SGD(self.parameters(), lr=0.1, momentum=0.9)
        return {"main": Optim(sgd, torch.optim.lr_scheduler.StepLR(sgd, 1, 0.5), clip=1.0)}

    def _fine_optims(self) -> Mapping[str, Optim]:
        main = torch.optim.Adam([p for p in [*self.backbone.parameters(), *self.head.parameters()] if p.requires_grad])
        critic = torch.optim.SGD(self.critic.parameters(), lr=0.1, momentum=0.9)
        cosine = torch.optim.lr_scheduler.CosineAnnealingLR(main, 9)
        return {"main": Optim(main, cosine, every_step=True), "critic": Optim(critic)}


def of_length(length: Any, batch_size: int = 8, loss: Callable[[int], float] = lambda step: 1.0) -> type[Net]:
    class Long(Net):
        def stages(self) -> Sequence[Stage]:
            return [Stage("s", self.step, self.optimizers, length, Shuffled(batch_size))]

        def step(self, batch: Batch, context: Context) -> Tensor:
            return super().step(batch, context) * 0 + loss(context.epoch)

    return Long


def same(first: Mapping[str, Tensor], second: Mapping[str, Tensor]) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)
