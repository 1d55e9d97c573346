"""Methods that train in a second."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from ferbench.train import Batch, Context, Epochs, Method, Optim, Output, Setup, Shuffled, Stage, TestBatch
from toyfaces.options import NetOptions


class Net(Method[NetOptions]):
    """A convolution, batch norm, dropout and a linear head; one stage."""

    def __init__(self, setup: Setup[NetOptions]) -> None:
        super().__init__(setup)
        self.backbone = nn.Sequential(
            nn.Conv2d(setup.task.image_shape[2], 4, 3, stride=2), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.2)
        )
        self.head = nn.Linear(4, len(setup.task.classes))

    def logits(self, images: Tensor) -> Tensor:
        """Return (B, C, h, w) → (B, K)."""
        scores: Tensor = self.head(self.backbone(images).mean(dim=(2, 3)))
        return scores

    def predict(self, batch: TestBatch) -> Output:
        """Return the logits."""
        return Output(self.logits(batch.images))

    def step(self, batch: Batch, context: Context) -> Tensor:
        """Return the cross-entropy."""
        return nn.functional.cross_entropy(self.logits(batch.images), batch.labels)

    def optimizers(self) -> Mapping[str, Optim]:
        """Return Adam over everything that is trained."""
        trained = [p for p in self.parameters() if p.requires_grad]
        return {"main": Optim(torch.optim.Adam(trained, lr=self.options.lr))}

    def stages(self) -> Sequence[Stage]:
        """Return the one stage."""
        options = self.options
        return [Stage("train", self.step, self.optimizers, Epochs(options.epochs), Shuffled(options.batch_size))]


class Spy(Net):
    """Keeps everything it is ever given, for a test that looks for test labels in it."""

    seen: ClassVar[list[object]] = []

    def __init__(self, setup: Setup[NetOptions]) -> None:
        super().__init__(setup)
        type(self).seen += [self, setup]

    def predict(self, batch: TestBatch) -> Output:
        """Keep the batch."""
        type(self).seen.append(batch)
        return super().predict(batch)

    def step(self, batch: Batch, context: Context) -> Tensor:
        """Keep the batch and the context."""
        type(self).seen += [batch, context]
        return super().step(batch, context)
