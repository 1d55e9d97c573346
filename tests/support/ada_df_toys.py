"""What the tests of Ada-DF share: a small task whose classes are colours, and the harness's training loop around it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ferbench.testing import Rehearsal
from ferbench.train import Method, Setup, Task, TrainingSet
from ferbench.train.loop import Trainer, seed_everything
from ferbench.train.task import ImageRows
from ferbench.weights import LoadedWeights
from ferbench_ada_df.method import AdaDF
from ferbench_ada_df.options import AdaDFOptions

CLASSES = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")


class Toys(Rehearsal):
    """Builds and trains methods on noisy squares whose colour tells the class."""

    def training(self, count: int = 64, side: int = 32, channels: int = 3) -> TrainingSet:
        """Return `count` images; classes take turns, so that their counts differ by one at most."""
        rng = np.random.default_rng(0)
        labels = np.arange(count) % len(CLASSES)
        colours = np.random.default_rng(1).integers(30, 225, (len(CLASSES), 1, 1, channels))
        images = np.clip(colours[labels] + rng.normal(0, 25, (count, side, side, channels)), 0, 255).astype(np.uint8)
        return TrainingSet(ImageRows(images, np.arange(count)), labels)

    def build(
        self,
        kind: type[Method[Any]] = AdaDF,
        training: TrainingSet | None = None,
        weights: Mapping[str, LoadedWeights] | None = None,
        **options: object,
    ) -> Any:
        """Return an untrained method; quick options unless others are given."""
        training = training or self.training()
        shape = training.images.images.shape[1:]
        counts = tuple(np.bincount(training.labels, minlength=len(CLASSES)).tolist())
        task = Task(CLASSES, shape, len(training), counts)
        quick = {"backbone": "resnet-tiny", "epochs": 2, "batch_size": 16, "augment": "light"}
        config = AdaDFOptions if kind is AdaDF else AdaDFOptions.__mro__[1]
        seed_everything(0, "build")
        return kind(Setup(task, config.model_validate({**quick, **options}), weights or {}))

    def train(
        self, method: Method[Any], training: TrainingSet | None = None, saved: bytes | None = None, stop_after: int = 0
    ) -> Trainer:
        """Train on `training`, or on the toys' own; see `Rehearsal.rehearse`."""
        return self.rehearse(method, training or self.training(), saved, stop_after)
