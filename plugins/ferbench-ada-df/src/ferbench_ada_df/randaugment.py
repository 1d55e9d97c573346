"""RandAugment (Cubuk et al., CVPR 2020) as timm's `rand-m…-n…-mstd0.5` does it, on uint8 arrays.

The authors' loop uses a copy of timm's version, which works on PIL images and draws from global generators. Here
tables and OpenCV do the same on arrays, and every draw comes from the generator that the harness gives. What differs
from Pillow's arithmetic: the sub-pixel interpolation of shear, translation and rotation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
LEVELS = 10.0
"""The magnitude at which an operation is strongest."""
FILL = (124, 116, 104)
"""What comes into the image from outside: ImageNet's mean colour."""
_values = np.arange(256)


@dataclass(frozen=True)
class Draw:
    """How one operation is applied to one image.

    Attributes:
        level: 0 … 1 of the operation's range.
        sign: −1 or 1, for operations that go both ways.
        cubic: bicubic interpolation instead of bilinear, for those that move pixels.
    """

    level: float
    sign: int
    cubic: bool


def _looked_up(image: Image, table: npt.NDArray[np.generic]) -> Image:
    """Apply a table of 256 values, or one a channel (256, c)."""
    clipped = np.clip(table, 0, 255).astype(np.uint8)
    if clipped.ndim == 1:
        taken: Image = clipped[image]
        return taken
    return np.stack([clipped[:, channel][image[..., channel]] for channel in range(image.shape[2])], axis=2)


def _histograms(image: Image) -> npt.NDArray[np.int64]:
    return np.stack([np.bincount(image[..., c].ravel(), minlength=256) for c in range(image.shape[2])])


def auto_contrast(image: Image, _draw: Draw) -> Image:
    """Stretch each channel to the whole range."""
    tables = []
    for channel in range(image.shape[2]):
        low, high = int(image[..., channel].min()), int(image[..., channel].max())
        scale = 255.0 / (high - low) if high > low else 1.0
        tables.append(np.trunc(_values * scale - (low * scale if high > low else 0.0)))
    return _looked_up(image, np.stack(tables, axis=1))


