"""Making images smaller by averaging over areas, to the letter and in whole numbers: the same on every machine."""

from __future__ import annotations

from math import gcd

import numpy as np
import numpy.typing as npt


def overlaps(before: int, after: int) -> npt.NDArray[np.float32]:
    """Return how much of each old pixel each new one covers: (after, before), in units of which all are whole.

    >>> overlaps(3, 2).tolist()
    [[2.0, 1.0, 0.0], [0.0, 1.0, 2.0]]
    """
    units = after // gcd(before, after), before // gcd(before, after)
    old = np.arange(before + 1) * units[0]
    new = np.arange(after + 1) * units[1]
    low = np.maximum(new[:-1, None], old[None, :-1])
    high = np.minimum(new[1:, None], old[None, 1:])
    covered: npt.NDArray[np.float32] = np.maximum(high - low, 0).astype(np.float32)
    return covered


def shrunk(masks: npt.NDArray[np.uint8], side: int) -> npt.NDArray[np.uint8]:
    """Return black-and-white images as smaller grey ones, each pixel the mean over the area that it covers.

    Args:
        masks: (N, H, H) of 0 and 1.
        side: of the result, at most H.

    Returns:
        (N, side, side), 0 to 255, rounded half up.
    """
    weights = overlaps(masks.shape[1], side)
    whole = int(weights[0].sum()) ** 2
    # Sums of so few small whole numbers are exact in single precision, in whatever order a library adds them.
    covered = (weights @ masks.astype(np.float32) @ weights.T).astype(np.int64)
    grey: npt.NDArray[np.uint8] = ((2 * 255 * covered + whole) // (2 * whole)).astype(np.uint8)
    return grey
