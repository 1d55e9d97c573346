"""The 68 points of the iBUG and Multi-PIE mark-up: the five that ferbench knows, and 68 for a synthetic face.

Counted from 1: jaw 1–17, brows 18–27, bridge of the nose 28–31, its wings 32–36, the subject's right eye 37–42 and left
eye 43–48, the outer line of the lips 49–60 (49 and 55 are its corners) and the inner one 61–68 (Gross, Matthews, Cohn,
Kanade & Baker, Multi-PIE, IVC 2010; Sagonas et al., 300 Faces in-the-Wild, ICCV workshops 2013).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from operator import itemgetter

import numpy as np
import numpy.typing as npt

from ferbench_fer_datasets.faces import Face

POINTS = 68

_NEEDED = itemgetter(*range(72, 96), 60, 61, 96, 97, 108, 109)
"""Of 136 numbers: both eyes, the tip of the nose, the corners of the mouth."""


def five(flat: Sequence[float | str]) -> tuple[tuple[float, float], ...]:
    """Return the five points of ferbench from 68, in their pixels.

    Args:
        flat: x, y of point 1, x, y of point 2, and so on, as numbers or texts; those not needed are not looked at.

    Returns:
        The centres of the subject's right and left eye (means of points 37–42 and 43–48), the tip of the nose (31),
        the right and left corner of the mouth (49, 55).

    Raises:
        ValueError: not 68 points, or no finite numbers.
    """
    if len(flat) != 2 * POINTS:
        raise ValueError(f"{len(flat) / 2:g} points, not {POINTS}")
    numbers = list(map(float, _NEEDED(flat)))
    if not math.isfinite(sum(numbers)):
        raise ValueError("points without a place")
    return (
        (sum(numbers[0:12:2]) / 6, sum(numbers[1:12:2]) / 6),
        (sum(numbers[12:24:2]) / 6, sum(numbers[13:24:2]) / 6),
        (numbers[24], numbers[25]),
        (numbers[26], numbers[27]),
        (numbers[28], numbers[29]),
    )


def sixty_eight(face: Face) -> npt.NDArray[np.float64]:
    """Return 68 points of a face: those that five points derive from are exact, the others merely plausible.

    Returns:
        (68, 2) pixels.
    """
    right, left, nose, corner, other = face.landmarks.astype(np.float64)
    x0, y0, x1, y1 = face.box
    across = (left - right) / 2
    angles = np.linspace(np.pi, 0, 17)
    centre, radii = np.asarray([(x0 + x1) / 2, (y0 + y1) / 2]), np.asarray([(x1 - x0) / 2, (y1 - y0) / 2])
    jaw = centre + radii * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    brow = np.stack([np.linspace(-0.5, 0.5, 5), [-0.45, -0.55, -0.6, -0.55, -0.45]], axis=1) * np.abs(across).max()
    around = 2 * np.pi * np.arange(6) / 6 + np.pi
    lid = np.stack([np.cos(around), 0.4 * np.sin(around)], axis=1) * np.abs(across).max() * 0.3  # its mean is 0
    bridge = np.linspace((right + left) / 2, nose, 4)
    wings = nose + np.stack([np.linspace(-0.3, 0.3, 5), np.full(5, 0.2)], axis=1) * np.abs(across).max()
    mouth, half = (corner + other) / 2, (other - corner) / 2
    down = np.asarray([-half[1], half[0]])
    # Twelve points around the lips from one corner (49) over the other (55), then eight on their inner side.
    turns = np.pi + 2 * np.pi * np.arange(12) / 12
    outer = mouth + np.cos(turns)[:, None] * half + 0.5 * np.sin(turns)[:, None] * down
    turns = np.pi + 2 * np.pi * np.arange(8) / 8
    inner = mouth + 0.8 * np.cos(turns)[:, None] * half + 0.2 * np.sin(turns)[:, None] * down
    return np.concatenate([jaw, right + brow, left + brow, bridge, wings, right + lid, left + lid, outer, inner])
