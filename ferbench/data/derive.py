"""Derived attributes: columns estimated from prepared images for data sets that do not have them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ferbench.datasource import ProgressBar

Columns = Mapping[str, npt.NDArray[Any]]


class Deriver(Protocol):
    """Estimates attributes of all images of a data set at once. Deterministic."""

    def __call__(self, images: npt.NDArray[np.uint8], columns: Columns, progress: ProgressBar) -> Columns:
        """Estimate.

        Args:
            images: (N, h, w, c) prepared images, mapped from disk.
            columns: (N, …) columns of the prepared data that its entry's `needs` names; landmarks are pixels of the
                prepared image, NaN where none are known.
            progress: a progress bar factory.

        Returns:
            (N,) of each column that its entry's `gives` names: names, or numbers with NaN where there is no estimate.
        """
