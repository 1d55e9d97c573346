"""What a method may know of its data: the task before training, the training set during it. Never test labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.generic]


@dataclass(frozen=True)
class Column:
    """A column of the training data.

    Attributes:
        categories: names behind the int64 codes of a column of names; None for numbers.
    """

    categories: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Task:
    """What is to be learned.

    Attributes:
        classes: K class names.
        image_shape: (h, w, c) of the prepared images.
        samples: number of training images N.
        class_counts: (K,) training images by class, as labelled.
        columns: the training columns a batch carries.
        seed: the cell's seed.
        target: what the classes are of: `label`, or another column (in a weights recipe).
    """

    classes: tuple[str, ...]
    image_shape: tuple[int, int, int]
    samples: int
    class_counts: tuple[int, ...]
    columns: Mapping[str, Column] = field(default_factory=dict)
    seed: int = 0
    target: str = "label"


@dataclass(frozen=True)
class ImageRows:
    """Some rows of a prepared image array, read when asked for.

    Attributes:
        images: (N, h, w, c) uint8, usually mapped from disk.
        rows: (M,) which of them, in order.
    """

    images: npt.NDArray[np.uint8]
    rows: npt.NDArray[np.int64]

    def __len__(self) -> int:
        """Return M."""
        return len(self.rows)

    def take(self, positions: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
        """Return the images at `positions` (B,) as one (B, h, w, c) array."""
        taken: npt.NDArray[np.uint8] = self.images[self.rows[positions]]
        return taken


@dataclass(frozen=True)
class TrainingSet:
    """The training data as the protocol gives it.

    Attributes:
        images: N images.
        labels: (N,) int64.
        columns: (N, …) float32 numbers or int64 codes by name.
    """

    images: ImageRows
    labels: npt.NDArray[np.int64]
    columns: Mapping[str, Array] = field(default_factory=dict)

    def __len__(self) -> int:
        """Return N."""
        return len(self.labels)


def encode(values: Array) -> tuple[Array, Column]:
    """Return a column as numbers: names become int64 codes in sorted order, numbers float32."""
    if values.dtype.kind in "US":
        names, codes = np.unique(values, return_inverse=True)
        return codes.astype(np.int64), Column(tuple(str(name) for name in names))
    return values.astype(np.float32), Column()
