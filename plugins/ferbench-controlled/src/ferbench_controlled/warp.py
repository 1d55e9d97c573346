"""One affine warp about the centre of each of many small images."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

Interpolation = Literal["bilinear", "nearest"]
Images = npt.NDArray[np.uint8]

_AT_ONCE = 256
"""Images warped at a time: few enough for their coordinates to stay in a processor's cache."""


def warped(
    images: Images,
    rotation: npt.ArrayLike,
    scale: npt.ArrayLike = 1.0,
    interpolation: Interpolation = "bilinear",
) -> Images:
    """Rotate and scale images about their centres, in one interpolation.

    Args:
        images: (N, H, W) grey.
        rotation: (N,) or one number: degrees, counter-clockwise as one looks at the image.
        scale: (N,) or one number: above 0; 0.5 halves what is shown.
        interpolation: between the four pixels around the source of a pixel, or the nearest of them.

    Returns:
        (N, H, W); beyond the image's edge everything is black. Rotation 0 at scale 1 is the identity.
    """
    radians = np.broadcast_to(np.deg2rad(np.asarray(rotation, dtype=np.float64)), len(images))
    factor = np.broadcast_to(np.asarray(scale, dtype=np.float64), len(images))
    # Where a pixel of the result comes from: the inverse map. y grows downwards.
    cosine, sine = ((turn(radians) / factor).astype(np.float32) for turn in (np.cos, np.sin))
    taken = _interpolated if interpolation == "bilinear" else _nearest
    result = np.empty_like(images)
    for start in range(0, len(images), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        result[part] = taken(images[part], *_sources(images.shape[1:], cosine[part], sine[part]))
    return result


def _sources(
    shape: tuple[int, ...], cosine: npt.NDArray[np.float32], sine: npt.NDArray[np.float32]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return the (N, H, W) columns and rows that the pixels of the result are taken from."""
    height, width = shape
    middle_x, middle_y = np.float32((width - 1) / 2), np.float32((height - 1) / 2)
    x, y = np.arange(width, dtype=np.float32) - middle_x, (np.arange(height, dtype=np.float32) - middle_y)[:, None]
    cosine, sine = cosine[:, None, None], sine[:, None, None]
    return cosine * x - sine * y + middle_x, sine * x + cosine * y + middle_y


def _interpolated(images: Images, x: npt.NDArray[np.float32], y: npt.NDArray[np.float32]) -> Images:
    """Interpolate images (N, H, W) at columns and rows (N, H, W)."""
    count, height, width = images.shape
    # A black frame: one pixel before, two behind, for the right neighbour of what lies just behind the edge.
    framed = np.pad(images, ((0, 0), (1, 2), (1, 2))).astype(np.float32)
    x, y = np.clip(x, -1, width) + 1, np.clip(y, -1, height) + 1
    left, top = x.astype(np.int32), y.astype(np.int32)
    x -= left
    y -= top
    stride = width + 3
    first = np.arange(count, dtype=np.int32)[:, None, None] * (stride * (height + 3)) + top * stride + left
    flat = framed.ravel()
    upper = flat[first] * (1 - x) + flat[first + 1] * x
    lower = flat[first + stride] * (1 - x) + flat[first + stride + 1] * x
    made: Images = np.rint(upper * (1 - y) + lower * y).astype(np.uint8)
    return made


def _nearest(images: Images, x: npt.NDArray[np.float32], y: npt.NDArray[np.float32]) -> Images:
    """Take the pixels of images (N, H, W) that are nearest to columns and rows (N, H, W)."""
    count, height, width = images.shape
    framed = np.pad(images, ((0, 0), (1, 1), (1, 1)))
    column, row = (np.rint(np.clip(value, -1, size) + 1).astype(np.int32) for value, size in ((x, width), (y, height)))
    made: Images = framed[np.arange(count)[:, None, None], row, column]
    return made
