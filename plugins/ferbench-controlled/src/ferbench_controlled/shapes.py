"""Three shapes, drawn white on black: a square, an ellipse, a heart."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

SHAPES = ("square", "ellipse", "heart")
"""In dSprites' order."""

RADIUS = 0.25
"""Of the circle around each shape at scale 1, as a share of the image's side: half the frame across."""

SAMPLES = 4
"""Points a pixel is sampled at, in each direction."""

_AT_ONCE = 256
_HEART_RADIUS, _HEART_MIDDLE = np.float32(1.25), np.float32(0.25)
"""The smallest circle around (x² + y² − 1)³ = x² y³, and how high above the origin its centre lies."""

Floats = npt.NDArray[np.float32]
Inside = npt.NDArray[np.bool_]


def inside(shape: str, u: Floats, v: Floats) -> Inside:
    """Return which points lie in a shape whose surrounding circle is the unit circle.

    Args:
        shape: one of `SHAPES`.
        u: to the right, of any shape (…).
        v: upwards, (…).
    """
    if shape == "square":
        found: Inside = np.maximum(np.abs(u), np.abs(v)) <= np.float32(np.sqrt(0.5))
    elif shape == "ellipse":
        found = u * u + 4 * v * v <= 1
    else:
        x, y = _HEART_RADIUS * u, _HEART_RADIUS * v + _HEART_MIDDLE
        across = x * x
        out = across + y * y - 1
        found = out * out * out <= across * (y * y * y)
    return found


def drawn(shape: str, factors: Mapping[str, npt.ArrayLike], side: int) -> npt.NDArray[np.uint8]:
    """Draw a shape many times, anti-aliased by sampling each pixel at 4 × 4 points.

    Args:
        shape: one of `SHAPES`.
        factors: (N,) each: `scale`, 1 for a circle of `RADIUS` around the shape; `orientation`, degrees,
            counter-clockwise; `x` to the right and `y` downwards, 0 to 1, at which the largest shape would touch the
            frame.
        side: of the square images, pixels.

    Returns:
        (N, side, side) grey; no shape of a scale up to 1 is cut off.
    """
    scale, orientation, x, y = (
        np.asarray(factors[name], dtype=np.float64) for name in ("scale", "orientation", "x", "y")
    )
    # One pixel is one unit; the outer edges of the frame lie at 0 and `side`.
    reach = RADIUS * side
    middle_x, middle_y = (reach + (side - 2 * reach) * place for place in (x, y))
    cosine, sine = (turn(np.deg2rad(orientation)) / (reach * scale) for turn in (np.cos, np.sin))
    geometry = np.stack([middle_x, middle_y, cosine, sine]).astype(np.float32)
    result = np.empty((len(scale), side, side), dtype=np.uint8)
    for start in range(0, len(scale), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        result[part] = _sampled(shape, geometry[:, part], side)
    return result


def _sampled(shape: str, geometry: Floats, side: int) -> npt.NDArray[np.uint8]:
    middle_x, middle_y, cosine, sine = (values[:, None, None] for values in geometry)
    hits = np.zeros((geometry.shape[1], side, side), dtype=np.uint16)
    pixels = np.arange(side, dtype=np.float32)
    offsets = (np.arange(SAMPLES, dtype=np.float32) + np.float32(0.5)) / np.float32(SAMPLES)
    for down in offsets:
        up = middle_y - (pixels + down)[:, None]
        for right in offsets:
            across = pixels + right - middle_x
            # Turned back by the orientation.
            hits += inside(shape, cosine * across + sine * up, cosine * up - sine * across)
    white: npt.NDArray[np.uint8] = ((hits * 255 + SAMPLES**2 // 2) // SAMPLES**2).astype(np.uint8)
    return white
