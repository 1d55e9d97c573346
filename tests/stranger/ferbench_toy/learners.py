"""Methods that learn: a plain one, one with adversarial turns and two stages, one that trains on the pose."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ferbench.train import (
    Batch,
    Classifier,
    Context,
    Epochs,
    Groups,
    Method,
    Optim,
    Output,
    Setup,
    Shuffled,
    Stage,
    Steps,
    TestBatch,
)
from ferbench_toy.options import LearnerOptions

LOSS_SCALE = 1.0  # tests edit this line


def small_network(channels: int) -> nn.Sequential:
    """Return (B, C, h, w) → (B, 16)."""
    return nn.Sequential(
        nn.Conv2d(channels, 8, 5, padding=2),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, padding=1),
        nn.ReLU(),
        nn.AdaptiveMaxPool2d(1),
        nn.Flatten(),
    )


class Learner(Classifier[LearnerOptions]):
    """A classifier on a network of its own. Writes a line to $FERBENCH_TOY_LOG whenever a training begins."""

    def __init__(self, setup: Setup[LearnerOptions]) -> None:
        Method.__init__(self, setup)
        self.backbone = small_network(setup.task.image_shape[2])
        if "backbone" in setup.weights:
            setup.weights["backbone"].into(self.backbone)
        self.dropout = nn.Dropout(setup.options.dropout)
        self.head = nn.Linear(16, len(setup.task.classes))

    def stages(self) -> Sequence[Stage]:
        """Return the one stage."""
        size = Shuffled(self.options.batch_size)
        return [Stage("train", self._step, self._optimizers, Epochs(self.options.epochs), size, start=self.begin)]

    def begin(self, context: Context) -> None:
        """Say which training begins."""
        note_training(self, context)

    def loss(self, batch: Batch) -> Tensor:
        """Return the scaled cross-entropy."""
        time.sleep(self.options.delay)
        return LOSS_SCALE * super().loss(batch)


def training_key(method: Method[Any], context: Context) -> str:
    """Return a digest of all that a method can see of its cell: options, seed, training rows and labels."""
    total = hashlib.sha256(f"{type(method).__name__} {method.options} {method.task}".encode())
    total.update(context.training.images.rows.tobytes() + context.training.labels.tobytes())
    total.update(context.training.images.take(np.arange(8)).tobytes())
    for role, weights in sorted(method.setup.weights.items()):
        total.update(f"{role} {weights.digest}".encode())
    return total.hexdigest()


def note_training(method: Method[Any], context: Context) -> int:
    """Append the key to $FERBENCH_TOY_LOG and return how often it stands there now; 0 without a log."""
    path = os.environ.get("FERBENCH_TOY_LOG")
    if not path:
        return 0
    key = training_key(method, context)
    with open(path, "a+") as stream:
        stream.write(key + "\n")
        stream.seek(0)
        return stream.read().split().count(key)


class Adversarial(Method[LearnerOptions]):
    """Two stages and two players: an encoder that tells the class and hides the subject, an adversary that finds it.

    The teacher (a moving average of the classifier) predicts. All of its state is in the state_dict, the epochs'
    losses as extra state.
    """

    def __init__(self, setup: Setup[LearnerOptions]) -> None:
        super().__init__(setup)
        subjects = setup.task.columns["subject"].categories if "subject" in setup.task.columns else None
        self.encoder = small_network(setup.task.image_shape[2])
        self.head = nn.Linear(16, len(setup.task.classes))
        self.teacher = nn.Linear(16, len(setup.task.classes)).requires_grad_(False)
        self.adversary = nn.Linear(16, len(subjects or ("nobody",)))
        self.losses: list[float] = []

    def get_extra_state(self) -> dict[str, Any]:
        """Return what is no tensor."""
        return {"losses": self.losses}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Take it back."""
        self.losses = list(state["losses"])

    def stages(self) -> Sequence[Stage]:
        """Warm up on single images, then take turns on same-class pairs."""
        warm = Stage("warm", self._warm, self._one, Steps(6), Shuffled(self.options.batch_size), start=self._begin)
        turns = Stage(
            "turns",
            self._turn,
            self._two,
            Epochs(self.options.epochs),
            Groups(groups=self.options.batch_size // 2, size=2),
            start=self._copy,
            after_update=self._follow,
            end_of_epoch=self._centres,
        )
        return [warm, turns]

    def predict(self, batch: TestBatch) -> Output:
        """Return the teacher's logits and, as extras, the adversary's."""
        embedding = self.encoder(batch.images)
        return Output(self.teacher(embedding), {"adversary": self.adversary(embedding)})

    def _begin(self, context: Context) -> None:
        note_training(self, context)

    def _one(self) -> Mapping[str, Optim]:
        return {
            "main": Optim(torch.optim.Adam([*self.encoder.parameters(), *self.head.parameters()], lr=self.options.lr))
        }

    def _two(self) -> Mapping[str, Optim]:
        return {**self._one(), "adversary": Optim(torch.optim.SGD(self.adversary.parameters(), lr=0.05, momentum=0.9))}

    def _warm(self, batch: Batch, context: Context) -> Tensor:
        return nn.functional.cross_entropy(self.head(self.encoder(batch.images)), batch.labels)

    def _copy(self, context: Context) -> None:
        self.teacher.load_state_dict(self.head.state_dict())

    def _turn(self, batch: Batch, context: Context) -> None:
        time.sleep(self.options.delay)
        images, labels = batch.images.flatten(0, 1), batch.labels.flatten()  # (B, 2, …) → (2B, …)
        subject = batch.columns["subject"].flatten() if "subject" in batch.columns else torch.zeros_like(labels)
        embedding = self.encoder(images)
        found = nn.functional.cross_entropy(self.adversary(embedding.detach()), subject)
        context.minimise(found, "adversary")
        told = nn.functional.cross_entropy(self.head(embedding), labels, reduction="none")
        hidden = nn.functional.cross_entropy(self.adversary(embedding), subject)
        context.minimise(told.mean() - 0.01 * hidden, "main")
        context.log("found", found.detach())
        context.log("undefined", float("nan"))
        context.record("told", batch.index.flatten(), told)

    def _follow(self, context: Context) -> None:
        with torch.no_grad():
            for mine, new in zip(self.teacher.parameters(), self.head.parameters(), strict=True):
                mine.lerp_(new, 0.2)

    def _centres(self, context: Context) -> None:
        total = torch.zeros(len(self.task.classes), 16)
        for batch in context.statistics(64):
            total.index_add_(0, batch.labels, self.encoder(batch.images))
        context.keep("centres", total / torch.tensor(self.task.class_counts)[:, None])
        self.losses.append(context.logs["found"][-1])


class Posed(Learner):
    """Weighs samples by how frontal they are: cannot do without the pose."""

    def loss(self, batch: Batch) -> Tensor:
        """Return the weighted cross-entropy."""
        weights = torch.cos(torch.deg2rad(batch.columns["pose"]))
        each = nn.functional.cross_entropy(self.logits(batch.images), batch.labels, reduction="none")
        return (weights * each).mean()
