"""Metrics of data sets whose classes are intervals of a number: how far off an answer is."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ferbench.predictions import Predictions
from ferbench_controlled.intervals import Interval, parse_interval


def _intervals(predictions: Predictions) -> list[Interval] | None:
    """Return the interval that each class's name states; None unless all of them state one."""
    found = [parse_interval(name) for name in predictions.classes]
    known = [interval for interval in found if interval is not None]
    return known if len(known) == len(found) else None


def within_one_class(predictions: Predictions) -> float:
    """Return the share of samples whose predicted class is the true one or next to it.

    The classes stand in the order of their intervals; there is no step from the last to the first.

    Returns:
        A fraction; NaN (no value) where the classes are no intervals.
    """
    intervals = _intervals(predictions)
    if intervals is None:
        return float("nan")
    places = np.empty(len(intervals), dtype=np.int64)
    places[sorted(range(len(intervals)), key=intervals.__getitem__)] = np.arange(len(intervals))
    return float((np.abs(places[predictions.predicted] - places[predictions.labels]) <= 1).mean())


def range_accuracy(predictions: Predictions) -> float:
    """Return 1 − the mean of |value − centre of the predicted class| as a share of the classes' whole range.

    The value is the column `target`. Centres of equal classes of width w are w / 4 off on average even where every
    class is right: of 18 classes, 1 − 1/72 can be reached.

    Returns:
        A fraction; NaN (no value) where the classes are no intervals.
    """
    intervals = _intervals(predictions)
    if intervals is None:
        return float("nan")
    values: npt.NDArray[np.float64] = np.asarray(predictions.columns["target"], dtype=np.float64)
    centres = np.asarray([interval.centre for interval in intervals])
    extent = max(interval.upper for interval in intervals) - min(interval.lower for interval in intervals)
    return float(1 - np.abs(values - centres[predictions.predicted]).mean() / extent)
