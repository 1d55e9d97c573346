"""Toy data for checks: a pattern for each class, subject and pose, drawn from a seed; nothing to download."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ferbench.train.task import Array, Column, ImageRows, Task, TrainingSet, encode

YAWS = (-45.0, 0.0, 45.0)
COARSE, FINE, FINEST = 4, 6, 8
"""Cells across of the patterns of classes, poses and subjects."""


@dataclass(frozen=True)
class Toys:
    """A small classification problem that any network learns in a few epochs.

    Attributes:
        classes: K, at least 2.
        side: height and width of the images.
        channels: 1 or 3.
        subjects: people; each has an image of each class in each of three poses.
        further: names of further columns that the data set has, numbers between 0 and 1.
        noise: seed of the pixel noise: another one, other images of the same people.
    """

    classes: int = 3
    side: int = 24
    channels: int = 3
    subjects: int = 6
    further: tuple[str, ...] = ()
    noise: int = 0

    def training(self) -> TrainingSet:
        """Return the images with labels and the columns `subject`, `pose`, `landmarks`, and the further ones."""
        axes = np.indices((self.subjects, self.classes, len(YAWS)))
        person, label, pose = (axis.ravel() for axis in axes)
        images = np.full((len(label), self.side, self.side), 128.0)
        for seed, (which, size, cells) in enumerate(((label, 60, COARSE), (pose, 25, FINE), (person, 25, FINEST))):
            patterns = np.random.default_rng(seed).uniform(-size, size, (which.max() + 1, cells, cells))
            images += _enlarged(patterns, self.side)[which]
        images += np.random.default_rng([7, self.noise]).normal(0, 10, images.shape)
        pixels = np.clip(images, 0, 255).astype(np.uint8)[..., None].repeat(self.channels, axis=3)
        columns = {name: encode(values)[0] for name, values in self._columns(person, pose).items()}
        return TrainingSet(ImageRows(pixels, np.arange(len(label))), label.astype(np.int64), columns)

    def task(self) -> Task:
        """Return what a method is told of it."""
        training = self.training()
        person = np.arange(self.subjects)
        kinds = {name: encode(values)[1] for name, values in self._columns(person, person % len(YAWS)).items()}
        counts = tuple(np.bincount(training.labels, minlength=self.classes).tolist())
        names = tuple(f"class-{number}" for number in range(self.classes))
        columns: dict[str, Column] = kinds
        return Task(names, (self.side, self.side, self.channels), len(training), counts, columns)

    def _columns(self, person: npt.NDArray[np.int64], pose: npt.NDArray[np.int64]) -> dict[str, Array]:
        five = np.asarray([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]]) * self.side
        columns: dict[str, Array] = {
            "subject": np.asarray([f"person-{number}" for number in person]),
            "pose": np.asarray(YAWS)[pose],
            "landmarks": np.repeat(five[None], len(person), axis=0),
        }
        for number, name in enumerate(self.further):
            columns.setdefault(name, np.random.default_rng([11, number]).random(len(person)))
        return columns


def _enlarged(patterns: npt.NDArray[np.float64], side: int) -> npt.NDArray[np.float64]:
    cells = patterns.shape[1]
    places = np.arange(side) * cells // side
    enlarged: npt.NDArray[np.float64] = patterns[:, places][:, :, places]
    return enlarged
