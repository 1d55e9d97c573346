"""Section 5.2's augmentation: seven rotations, each as it is and mirrored."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from ferbench.train import Normalisation, Views
from ferbench.train.transforms import Columns, Images

ANGLES = (-15, -10, -5, 0, 5, 10, 15)
"""Degrees."""


@dataclass(frozen=True)
class TurnFlip:
    """One of the paper's fourteen versions of each image, all equally likely, drawn anew each time.

    The paper does not say whether it stores all versions or draws one; drawn, an epoch is one pass over the images.
    Of the columns only the label is given back: the others no longer fit a turned image.

    Attributes:
        normalise: what comes after.
    """

    normalise: Normalisation

    def __call__(self, images: Images, columns: Columns, rng: np.random.Generator) -> Views:
        """Return one view."""
        drawn = rng.integers(2 * len(ANGLES), size=len(images))
        made = np.stack([version(image, int(number)) for image, number in zip(images, drawn, strict=True)])
        return Views((self.normalise.tensor(made),), {"label": columns["label"]})


def version(image: npt.NDArray[np.uint8], number: int) -> npt.NDArray[np.uint8]:
    """Return version 0 … 13 of an image (h, w, c): turned by an angle, from number 7 on mirrored before.

    Beyond the image its edge is repeated.
    """
    mirrored, angle = number >= len(ANGLES), ANGLES[number % len(ANGLES)]
    picture = np.ascontiguousarray(image[:, ::-1]) if mirrored else image
    if angle == 0:
        return picture
    height, width = image.shape[:2]
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), angle, 1.0)
    turned = cv2.warpAffine(picture, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    made: npt.NDArray[np.uint8] = turned.astype(np.uint8).reshape(image.shape)
    return made
