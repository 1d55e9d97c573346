"""Classes that are intervals of a number: their names, which state the interval, and what can be read from a name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

_NUMBER = r"-?\d+(?:\.\d+)?"
_INTERVAL = re.compile(rf"\[({_NUMBER}), ({_NUMBER})\)|({_NUMBER})", re.ASCII)


@dataclass(frozen=True, order=True)
class Interval:
    """A half-open interval, or a single number.

    Attributes:
        lower: belongs to it.
        upper: does not belong to it, unless it is `lower`.
    """

    lower: float
    upper: float

    @property
    def centre(self) -> float:
        """The number halfway."""
        return (self.lower + self.upper) / 2


def interval_name(interval: Interval, decimals: int) -> str:
    """Return the name of a class.

    >>> interval_name(Interval(-90, -80), 0), interval_name(Interval(0.6, 0.6), 1)
    ('[-90, -80)', '0.6')
    """
    if interval.lower == interval.upper:
        return f"{interval.lower:.{decimals}f}"
    return f"[{interval.lower:.{decimals}f}, {interval.upper:.{decimals}f})"


def parse_interval(name: str) -> Interval | None:
    """Return the interval that a class name states; None for any other name.

    >>> parse_interval("[0.50, 0.55)")
    Interval(lower=0.5, upper=0.55)
    >>> parse_interval("0.6"), parse_interval("[2, 1)"), parse_interval("zero")
    (Interval(lower=0.6, upper=0.6), None, None)
    """
    match = _INTERVAL.fullmatch(name)
    if match is None:
        return None
    lower, upper, single = match.groups()
    if single is not None:
        return Interval(float(single), float(single))
    return Interval(float(lower), float(upper)) if float(lower) < float(upper) else None


def equal_intervals(low: float, high: float, count: int, decimals: int) -> tuple[Interval, ...]:
    """Divide [low, high) into equal intervals whose edges have so many decimals.

    >>> [interval.lower for interval in equal_intervals(0.5, 1, 10, 2)]
    [0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95]
    """
    # Rounded, or .5 + 2 × .05 would lie above .6 and a scale of .6 fall into the class below.
    edges = [round(low + (high - low) * step / count, decimals) for step in range(count + 1)]
    return tuple(Interval(*pair) for pair in pairwise(edges))


def bin_of(values: npt.ArrayLike, intervals: Sequence[Interval]) -> npt.NDArray[np.int64]:
    """Return the number of the interval that each value lies in.

    Args:
        values: (N,), within the intervals.
        intervals: adjoining, in ascending order.

    Returns:
        (N,) numbers.
    """
    # In single precision on both sides, as the values are stored: .6 is an edge, and float32(.6) is not below it.
    edges = np.asarray([interval.lower for interval in intervals], dtype=np.float32)
    found = np.searchsorted(edges, np.asarray(values, dtype=np.float32), side="right") - 1
    return found.astype(np.int64)