def equalize(image: Image, _draw: Draw) -> Image:
    """Make each channel's values equally frequent."""
    tables = []
    for counts in _histograms(image):
        present = counts[counts > 0]
        step = int(present.sum() - present[-1]) // 255
        below = np.concatenate([[0], np.cumsum(counts)[:-1]])
        tables.append((step // 2 + below) // step if len(present) > 1 and step else _values)
    return _looked_up(image, np.stack(tables, axis=1))


def invert(image: Image, _draw: Draw) -> Image:
    """Turn light into dark."""
    return 255 - image


def posterize(image: Image, draw: Draw) -> Image:
    """Keep the 0 to 4 highest bits; fewer at a lower level."""
    return _looked_up(image, _values & -(2 ** (8 - int(draw.level * 4))))


def solarize(image: Image, draw: Draw) -> Image:
    """Invert what is not below a threshold of 0 to 256."""
    return _looked_up(image, np.where(_values < min(256, int(draw.level * 256)), _values, 255 - _values))


def solarize_add(image: Image, draw: Draw) -> Image:
    """Add up to 110 to what is below 128."""
    return _looked_up(image, np.where(_values < 128, _values + min(128, int(draw.level * 110)), _values))


def _grey(image: Image) -> npt.NDArray[np.int64]:
    if image.shape[2] == 1:
        return image[..., 0].astype(np.int64)
    weighted: npt.NDArray[np.int64] = image.astype(np.int64) @ np.array([19595, 38470, 7471]) + 0x8000
    return weighted >> 16  # Pillow's weights and rounding


def _blended(plain: npt.NDArray[np.generic], image: Image, draw: Draw) -> Image:
    """Go from a plainer image (0) through the image (1) beyond it; the level gives 0.1 to 1.9."""
    factor = np.float32(draw.level * 1.8 + 0.1)
    start = plain.astype(np.float32)
    return np.clip(np.trunc(start + factor * (image.astype(np.float32) - start)), 0, 255).astype(np.uint8)


def color(image: Image, draw: Draw) -> Image:
    """Change the saturation."""
    return _blended(np.broadcast_to(_grey(image)[..., None], image.shape), image, draw)


def contrast(image: Image, draw: Draw) -> Image:
    """Change the contrast around the mean grey."""
    return _blended(np.full(image.shape, int(_grey(image).mean() + 0.5)), image, draw)


def brightness(image: Image, draw: Draw) -> Image:
    """Change the brightness."""
    return _blended(np.zeros(image.shape), image, draw)


_SMOOTH = np.array([[1, 1, 1], [1, 5, 1], [1, 1, 1]], dtype=np.float32) / 13


def sharpness(image: Image, draw: Draw) -> Image:
    """Smooth or sharpen; the outermost pixels stay."""
    smooth = image.copy()
    filtered = cv2.filter2D(image.astype(np.float32), -1, _SMOOTH).reshape(image.shape)
    smooth[1:-1, 1:-1] = np.floor(filtered[1:-1, 1:-1] + 0.5)
    return _blended(smooth, image, draw)


def _moved(image: Image, matrix: npt.NDArray[np.float64], draw: Draw) -> Image:
    """Sample the image at matrix · (x, y, 1), pixel centres at halves as Pillow counts them."""
    inverse = matrix.copy()
    inverse[:, 2] += (matrix[:, 0] + matrix[:, 1]) / 2 - 0.5
    flags = (cv2.INTER_CUBIC if draw.cubic else cv2.INTER_LINEAR) | cv2.WARP_INVERSE_MAP
    fill = FILL if image.shape[2] == 3 else (round(sum(FILL) / 3),)
    size = (image.shape[1], image.shape[0])
    moved: Image = cv2.warpAffine(image, inverse, size, flags=flags, borderMode=cv2.BORDER_CONSTANT, borderValue=fill)
    return moved.reshape(image.shape)


def shear_x(image: Image, draw: Draw) -> Image:
    """Shear by up to 0.3, horizontally."""
    return _moved(image, np.array([[1, draw.sign * draw.level * 0.3, 0], [0, 1, 0]]), draw)


def shear_y(image: Image, draw: Draw) -> Image:
    """Shear by up to 0.3, vertically."""
    return _moved(image, np.array([[1, 0, 0], [draw.sign * draw.level * 0.3, 1, 0]]), draw)


def translate_x(image: Image, draw: Draw) -> Image:
    """Move by up to 0.45 of the width."""
    return _moved(image, np.array([[1, 0, draw.sign * draw.level * 0.45 * image.shape[1]], [0, 1, 0]]), draw)


def translate_y(image: Image, draw: Draw) -> Image:
    """Move by up to 0.45 of the height."""
    return _moved(image, np.array([[1, 0, 0], [0, 1, draw.sign * draw.level * 0.45 * image.shape[0]]]), draw)


def rotate(image: Image, draw: Draw) -> Image:
    """Turn by up to 30° around the centre."""
    angle = np.deg2rad(draw.sign * draw.level * 30)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    centre = np.array([image.shape[1], image.shape[0]]) / 2
    return _moved(image, np.hstack([turn, (centre - turn @ centre)[:, None]]), draw)


OPERATIONS: tuple[Callable[[Image, Draw], Image], ...] = (
    auto_contrast,
    equalize,
    invert,
    rotate,
    posterize,
    solarize,
    solarize_add,
    color,
    contrast,
    brightness,
    sharpness,
    shear_x,
    shear_y,
    translate_x,
    translate_y,
)


@dataclass(frozen=True)
class RandAugment:
    """Some operations in a row, each drawn with replacement and applied half of the time.

    Attributes:
        layers: operations drawn for each image.
        magnitude: mean level, 0 … 10.
        spread: standard deviation of the level.
        chance: probability that a drawn operation is applied.
    """

    layers: int
    magnitude: float
    spread: float = 0.5
    chance: float = 0.5

    def __call__(self, image: Image, rng: np.random.Generator) -> Image:
        """Return the image (h, w, c), changed."""
        for number in rng.integers(len(OPERATIONS), size=self.layers):
            if rng.random() > self.chance:
                continue
            level = float(np.clip(rng.normal(self.magnitude, self.spread), 0, LEVELS)) / LEVELS
            draw = Draw(level, 1 if rng.random() < 0.5 else -1, bool(rng.random() < 0.5))
            image = OPERATIONS[number](image, draw)
        return image
