"""A preprocessor that finds a face in some images, and an attribute estimated from what it finds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ferbench.data.preprocess import TEMPLATE, Image, NoFace, Points, Prepared
from ferbench.datasource import ProgressBar
from toyfaces.options import FinderOptions


class Finder:
    """Finds no face in an image whose pixels' sum has the remainder `blind` when divided by `of`."""

    def __init__(self, options: FinderOptions, weights: Mapping[str, Any] | None = None) -> None:
        self.options, self.weights = options, weights or {}

    def __call__(self, image: Image, landmarks: Points | None, box: Points | None) -> Prepared | NoFace:
        """Return the middle of the image."""
        crop = np.ascontiguousarray(image[4:12, 4:12])
        if int(image.sum()) % self.options.of in self.options.blind:
            return NoFace("nothing there", Prepared(crop))
        return Prepared(crop, (TEMPLATE * 8).astype(np.float32), np.asarray([0, 0, 8, 8], dtype=np.float32))


class Brightness:
    """The mean of an image, as a pose; and a name made of it, as a subject."""

    def __init__(self, options: object) -> None:
        del options

    def __call__(self, images: Any, columns: Mapping[str, Any], progress: ProgressBar) -> Mapping[str, Any]:
        """Return a value an image."""
        means = np.asarray(images, dtype=np.float64).mean(axis=(1, 2, 3))
        with progress("brightness", len(means)) as advance:
            advance(len(means))
        mixed = (means * 97).astype(int) % 4  # every class among each
        return {"pose": means, "subject": np.asarray(["north", "east", "south", "west"])[mixed]}
