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


GAP, SPAN, MOST, WIDE = 5.0, 20.0, 13, 30.0


def yaw_steps(yaws: npt.NDArray[np.generic]) -> tuple[float, ...]:
    """Return the centres that describe how yaws were taken, degrees, ascending.

    Steps are told by the gaps of more than 5° between them: of a step at which all yaws agree, that yaw; of one where
    heads turned a little more or less, by up to 20° in all, the mean to the next 5°. Yaws without such steps, or with
    more than 13, are described in steps of 30°.

    Args:
        yaws: (N,) degrees; NaN where the pose is unknown.
    """
    given = np.asarray(yaws, dtype=np.float64)
    found = np.unique(np.round(given[~np.isnan(given)], 1))
    if len(found) == 0:
        return ()
    steps = np.split(found, np.flatnonzero(np.diff(found) > GAP) + 1)
    if len(steps) > MOST or any(step[-1] - step[0] > SPAN for step in steps):
        first, last = np.round(found[0] / WIDE), np.round(found[-1] / WIDE)
        return tuple((WIDE * np.arange(first, last + 1)).tolist())
    centres = [np.round(step[0]) if len(step) == 1 else 5 * np.round(step.mean() / 5) for step in steps]
    return tuple((np.asarray(centres) + 0.0).tolist())  # no −0
