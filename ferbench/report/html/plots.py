"""Pictures of a whole leaderboard as inline SVG: points of several entries over two axes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from ferbench.report.html.charts import LETTER, shortened, svg, text
from ferbench.report.html.wording import fill

WIDTH, HEIGHT, LEFT, TOP, BELOW = 380.0, 260.0, 64.0, 14.0, 48.0
NAMES = 48
"""Characters of a name in the key."""
KINDS = 8
"""Colours and dashes of the style sheet; shapes of points tell entries apart without either."""


@dataclass(frozen=True)
class Point:
    """A point: its place in the units of the axes, the spread of y, and what it is."""

    x: float
    y: float
    spread: float = 0.0
    told: str = ""


@dataclass(frozen=True)
class Series:
    """Points of one kind, joined by a line or not."""

    name: str
    points: Sequence[Point]


def plot(title: str, axes: tuple[str, str], series: Sequence[Series], *, joined: bool) -> Markup:
    """Draw series over linear axes that hold all their points; x starts at zero.

    Args:
        title: of the picture.
        axes: names of x and y, with units.
        series: what is drawn.
        joined: points of a series are joined by a line.
    """
    points = [point for one in series for point in one.points]
    across = ticks(0.0, max(point.x for point in points))
    upward = ticks(min(p.y - p.spread for p in points), max(p.y + p.spread for p in points))
    frame = _Frame(across, upward)
    parts = _grid(frame, axes)
    for kind, one in enumerate(series):
        parts += _drawn(frame, one, kind % KINDS, joined=joined)
    bottom = TOP + HEIGHT + BELOW
    for kind, one in enumerate(series):
        y = bottom + kind * 20 + 8
        parts.append(_mark(LEFT + 6, y, kind % KINDS, ""))
        parts.append(text(LEFT + 18, y + 5, one.name, longest=NAMES))
    told = "; ".join(f"{one.name}: {', '.join(point.told for point in one.points)}" for one in series)
    widest = max(len(shortened(one.name, NAMES)) for one in series) * LETTER
    width = LEFT + max(WIDTH, widest) + 24
    return svg(width, bottom + len(series) * 20 + 8, title, f"{axes[1]} by {axes[0]}. {told}.", parts)


def ticks(low: float, high: float) -> list[float]:
    """Return round numbers, evenly spaced, from one not above `low` to one not below `high`."""
    span = high - low or abs(high) or 1.0
    rough = span / 4
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [number * step for number in range(first, max(last, first + 1) + 1)]


@dataclass(frozen=True)
class _Frame:
    across: list[float]
    upward: list[float]

    def x(self, value: float) -> float:
        return LEFT + WIDTH * (value - self.across[0]) / (self.across[-1] - self.across[0])

    def y(self, value: float) -> float:
        return TOP + HEIGHT * (self.upward[-1] - value) / (self.upward[-1] - self.upward[0])


def _grid(frame: _Frame, axes: tuple[str, str]) -> list[Markup]:
    parts = []
    line = '<line x1="{}" y1="{}" x2="{}" y2="{}" class="rule"/>'
    for value in frame.upward:
        y = f"{frame.y(value):.1f}"
        parts += [fill(line, LEFT, y, LEFT + WIDTH, y), text(LEFT - 8, frame.y(value) + 5, _number(value), "end")]
    for value in frame.across:
        x = f"{frame.x(value):.1f}"
        parts += [
            fill(line, x, TOP, x, TOP + HEIGHT),
            text(frame.x(value), TOP + HEIGHT + 18, _number(value), "middle"),
        ]
    named = '<text x="{}" y="{}" text-anchor="middle" class="axis">{}</text>'
    parts.append(fill(named, LEFT + WIDTH / 2, TOP + HEIGHT + 38, axes[0]))
    turned = '<text transform="translate(14 {}) rotate(-90)" text-anchor="middle" class="axis">{}</text>'
    return [*parts, fill(turned, f"{TOP + HEIGHT / 2:.1f}", shortened(axes[1]))]


def _number(value: float) -> str:
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.4g}{unit}"
    return f"{value:.4g}"


def _drawn(frame: _Frame, one: Series, kind: int, *, joined: bool) -> list[Markup]:
    parts = []
    places = [(frame.x(point.x), frame.y(point.y)) for point in one.points]
    if joined and len(places) > 1:
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        parts.append(fill('<polyline points="{}" class="line k{}"/>', path, kind))
    for point, (x, y) in zip(one.points, places, strict=True):
        if point.spread:
            low, high = frame.y(point.y - point.spread), frame.y(point.y + point.spread)
            bar = '<line x1="{0}" y1="{1}" x2="{0}" y2="{2}" class="spread k{3}"/>'
            parts.append(fill(bar, f"{x:.1f}", f"{low:.1f}", f"{high:.1f}", kind))
        parts.append(_mark(x, y, kind, f"{one.name}: {point.told}"))
    return parts


def _mark(x: float, y: float, kind: int, tip: str) -> Markup:
    """Return a point: circle, square, triangle, diamond in turn."""
    outlines = {
        1: ((-5, -5), (5, -5), (5, 5), (-5, 5)),
        2: ((0, -6.5), (6, 5), (-6, 5)),
        3: ((0, -7), (7, 0), (0, 7), (-7, 0)),
    }
    told = fill("<title>{}</title>", tip) if tip else Markup("")
    if kind % 4 == 0:
        return fill('<circle cx="{}" cy="{}" r="5.5" class="mark k{}">{}</circle>', f"{x:.1f}", f"{y:.1f}", kind, told)
    path = " ".join(f"{x + dx:.1f},{y + dy:.1f}" for dx, dy in outlines[kind % 4])
    return fill('<polygon points="{}" class="mark k{}">{}</polygon>', path, kind, told)
