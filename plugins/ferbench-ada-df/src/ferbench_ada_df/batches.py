"""The batches of the authors' loop: whole ones only, if asked for from equally many images of each class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class WholeBatches:
    """Shuffled batches of one size; what is left over at the end of an epoch is left out.

    Attributes:
        batch_size: B.
        downsampled: draw as many images of each class as the rarest has, anew each epoch.
    """

    batch_size: int
    downsampled: bool = False

    def drawn(self, labels: Indices, rng: np.random.Generator) -> Indices:
        """Return the samples of one epoch in random order."""
        if not self.downsampled:
            return rng.permutation(len(labels))
        classes, counts = np.unique(labels, return_counts=True)
        chosen = [rng.choice(np.flatnonzero(labels == name), counts.min(), replace=False) for name in classes]
        return rng.permutation(np.concatenate(chosen))

    def batches(
        self, labels: Indices, columns: Mapping[str, npt.NDArray[np.generic]], rng: np.random.Generator
    ) -> Sequence[Indices]:
        """Return ⌊N / B⌋ batches."""
        order = self.drawn(labels, rng)
        whole = len(order) // self.batch_size * self.batch_size
        return list(order[:whole].reshape(-1, self.batch_size))
