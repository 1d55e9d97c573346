"""Test images that were dropped for want of a face: answers that count as wrong, whatever the metric."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:  # a verifier of submissions needs no torch
    from ferbench.train.task import Array

_TILT = 1e-4
"""How much likelier the named wrong class is than the others: enough to be the greatest, too little to be confident."""


def with_unseen(
    probabilities: npt.NDArray[np.float32],
    extras: Mapping[str, Array],
    seen: npt.NDArray[np.bool_],
    ids: npt.NDArray[np.str_],
    labels: npt.NDArray[np.int64],
) -> tuple[npt.NDArray[np.float32], dict[str, Array]]:
    """Fill in answers for the images that no method has seen.

    Such an answer is no guess: it gives the true class nothing and the others equal shares, one of them, drawn by a
    hash of the id, a trifle more. So it is wrong for every metric, favours no class, and is as unsure as a wrong
    answer can be.

    Args:
        probabilities: (S, K) of the images that were seen, in order.
        extras: (S, …) further outputs.
        seen: (M,) which of all test images those are.
        ids: (M,) sample ids.
        labels: (M,) true classes.

    Returns:
        (M, K) probabilities and (M, …) extras; extras of unseen images are NaN.
    """
    if seen.all():
        return probabilities, dict(extras)
    count, classes = len(seen), probabilities.shape[1]
    filled = np.empty((count, classes), dtype=np.float32)
    filled[seen] = probabilities
    for row in np.flatnonzero(~seen):
        answer = np.full(classes, (1 - _TILT) / (classes - 1))
        answer[labels[row]] = 0
        shift = 1 + int.from_bytes(hashlib.sha256(str(ids[row]).encode()).digest()[:8], "big") % (classes - 1)
        answer[(labels[row] + shift) % classes] += _TILT
        filled[row] = answer
    made: dict[str, Array] = {}
    for name, values in extras.items():
        full = np.full((count, *values.shape[1:]), np.nan, dtype=np.float32)
        full[seen] = values
        made[name] = full
    return filled, made
