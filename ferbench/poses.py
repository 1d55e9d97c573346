"""Pose classes: a yaw in degrees belongs to the nearest of stated centres."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ferbench.errors import ConfigError


def pose_classes(yaws: npt.NDArray[np.generic], centres: Sequence[float]) -> npt.NDArray[np.int64]:
    """Return the place of the nearest centre for each yaw; halfway between two, the smaller angle's.

    Args:
        yaws: (N,) degrees; NaN where the pose is unknown.
        centres: (P,) degrees, ascending.

    Returns:
        (N,) 0 … P − 1; −1 where the yaw is NaN.

    Raises:
        ConfigError: no centres, or centres that do not ascend.
    """
    middle = np.asarray(centres, dtype=np.float64)
    if len(middle) == 0 or not (np.diff(middle) > 0).all():
        raise ConfigError(
            expected="yaws in degrees, ascending, at least one",
            found=str(list(centres)),
            where="the centres of pose classes",
            remedy="sort them, each once",
        )
    given = np.asarray(yaws, dtype=np.float64)
    nearest: npt.NDArray[np.int64] = np.abs(given[:, None] - middle).argmin(axis=1).astype(np.int64)
    return np.where(np.isnan(given), -1, nearest)


def distinct_yaws(yaws: npt.NDArray[np.generic], most: int = 13) -> tuple[float, ...]:
    """Return the centres that describe how yaws were taken: each angle if there are few, else steps of 30°.

    Args:
        yaws: (N,) degrees; NaN where the pose is unknown.
        most: angles, rounded to the degree, up to which each is a class of its own.
    """
    given = np.asarray(yaws, dtype=np.float64)
    found = np.unique(np.round(given[~np.isnan(given)])) + 0.0  # no −0
    if len(found) <= most:
        return tuple(found.tolist())
    first, last = np.round(found[0] / 30), np.round(found[-1] / 30)
    return tuple((30.0 * np.arange(first, last + 1)).tolist())
