"""The factors of variation that are drawn: their range, and their classes where they are what is to be told."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ferbench_controlled.draws import Values, uniform
from ferbench_controlled.intervals import Interval, equal_intervals, interval_name


@dataclass(frozen=True)
class Factor:
    """A factor of variation, drawn uniformly.

    Attributes:
        name: of its column.
        low: smallest value.
        high: no value reaches it.
        bins: number of equal classes, where it is ever what is to be told.
        decimals: of the classes' edges.
    """

    name: str
    low: float
    high: float
    bins: int = 1
    decimals: int = 0

    @property
    def intervals(self) -> tuple[Interval, ...]:
        """The classes in ascending order."""
        return equal_intervals(self.low, self.high, self.bins, self.decimals)

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes in ascending order; each states its interval."""
        return tuple(interval_name(interval, self.decimals) for interval in self.intervals)

    def draw(self, samples: Iterable[str], seed: int, draw: int) -> Values:
        """Return (N,) values, a pure function of sample id, seed and number of the draw."""
        return uniform(samples, seed, draw, self.name, (self.low, self.high))


ROTATION = Factor("rotation", -90, 90, bins=18, decimals=0)
"""Degrees, counter-clockwise as one looks at the image; bin ⌊(θ + 90) / 10⌋."""

SCALE = Factor("scale", 0.5, 1, bins=10, decimals=2)
"""Size of what is shown, 1 being as it is; bin ⌊(s − .5) / .05⌋."""

ORIENTATION = Factor("orientation", 0, 360)
"""Degrees, counter-clockwise as one looks at the image."""

X, Y = (Factor(name, 0, 1) for name in ("x", "y"))
"""Place of a sprite, to the right and downwards: 0 where the largest would touch the frame, 1 where it would again."""
