"""What a metric is given: stored predictions joined with the true labels by the harness."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from ferbench.errors import MethodError


@dataclass(frozen=True)
class Predictions:
    """Predictions on a test set.

    Attributes:
        ids: (N,) sample ids.
        probabilities: (N, K) float32, rows sum to 1.
        labels: (N,) true class indices.
        classes: K class names.
        columns: (N, …) further columns of the test data (subject, pose, …).
        extras: (N, …) what the method gave beside logits (pose logits, label distributions).
    """

    ids: npt.NDArray[np.str_]
    probabilities: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int64]
    classes: tuple[str, ...]
    columns: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)
    extras: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)

    @property
    def predicted(self) -> npt.NDArray[np.int64]:
        """(N,) class of the highest probability; the first of equals."""
        best: npt.NDArray[np.int64] = self.probabilities.argmax(axis=1)
        return best


def check_probabilities(probabilities: npt.NDArray[np.float32], samples: int, classes: int, where: str) -> None:
    """Refuse what is no probability.

    Raises:
        MethodError: a wrong shape, NaN, negative values, or rows that do not sum to 1.
    """
    found = None
    if probabilities.shape != (samples, classes):
        found = f"shape {probabilities.shape}"
    elif not np.isfinite(probabilities).all():
        found = f"{int((~np.isfinite(probabilities)).any(axis=1).sum())} rows with NaN or infinity"
    elif (probabilities < 0).any() or np.abs(probabilities.sum(axis=1, dtype=np.float64) - 1).max(initial=0) > 1e-3:
        found = "rows that are no distributions"
    if found:
        raise MethodError(
            expected=f"({samples}, {classes}) probabilities",
            found=found,
            where=where,
            remedy="let predict() return finite logits of shape (batch, classes)",
        )
