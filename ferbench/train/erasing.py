"""Random erasing: a rectangle of the normalised image becomes zero, the mean."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor


@dataclass(frozen=True)
class Erasing:
    """Random erasing (Zhong et al., AAAI 2020), in place, with a generator as every transform has it.

    Attributes:
        chance: probability for each image.
        area: least and greatest share of the image.
        ratio: least and greatest height / width, drawn log-uniformly.
    """

    chance: float
    area: tuple[float, float] = (0.02, 0.25)
    ratio: tuple[float, float] = (0.3, 3.3)

    def __call__(self, pixels: Tensor, rng: np.random.Generator) -> None:
        """Erase in a batch (B, c, h, w)."""
        for image in np.flatnonzero(rng.random(len(pixels)) < self.chance):
            self._erase(pixels[image], rng)

    def _erase(self, image: Tensor, rng: np.random.Generator) -> None:
        height, width = image.shape[1:]
        for _ in range(10):  # a rectangle may not fit; after ten in vain the image stays whole
            size = height * width * rng.uniform(*self.area)
            ratio = np.exp(rng.uniform(*np.log(self.ratio)))
            h, w = round(np.sqrt(size * ratio)), round(np.sqrt(size / ratio))
            if h < height and w < width:
                y, x = rng.integers(height - h + 1), rng.integers(width - w + 1)
                image[:, y : y + h, x : x + w] = 0
                return
