"""What a representation metric is given and what it returns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ferbench.canonical import digest

Features = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]


class NotMeasured(Exception):  # noqa: N818  no fault of anybody: the data cannot answer the question
    """The metric has no value on these images. Its message says why; the record and the leaderboard repeat it."""


@dataclass(frozen=True)
class Representations:
    """A method's representations of the test images, joined with what is true of these by the harness.

    Attributes:
        features: (N, D) float32 by name of the representation (`expression`, `identity`); D may differ.
        labels: (N,) true class indices.
        classes: K class names.
        columns: (N, …) further columns of the test data (subject, pose, …).
        seed: the cell's seed; whatever a metric draws, it draws from `rng`.
        ids: (N,) sample ids; empty where nobody knows them.
    """

    features: Mapping[str, Features]
    labels: npt.NDArray[np.int64]
    classes: tuple[str, ...]
    columns: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)
    seed: int = 0
    ids: npt.NDArray[np.str_] = field(default_factory=lambda: np.empty(0, dtype=np.str_))

    def __len__(self) -> int:
        """Return N."""
        return len(self.labels)

    def seed_of(self, *purpose: str) -> int:
        """Return the seed, below 2³², that belongs to the cell's seed and a purpose."""
        return int(digest([self.seed, *purpose])[:8], 16)

    def rng(self, *purpose: str) -> np.random.Generator:
        """Return a generator of its own for a purpose: what one metric draws changes no other's draw."""
        return np.random.default_rng(self.seed_of(*purpose))

    def take(self, rows: Rows) -> Representations:
        """Return some images, in the order of `rows` (M,)."""
        return replace(
            self,
            features={name: values[rows] for name, values in self.features.items()},
            labels=self.labels[rows],
            columns={name: values[rows] for name, values in self.columns.items()},
            ids=self.ids[rows] if len(self.ids) else self.ids,
        )

    def at_most(self, most: int, *purpose: str) -> Representations:
        """Return all images, or `most` of them drawn with the seed, in their order."""
        if len(self) <= most:
            return self
        return self.take(np.sort(self.rng(*purpose, "at most").choice(len(self), most, replace=False)))


@dataclass(frozen=True)
class Measured:
    """What a representation metric found.

    Attributes:
        values: numbers by key. The key of a value that belongs to one representation is or begins with that
            representation's name (`expression`, `expression/linear`). NaN and infinity: no value.
        arrays: small arrays to be stored besides (histograms), a few thousand numbers in all.
        settings: how it was measured: counts of what took part, budget, estimator, as JSON values.
        left_out: parts that these data cannot give, with the reason.
    """

    values: Mapping[str, float]
    arrays: Mapping[str, Sequence[Any] | npt.NDArray[Any]] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)


def normalised(features: Features) -> Features:
    """Return the rows at length 1; a row of zeros stays one."""
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    lengths[lengths == 0] = 1
    unit: Features = features / lengths
    return unit
