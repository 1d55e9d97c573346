"""What the tests of THIN share: turned bars whose angle is the exogenous variable, and the harness's training loop."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np

from ferbench.testing import Rehearsal
from ferbench.train import Column, Method, Setup, Task, TrainingSet
from ferbench.train.loop import Trainer, seed_everything
from ferbench.train.task import ImageRows
from ferbench.weights import LoadedWeights
from ferbench_thin.method import Thin
from ferbench_thin.options import ThinOptions

CLASSES = ("one", "two", "three")
BINS = 6


class Toys(Rehearsal):
    """Builds and trains methods on bars: one, two or three of them tell the class, their common angle is exogenous."""

    def training(self, count: int = 96, side: int = 28, seed: int = 0) -> TrainingSet:
        """Return `count` grey images of bars with the column `rotation`, degrees; classes take turns."""
        rng = np.random.default_rng(seed)
        labels = np.arange(count) % len(CLASSES)
        angles = rng.uniform(-90, 90, count).astype(np.float32)
        images = np.zeros((count, side, side, 1), np.uint8)
        for image, label, angle in zip(images, labels, angles, strict=True):
            upright = np.zeros((side, side), np.uint8)
            for bar in range(label + 1):
                left = side // 4 + bar * side // 5
                upright[side // 5 : -side // 5, left : left + 2] = 230
            turn = cv2.getRotationMatrix2D(((side - 1) / 2, (side - 1) / 2), float(angle), 1.0)
            image[..., 0] = cv2.warpAffine(upright, turn, (side, side), flags=cv2.INTER_LINEAR)
        noisy = np.clip(images + rng.normal(0, 8, images.shape), 0, 255).astype(np.uint8)
        return TrainingSet(ImageRows(noisy, np.arange(count)), labels, {"rotation": angles})

    def turned(self, training: TrainingSet) -> TrainingSet:
        """Return the same images with the angle's bin as label: what the exogenous network learns."""
        bins = np.minimum((training.columns["rotation"].astype(np.float64) + 90) // (180 / BINS), BINS - 1)
        return TrainingSet(training.images, bins.astype(np.int64))

    def task(self, training: TrainingSet, classes: tuple[str, ...] = CLASSES) -> Task:
        """Return what a method is told of the data."""
        counts = tuple(np.bincount(training.labels, minlength=len(classes)).tolist())
        columns = {name: Column() for name in training.columns}
        return Task(classes, training.images.images.shape[1:], len(training), counts, columns)

    def build(
        self,
        training: TrainingSet | None = None,
        weights: Mapping[str, LoadedWeights] | None = None,
        classes: tuple[str, ...] = CLASSES,
        kind: type[Method[Any]] = Thin,
        config: type[Any] = ThinOptions,
        **options: object,
    ) -> Any:
        """Return an untrained method; quick options unless others are given."""
        alone = config is ThinOptions and options.get("architecture") == "baseline"
        width = {"hidden": (24,)} if alone else {"expert_hidden": (8,)}
        quick: dict[str, object] = {"epochs": 2, "batch_size": 16, **width}
        seed_everything(0, "build")
        task = self.task(training or self.training(), classes)
        return kind(Setup(task, config.model_validate({**quick, **options}), weights or {}))

    def exogenous(self, training: TrainingSet | None = None, epochs: int = 0, **options: object) -> LoadedWeights:
        """Return weights of an exogenous network, trained for some epochs on the angle's bins."""
        turned = self.turned(training or self.training())
        bins = tuple(f"bin-{number}" for number in range(BINS))
        method = self.build(turned, classes=bins, architecture="baseline", epochs=max(epochs, 1), **options)
        if epochs:
            self.train(method, turned)
        return LoadedWeights("rotation", {name: value.clone() for name, value in method.state_dict().items()}, "0")

    def train(
        self, method: Method[Any], training: TrainingSet | None = None, saved: bytes | None = None, stop_after: int = 0
    ) -> Trainer:
        """Train on `training`, or on the toys' own; see `Rehearsal.rehearse`."""
        return self.rehearse(method, training or self.training(), saved, stop_after)
