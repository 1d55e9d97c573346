"""Yaw from five landmarks: the turn of a mean head whose outline comes nearest to them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ferbench.data.derive import Columns
from ferbench.datasource import ProgressBar
from ferbench.options import NoOptions

Floats = npt.NDArray[np.float64]
Planar = npt.NDArray[np.complex128]

_EYE, _NOSE, _MOUTH = (3.177, 2.629, 3.826), (0.0, -1.127, 7.476), (2.456, -4.343, 4.284)

HEAD = np.asarray([(-_EYE[0], *_EYE[1:]), _EYE, _NOSE, (-_MOUTH[0], *_MOUTH[1:]), _MOUTH])
"""The five landmarks of a mean head, centimetres: (5, 3), to the subject's left, upwards, forwards.

From MediaPipe's canonical face model (`canonical_face_model.obj`, Apache-2.0): an eye is the mean of the middles of its
lids (vertices 145, 159 of the right one), the nose tip vertex 1, the right mouth corner vertex 61. No constant of this
module is fitted to images.
"""

LARGEST_YAW, LARGEST_PITCH = 90.0, 45.0
"""Turns that are tried, degrees."""

TOLERANCE = 0.35
"""Points that no turned head comes nearer to than this share of their own spread are not taken for a face's.

It lies between what expressions and profiles do to a face's landmarks and what five points in a line, which no turned
head resembles, leave at least; tests hold both.
"""

_FIRST_STEP, _LAST_STEP = 7.5, 0.002
_CHUNK = 4096


def projected(yaw: npt.ArrayLike, pitch: npt.ArrayLike) -> Planar:
    """Return the mean head as a distant camera sees it.

    Args:
        yaw: (…) degrees, positive to the subject's left; the head turns about its own upright axis first.
        pitch: (…) degrees, positive upwards.

    Returns:
        (…, 5) points column + i·row of an image, around their mean, of unit length.
    """
    turn, nod = np.radians(np.asarray(yaw, dtype=np.float64)), np.radians(np.asarray(pitch, dtype=np.float64))
    left, up, forward = (HEAD - HEAD.mean(axis=0)).T
    right = np.cos(turn)[..., None] * left + np.sin(turn)[..., None] * forward
    depth = np.cos(turn)[..., None] * forward - np.sin(turn)[..., None] * left
    height = np.cos(nod)[..., None] * up + np.sin(nod)[..., None] * depth
    return _of_unit_length(right - 1j * height)


def yaw_of(landmarks: npt.NDArray[np.floating]) -> Floats:
    """Estimate yaw from landmarks, whatever the roll, scale and place of the face.

    A weak-perspective least-squares fit. For one yaw and pitch, the similarity (roll, scale, shift) that brings the
    projected head p nearest to the points x is known in closed form, and with both centred and of unit length, as
    complex vectors, it leaves 1 − |⟨p, x⟩|² of the spread. What remains is a search over yaw and pitch: a grid, then
    ever finer steps about the best.

    Args:
        landmarks: (N, 5, 2) pixels of the subject's right eye, left eye, nose tip, right and left mouth corner.

    Returns:
        (N,) degrees, positive to the subject's left, within ±90; NaN where a landmark is missing, where all five lie
        within a pixel, or where they are no face's (see `TOLERANCE`).
    """
    points = np.asarray(landmarks, dtype=np.float64)
    yaw = np.full(len(points), np.nan)
    apart = np.ptp(points, axis=1).max(axis=1, initial=0) >= 1  # not so for NaN
    known = np.flatnonzero(np.isfinite(points).all(axis=(1, 2)) & apart)
    for start in range(0, len(known), _CHUNK):
        rows = known[start : start + _CHUNK]
        yaw[rows] = _fitted(_of_unit_length(points[rows, :, 0] + 1j * points[rows, :, 1]))
    return yaw


def _fitted(faces: Planar) -> Floats:
    """Return the yaw of faces (n, 5), centred and of unit length."""
    yaws = np.arange(-LARGEST_YAW, LARGEST_YAW + 1, _FIRST_STEP)
    pitches = np.arange(-LARGEST_PITCH, LARGEST_PITCH + 1, _FIRST_STEP)
    grid = np.stack(np.meshgrid(yaws, pitches, indexing="ij"), axis=-1).reshape(-1, 2)
    best = grid[_agreement(projected(grid[:, 0], grid[:, 1])[None], faces).argmax(axis=1)]
    around = np.stack(np.meshgrid(*[np.arange(-2, 3)] * 2, indexing="ij"), axis=-1).reshape(-1, 2)
    everyone, step = np.arange(len(faces)), _FIRST_STEP / 2
    limits = np.asarray([LARGEST_YAW, LARGEST_PITCH])
    while step > _LAST_STEP:
        tried = np.clip(best[:, None] + step * around, -limits, limits)
        best = tried[everyone, _agreement(projected(tried[..., 0], tried[..., 1]), faces).argmax(axis=1)]
        step /= 2
    left_over = 1 - _agreement(projected(best[:, 0], best[:, 1])[:, None], faces)[:, 0]
    return np.where(left_over <= TOLERANCE**2, best[:, 0], np.nan)


def _agreement(heads: Planar, faces: Planar) -> Floats:
    """Return |⟨p, x⟩|² of heads (1 or n, m, 5) and faces (n, 5): (n, m), at most 1."""
    product = np.einsum("nmk,nk->nm", np.broadcast_to(heads.conj(), (len(faces), *heads.shape[1:])), faces)
    squared: Floats = np.square(product.real) + np.square(product.imag)
    return squared


def _of_unit_length(points: Planar) -> Planar:
    """Return points (…, k) around their mean, of unit length."""
    centred = points - points.mean(axis=-1, keepdims=True)
    result: Planar = centred / np.linalg.norm(centred, axis=-1, keepdims=True)
    return result


class PoseFromLandmarks:
    """Derives `pose` (yaw) from `landmarks`; the pixels are not looked at."""

    def __init__(self, options: NoOptions) -> None:
        self.options = options

    def __call__(self, images: npt.NDArray[np.uint8], columns: Columns, progress: ProgressBar) -> Columns:
        """Return `pose`: (N,) degrees, NaN where there is no estimate."""
        del images
        landmarks = columns["landmarks"]
        with progress("yaw from landmarks", len(landmarks)) as advance:
            yaw = yaw_of(landmarks)
            advance(len(landmarks))
        return {"pose": yaw}
