"""From prepared images to network input, as in the authors' loop: ten crops, RandAugment, flip, erasing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from torch import Tensor

from ferbench.train import Erasing, FlipShift, Normalise, Views, resized
from ferbench_ada_df.randaugment import RandAugment

Images = npt.NDArray[np.uint8]
Columns = Mapping[str, npt.NDArray[np.generic]]


def ten_crops(images: Images, side: int) -> list[Images]:
    """Return the four corners and the centre, each (B, side, side, c), then those of the mirror image."""
    edge = images.shape[1] - side
    middle = round(edge / 2)
    corners = [(0, 0), (0, edge), (edge, 0), (edge, edge), (middle, middle)]
    return [both[:, y : y + side, x : x + side] for both in (images, images[:, :, ::-1]) for y, x in corners]


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
