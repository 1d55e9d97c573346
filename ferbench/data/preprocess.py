"""The preprocessor contract, and the core's own: resize, grey, alignment from five known landmarks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt
from pydantic import Field

from ferbench.options import Options

Image = npt.NDArray[np.uint8]
Points = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Prepared:
    """A prepared image with what is known of the face in it.

    Attributes:
        image: (h, w, c) uint8, c = 1 or 3.
        landmarks: (5, 2) pixels in the prepared image, or None.
        box: (4,) left, top, right, bottom in the prepared image, or None.
    """

    image: Image
    landmarks: Points | None = None
    box: Points | None = None


@dataclass(frozen=True)
class NoFace:
    """No face was found.

    Attributes:
        reason: why, for the user.
        fallback: the centre crop to use where the benchmark says so.
    """

    reason: str
    fallback: Prepared | None = None


class Preprocessor(Protocol):
    """A deterministic image → image function."""

    def __call__(self, image: Image, landmarks: Points | None, box: Points | None) -> Prepared | NoFace:
        """Prepare one image.

        Args:
            image: (H, W, 3) uint8 RGB.
            landmarks: (5, 2) pixels, or None.
            box: (4,) left, top, right, bottom, or None.
        """


class ResizeOptions(Options):
    """Options of `resize`."""

    size: int = Field(default=112, ge=8, le=2048, description="side of the square output, pixels")
    grey: bool = Field(default=False, description="one luma channel instead of RGB")


def to_grey(image: Image) -> Image:
    """Return the luma of an RGB image: (H, W, 3) → (H, W, 1), ITU-R BT.601."""
    grey: Image = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None].astype(np.uint8)
    return grey


def scaled(image: Image, size: int) -> Image:
    """Resize to size × size: area averaging downwards, bilinear upwards."""
    if image.shape[:2] == (size, size):
        return image
    smaller = size < min(image.shape[:2])
    result = cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR)
    squared: Image = result.astype(np.uint8).reshape(size, size, image.shape[2])
    return squared


class Resize:
    """Scale the whole image to a square."""

    def __init__(self, options: ResizeOptions) -> None:
        self.options = options

    def __call__(self, image: Image, landmarks: Points | None, box: Points | None) -> Prepared:
        """Prepare one image; landmarks and box move with it."""
        size = self.options.size
        factor = np.asarray([size / image.shape[1], size / image.shape[0]], dtype=np.float32)
        picture = to_grey(image) if self.options.grey else image
        return Prepared(
            scaled(picture, size),
            # Pixel centres lie at whole numbers, the edges of a box between pixels.
            None if landmarks is None else (landmarks + np.float32(0.5)) * factor - np.float32(0.5),
            None if box is None else box * np.tile(factor, 2),
        )


class AlignOptions(Options):
    """Options of `align`."""

    size: int = Field(default=112, ge=16, le=2048, description="side of the square output, pixels")
    grey: bool = Field(default=False, description="one luma channel instead of RGB")
    margin: float = Field(default=0.0, ge=0, le=0.45, description="border on each side, as a share of the output")


TEMPLATE = np.asarray(
    [[0.3420, 0.4616], [0.6565, 0.4598], [0.5002, 0.6405], [0.3710, 0.8247], [0.6315, 0.8232]], dtype=np.float32
)
"""Five points of an upright face in a unit square: the 112 × 112 template of ArcFace (Deng et al., CVPR 2019) / 112."""


def similarity(landmarks: Points, size: int, margin: float) -> npt.NDArray[np.float64]:
    """Return the 2 × 3 matrix that moves landmarks nearest to the template (Umeyama, PAMI 1991).

    Args:
        landmarks: (5, 2) pixels.
        size: side of the output.
        margin: border on each side, as a share of the output.

    Returns:
        Rotation, uniform scale and translation; never a reflection.
    """
    target = (TEMPLATE * (1 - 2 * margin) + margin) * size
    source_mean, target_mean = landmarks.mean(axis=0), target.mean(axis=0)
    source, wanted = (landmarks - source_mean).astype(np.float64), (target - target_mean).astype(np.float64)
    u, spread, vt = np.linalg.svd(wanted.T @ source)
    sign = np.diag([1.0, np.sign(np.linalg.det(u @ vt))])
    rotation = u @ sign @ vt
    scale = float((spread * np.diag(sign)).sum() / (source**2).sum())
    shift = target_mean - scale * rotation @ source_mean
    return np.hstack([scale * rotation, shift[:, None]])


def warped(image: Image, matrix: npt.NDArray[np.float64], size: int) -> Image:
    """Apply an affine map; where it shrinks, pixels are averaged first, since the map itself only interpolates.

    Args:
        image: (H, W, c).
        matrix: 2 × 3, to the output.
        size: side of the output.

    Returns:
        (size, size, c); beyond the image its edge is repeated, not mirrored: a mirrored profile would put a
        second face into the picture.
    """
    scale = float(np.sqrt(np.linalg.det(matrix[:, :2])))
    if scale < 1:
        height, width = (max(1, round(side * scale)) for side in image.shape[:2])
        smaller = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
        stretch = np.asarray([image.shape[1] / width, image.shape[0] / height])
        # Pixel centres lie at whole numbers: the half pixel moves with the scale.
        shift = matrix[:, :2] @ ((stretch - 1) / 2)
        matrix = np.hstack([matrix[:, :2] * stretch, (matrix[:, 2] + shift)[:, None]])
        image = smaller.reshape(height, width, image.shape[2]).astype(np.uint8)
    made = cv2.warpAffine(image, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    result: Image = made.astype(np.uint8).reshape(size, size, image.shape[2])
    return result


def centre_square(image: Image) -> Points:
    """Return the box (4,) of the largest square in the middle of an image."""
    height, width = image.shape[:2]
    side = min(height, width)
    left, top = (width - side) / 2, (height - side) / 2
    return np.asarray([left, top, left + side, top + side], dtype=np.float32)


def square_map(square: Points, size: int) -> npt.NDArray[np.float64]:
    """Return the 2 × 3 matrix that scales a square box (4,) of an image to size × size."""
    left, top, right, _ = (float(edge) for edge in square)
    scale = size / (right - left)
    # Pixel centres lie at whole numbers, the edges of a box between pixels.
    return np.asarray([[scale, 0, (0.5 - left) * scale - 0.5], [0, scale, (0.5 - top) * scale - 0.5]])


def mapped(
    image: Image,
    matrix: npt.NDArray[np.float64],
    size: int,
    *,
    grey: bool,
    landmarks: Points | None = None,
    box: Points | None = None,
) -> Prepared:
    """Apply an affine map to an image and to what is known of the face in it.

    Args:
        image: (H, W, 3) uint8 RGB.
        matrix: 2 × 3, pixel centres to pixel centres of the output.
        size: side of the square output.
        grey: one luma channel instead of RGB.
        landmarks: (5, 2) pixels.
        box: (4,); the upright box around its four moved corners is given back.
    """
    points = None if landmarks is None else (landmarks @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32)
    return Prepared(warped(to_grey(image) if grey else image, matrix, size), points, _moved_box(box, matrix))


def _moved_box(box: Points | None, matrix: npt.NDArray[np.float64]) -> Points | None:
    if box is None:
        return None
    # The matrix maps pixel centres; a box counts from the first pixel's outer edge.
    corners = (box[[[0, 1], [2, 1], [0, 3], [2, 3]]] - 0.5) @ matrix[:, :2].T + matrix[:, 2] + 0.5
    return np.concatenate([corners.min(axis=0), corners.max(axis=0)]).astype(np.float32)


class Align:
    """Similarity alignment of five known landmarks to a template."""

    def __init__(self, options: AlignOptions) -> None:
        self.options = options

    def __call__(self, image: Image, landmarks: Points | None, box: Points | None) -> Prepared | NoFace:
        """Prepare one image; without landmarks there is no face to align."""
        size, grey = self.options.size, self.options.grey
        if landmarks is None or not np.isfinite(landmarks).all() or np.ptp(landmarks, axis=0).max() < 1:
            return NoFace("no five landmarks", mapped(image, square_map(centre_square(image), size), size, grey=grey))
        matrix = similarity(landmarks, size, self.options.margin)
        return mapped(image, matrix, size, grey=grey, landmarks=landmarks, box=box)
