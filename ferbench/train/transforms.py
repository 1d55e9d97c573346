"""Transforms: prepared uint8 images to network input, with augmentation in training.

A transform works on a whole batch and draws all its randomness from the generator it is given, so that a batch
is the same in any process and after any resume.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ferbench.data.preprocess import scaled
from ferbench.train.batch import Views

if TYPE_CHECKING:
    import albumentations

Images = npt.NDArray[np.uint8]
Columns = Mapping[str, npt.NDArray[np.generic]]

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
PLAIN_MEAN, PLAIN_STD = (0.5,), (0.25,)


class Transform(Protocol):
    """Prepared images to network input."""

    def __call__(self, images: Images, columns: Columns, rng: np.random.Generator) -> Views:
        """Transform a batch.

        Args:
            images: (B, h, w, c) uint8.
            columns: (B, …) training columns, `label` among them in training; return them, changed where the
                image changed (a fresh rotation changes the rotation bin, be it column or label).
            rng: the only source of randomness.
        """


@dataclass(frozen=True)
class Transforms:
    """The three transforms of a method.

    Attributes:
        train: with augmentation.
        test: deterministic.
        statistics: for passes over the training set in evaluation mode; `test` by default.
    """

    train: Transform
    test: Transform
    statistics: Transform | None = None


class Normalisation(Protocol):
    """Prepared images to numbers, without randomness: the last step of every transform, and a transform itself."""

    def tensor(self, images: Images) -> Tensor:
        """Return (B, c, h, w) float32 from (B, h, w, c) uint8."""

    def __call__(self, images: Images, columns: Columns, rng: np.random.Generator) -> Views:
        """Return one view."""


@dataclass(frozen=True)
class Normalise:
    """uint8 → (x / 255 − mean) / std, channels last in memory.

    Attributes:
        mean: by channel, or one for all.
        std: by channel, or one for all.
    """

    mean: Sequence[float] = PLAIN_MEAN
    std: Sequence[float] = PLAIN_STD

    def tensor(self, images: Images) -> Tensor:
        """Return (B, c, h, w) float32."""
        pixels = torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2).float()
        mean = torch.tensor(self.mean).view(1, -1, 1, 1) * 255
        scale = 1 / (torch.tensor(self.std).view(1, -1, 1, 1) * 255)
        return pixels.sub_(mean).mul_(scale)

    def __call__(self, images: Images, columns: Columns, rng: np.random.Generator) -> Views:
        """Return one view."""
        return Views((self.tensor(images),), columns)


@dataclass(frozen=True)
class Whiten:
    """Each image by its own statistics: (x − mean) / max(std, 1 / √n), over its n values in all channels.

    The lower bound keeps a picture of one colour at zero instead of NaN. Channels last in memory.
    """

    def tensor(self, images: Images) -> Tensor:
        """Return (B, c, h, w) float32, each image of mean 0 and standard deviation 1."""
        pixels = torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2).float()
        count = pixels[0].numel() if len(pixels) else 1
        # Sums in double precision: in single precision even a constant image differs from its mean.
        mean = pixels.double().mean(dim=(1, 2, 3), keepdim=True).float()
        pixels.sub_(mean)
        std = pixels.double().square_().mean(dim=(1, 2, 3), keepdim=True).sqrt_().clamp_(min=count**-0.5)
        return pixels.div_(std.float())

    def __call__(self, images: Images, columns: Columns, rng: np.random.Generator) -> Views:
        """Return one view."""
        return Views((self.tensor(images),), columns)


def resized(images: Images, side: int) -> Images:
    """Return (B, h, w, c) images as (B, side, side, c); as they are where that is their size."""
    if images.shape[1:3] == (side, side):
        return images
    return np.stack([scaled(image, side) for image in images])


@dataclass(frozen=True)
class Resized:
    """Scaled to a square before another normalisation: networks that were made for a size of their own.

    Attributes:
        normalise: what comes after.
        side: pixels.
    """

    normalise: Normalisation
    side: int

    def tensor(self, images: Images) -> Tensor:
        """Return (B, c, side, side) float32."""
        return self.normalise.tensor(resized(images, self.side))

    def __call__(self, images: Images, columns: Columns, rng: np.random.Generator) -> Views:
        """Return one view; `landmarks` and `box` follow the image."""
        factor = np.asarray([self.side / images.shape[2], self.side / images.shape[1]], dtype=np.float32)
        changed: dict[str, npt.NDArray[Any]] = {}
        if "landmarks" in columns:
            points = np.asarray(columns["landmarks"], dtype=np.float32)  # from the centre of the first pixel
            changed["landmarks"] = (points + np.float32(0.5)) * factor - np.float32(0.5)
        if "box" in columns:
            changed["box"] = np.asarray(columns["box"], dtype=np.float32) * np.tile(factor, 2)
        return Views((self.tensor(images),), {**columns, **changed})


@dataclass(frozen=True)
class FlipShift:
    """Random horizontal flip and shift, edges repeated: the cheap augmentation, one pass over the pixels.

    The columns `pose`, `roll`, `landmarks` and `box` follow the image.

    Attributes:
        normalise: what comes after.
        flip: probability of a flip.
        shift: largest shift in pixels, both directions.
    """

    normalise: Normalisation = Normalise()
    flip: float = 0.5
    shift: int = 4

    def __call__(self, images: Images, columns: Columns, rng: np.random.Generator) -> Views:
        """Return one view."""
        count, height, width = images.shape[:3]
        flipped: npt.NDArray[np.bool_] = np.less(rng.random(count), self.flip)
        offsets = rng.integers(0, 2 * self.shift + 1, size=(count, 2))
        border = ((0, 0), (self.shift, self.shift), (self.shift, self.shift), (0, 0))
        padded = np.pad(images, border, mode="edge")
        moved = np.empty_like(images)
        for i, (y, x) in enumerate(offsets):
            window = padded[i, y : y + height, x : x + width]
            moved[i] = window[:, ::-1] if flipped[i] else window
        return self.normalise(moved, _moved_columns(columns, flipped, self.shift - offsets, width), rng)


def _moved_columns(
    columns: Columns, flipped: npt.NDArray[np.bool_], offsets: npt.NDArray[np.int64], width: int
) -> Columns:
    changed: dict[str, npt.NDArray[Any]] = {}
    sign = np.where(flipped, -1, 1).astype(np.float32)
    for name in ("pose", "roll"):
        if name in columns:
            changed[name] = np.asarray(columns[name], dtype=np.float32) * sign
    if "landmarks" in columns:
        points = np.asarray(columns["landmarks"], dtype=np.float32) + offsets[:, None, ::-1]
        mirrored = points[:, [1, 0, 2, 4, 3]] * np.asarray([-1, 1]) + np.asarray([width - 1, 0])
        changed["landmarks"] = np.where(flipped[:, None, None], mirrored, points).astype(np.float32)
    if "box" in columns:
        box = np.asarray(columns["box"], dtype=np.float32) + np.tile(offsets[:, ::-1], 2)
        mirrored = np.asarray([width, 0, width, 0]) + box[:, [2, 1, 0, 3]] * np.asarray([-1, 1, -1, 1])
        changed["box"] = np.where(flipped[:, None], mirrored, box).astype(np.float32)
    return {**columns, **changed}


class Albumented:
    """An albumentations pipeline on each image, then normalisation. Columns stay as they are.

    Args:
        pipeline: transforms on uint8 images; sizes may change if they change alike for all.
        normalise: what comes after.
        views: how many independent views to draw.
    """

    def __init__(
        self, pipeline: Sequence[albumentations.BasicTransform], normalise: Normalisation, views: int = 1
    ) -> None:
        os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # it asks the network for updates at import
        import albumentations as alb

        self.compose = alb.Compose(list(pipeline))
        self.normalise = normalise
        self.views = views

    def __call__(self, images: Images, columns: Columns, rng: np.random.Generator) -> Views:
        """Return `views` views."""
        made = []
        for _ in range(self.views):
            self.compose.set_random_seed(int(rng.integers(2**31)))
            made.append(self.normalise.tensor(np.stack([self.compose(image=image)["image"] for image in images])))
        return Views(tuple(made), columns)
