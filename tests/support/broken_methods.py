"""A sound method, and others that each break one promise: what the conformance kit must tell apart."""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from ferbench import Options
from ferbench.train import (
    Batch,
    Context,
    Epochs,
    Method,
    Normalise,
    Optim,
    Output,
    Setup,
    Shuffled,
    Stage,
    TestBatch,
    Transforms,
    freeze,
)


class SoundOptions(Options):
    """Options of the sound method."""

    epochs: int = 6
    lr: float = 3e-3


class LaxOptions(BaseModel):
    """Options that let anything pass."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    epochs: int = 6
    lr: float = 3e-3


class Sound(Method[Any]):
    """A convolution, a linear layer, two stages."""

    def __init__(self, setup: Setup[Any]) -> None:
        super().__init__(setup)
        self.body = nn.Sequential(
            nn.Conv2d(setup.task.image_shape[2], 16, 4, stride=2),
            nn.BatchNorm2d(16),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(6),
            nn.Flatten(),
        )
        self.head = nn.Linear(16 * 36, len(setup.task.classes))

    def stages(self) -> Sequence[Stage]:
        return [
            Stage("whole", self.step, self.optims, Epochs(self.options.epochs), Shuffled(18)),
            Stage("head", self.step, self.optims, Epochs(2), Shuffled(18), start=self.rest),
        ]

    def rest(self, _context: Context) -> None:
        freeze(self.body)

    def optims(self) -> Mapping[str, Optim]:
        trained = [parameter for parameter in self.parameters() if parameter.requires_grad]
        return {"adam": Optim(torch.optim.Adam(trained, lr=self.options.lr))}

    def transforms(self) -> Transforms:
        return Transforms(train=Normalise(), test=Normalise())

    def logits(self, images: Tensor) -> Tensor:
        scores: Tensor = self.head(self.body(images))
        return scores

    def step(self, batch: Batch, _context: Context) -> Tensor | None:
        return cross_entropy(self.logits(batch.images), batch.labels)

    def predict(self, batch: TestBatch) -> Output:
        return Output(self.logits(batch.images))

    def features(self, images: Tensor) -> Mapping[str, Tensor]:
        features: Tensor = self.body(images)
        return {"expression": features}


class NoMethod:
    """Nothing that ferbench can train."""


class OneSize(Sound):
    """Works with three classes alone."""

    def __init__(self, setup: Setup[Any]) -> None:
        super().__init__(setup)
        self.head = nn.Linear(16 * 36, 3)


class Climbing(Sound):
    """Goes up the loss."""

    def step(self, batch: Batch, _context: Context) -> Tensor | None:
        return -cross_entropy(self.logits(batch.images), batch.labels).clamp(max=50) + 100

    def predict(self, batch: TestBatch) -> Output:
        return Output(-self.logits(batch.images))


class Growing(Sound):
    """Its loss does not fall, though it learns."""

    def step(self, batch: Batch, context: Context) -> Tensor | None:
        return cross_entropy(self.logits(batch.images), batch.labels) + 10.0 * context.epoch


class Idle(Sound):
    """Learns something else."""

    def step(self, batch: Batch, _context: Context) -> Tensor | None:
        return (self.logits(batch.images) - 1).square().mean()


class Neighbourly(Sound):
    """Looks at the batch as a whole."""

    def predict(self, batch: TestBatch) -> Output:
        logits = self.logits(batch.images)
        return Output(logits - 0.5 * logits.mean(dim=0, keepdim=True))


class Restless(Sound):
    """Moves its statistics at test."""

    def predict(self, batch: TestBatch) -> Output:
        self.body.train()
        return Output(self.logits(batch.images))


class Dicing(Sound):
    """Draws at test."""

    def predict(self, batch: TestBatch) -> Output:
        logits = self.logits(batch.images)
        return Output(logits + 1e-5 * torch.randn_like(logits))


class Secretive(Sound):
    """Keeps what it predicts with in a plain attribute."""

    def __init__(self, setup: Setup[Any]) -> None:
        super().__init__(setup)
        self.seen = 0

    def step(self, batch: Batch, _context: Context) -> Tensor | None:
        self.seen += 1
        return super().step(batch, _context)

    def predict(self, batch: TestBatch) -> Output:
        return Output(self.logits(batch.images) * (0.01 if self.seen else 1.0))


class Unseeded(Sound):
    """Draws from a generator of its own."""

    generator = torch.Generator().manual_seed(5)

    def step(self, batch: Batch, _context: Context) -> Tensor | None:
        return cross_entropy(self.logits(batch.images), batch.labels) * (
            0.5 + torch.rand(1, generator=self.generator).squeeze()
        )


class Forgetful(Sound):
    """Counts its steps outside the state, and trains by the count."""

    def __init__(self, setup: Setup[Any]) -> None:
        super().__init__(setup)
        self.count = 0

    def step(self, batch: Batch, _context: Context) -> Tensor | None:
        self.count += 1
        return cross_entropy(self.logits(batch.images), batch.labels) * (1.0 + 0.1 * (self.count // 5))

    def optims(self) -> Mapping[str, Optim]:
        trained = [parameter for parameter in self.parameters() if parameter.requires_grad]
        return {"sgd": Optim(torch.optim.SGD(trained, lr=0.05))}


class Flat(Sound):
    """Gives features that are no vectors."""

    def features(self, images: Tensor) -> Mapping[str, Tensor]:
        return {"expression": self.body(images).reshape(-1)}


class Blended(Sound):
    """Gives features that depend on the batch."""

    def features(self, images: Tensor) -> Mapping[str, Tensor]:
        features = self.body(images)
        return {"expression": features - features.mean(dim=0)}


class Peeking(Sound):
    """Asks for a column at test that it does not declare."""

    def predict(self, batch: TestBatch) -> Output:
        return Output(self.logits(batch.images) + 0 * batch.columns["subject"].float()[:, None])


class Homesick(Sound):
    """Makes a tensor on the processor, wherever the images are."""

    def predict(self, batch: TestBatch) -> Output:
        return Output(self.logits(batch.images) + torch.zeros(len(batch.images), 1))


class Calling(Sound):
    """Looks up an address when it is built."""

    def __init__(self, setup: Setup[Any]) -> None:
        super().__init__(setup)
        socket.getaddrinfo("127.0.0.1", 80)


class Littering(Sound):
    """Leaves a file beside its source."""

    def step(self, batch: Batch, _context: Context) -> Tensor | None:
        path = Path(__file__).with_name("litter.txt")
        path.write_text("a step")
        path.unlink()
        return super().step(batch, _context)
