"""Random draws that are the same on every machine: each is a hash of what it is for, and depends on no other."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float32]


def unit(sample: str, seed: int, draw: int, use: str) -> float:
    """Return a number of [0, 1): the first 53 bits of a SHA-256.

    Args:
        sample: id of the sample that is drawn for.
        seed: of the whole data set.
        draw: 0 for the first draw of this sample, 1 for the second.
        use: what is drawn, such as `rotation`: draws for two uses are independent.

    >>> unit("train-00000", 0, 0, "rotation") == unit("train-00000", 0, 0, "rotation")
    True
    """
    bits = hashlib.sha256(f"{use}\0{seed}\0{draw}\0{sample}".encode()).digest()
    return (int.from_bytes(bits[:8], "big") >> 11) / 2**53


def uniform(samples: Iterable[str], seed: int, draw: int, use: str, bounds: tuple[float, float]) -> Values:
    """Return a draw of [low, high) for each sample.

    Args:
        samples: N ids.
        seed: of the whole data set.
        draw: number of the draw, from 0.
        use: what is drawn.
        bounds: low and high; exact in single precision.

    Returns:
        (N,) in single precision, as they are stored: what is rounded up to `high` is the number below it.
    """
    low, high = bounds
    exact = np.asarray([unit(sample, seed, draw, use) for sample in samples], dtype=np.float64)
    below = np.nextafter(np.float32(high), np.float32(low))
    drawn: Values = np.minimum((low + (high - low) * exact).astype(np.float32), below)
    return drawn
