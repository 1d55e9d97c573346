"""From prepared images to network input, as in the authors' loop: resize, ten crops, RandAugment, flip, erasing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from torch import Tensor

from ferbench.data.preprocess import scaled
from ferbench.train import FlipShift, Normalise, Views
from ferbench_ada_df.randaugment import RandAugment

Images = npt.NDArray[np.uint8]
Columns = Mapping[str, npt.NDArray[np.generic]]


def resized(images: Images, side: int) -> Images:
    """Return (B, h, w, c) images as (B, side, side, c); as they are where that is their size."""
    if images.shape[1:3] == (side, side):
        return images
    return np.stack([scaled(image, side) for image in images])


def ten_crops(images: Images, side: int) -> list[Images]:
    """Return the four corners and the centre, each (B, side, side, c), then those of the mirror image."""
    edge = images.shape[1] - side
    middle = round(edge / 2)
    corners = [(0, 0), (0, edge), (edge, 0), (edge, edge), (middle, middle)]
    return [both[:, y : y + side, x : x + side] for both in (images, images[:, :, ::-1]) for y, x in corners]


@dataclass(frozen=True)
class Erasing:
    """Random erasing (Zhong et al., AAAI 2020): a rectangle of the normalised image becomes 0.

    Attributes:
        chance: probability for each image.
        scale: least and greatest share of the area.
        ratio: least and greatest height / width, drawn log-uniformly.
    """

    chance: float
    scale: tuple[float, float] = (0.02, 0.25)
    ratio: tuple[float, float] = (0.3, 3.3)

    def __call__(self, pixels: Tensor, rng: np.random.Generator) -> None:
        """Erase in place in a batch (B, c, h, w)."""
        for image in np.flatnonzero(rng.random(len(pixels)) < self.chance):
            self._erase(pixels[image], rng)

    def _erase(self, image: Tensor, rng: np.random.Generator) -> None:
        height, width = image.shape[1:]
        for _ in range(10):  # a rectangle may not fit; after ten in vain the image stays whole
            area = height * width * rng.uniform(*self.scale)
            ratio = np.exp(rng.uniform(*np.log(self.ratio)))
            h, w = round(np.sqrt(area * ratio)), round(np.sqrt(area / ratio))
            if h < height and w < width:
                y, x = rng.integers(height - h + 1), rng.integers(width - w + 1)
                image[:, y : y + h, x : x + w] = 0
                return


@dataclass(frozen=True)
class Pictures:
    """One view of each image, or ten crops of it, plain or augmented. Columns stay as they are.

    Attributes:
        side: of the network's input.
        crops: 1 or 10; ten are cut from the image at 8/7 of `side`.
        normalise: pixels to floats.
        policy: RandAugment, followed by a flip; None: neither.
        erasing: None: nothing is erased.
        light: flip and shift instead of these.
    """

    side: int
    crops: int
    normalise: Normalise
    policy: RandAugment | None = None
    erasing: Erasing | None = None
    light: FlipShift | None = None

    def __call__(self, images: Images, columns: Columns, rng: np.random.Generator) -> Views:
        """Return `crops` views."""
        crops = [resized(images, self.side)]
        if self.crops > 1:
            crops = ten_crops(resized(images, round(self.side * 8 / 7)), self.side)
        if self.light is not None:
            return Views(tuple(self.light(crop, {}, rng).images[0] for crop in crops), columns)
        return Views(tuple(self._view(crop, rng) for crop in crops), columns)

    def _view(self, images: Images, rng: np.random.Generator) -> Tensor:
        if self.policy is not None:
            images = np.stack([self.policy(image, rng) for image in images])
            flipped = rng.random(len(images)) < 0.5
            images[flipped] = images[flipped, :, ::-1]
        pixels = self.normalise.tensor(images)
        if self.erasing is not None:
            self.erasing(pixels, rng)
        return pixels
