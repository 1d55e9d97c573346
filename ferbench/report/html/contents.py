"""What the page shows, in the units it shows: rows of the main table, printed figures, points of the plots."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup

from ferbench.report.formats import Leaderboard
from ferbench.report.html.evidence import Evidence, Place
from ferbench.report.html.plots import Point, Series, plot
from ferbench.report.reported import Reported
from ferbench.report.sheet import parts_of
from ferbench.report.table import ranked

COST_AXES = {"train_seconds": "training seconds a cell", "flops": "FLOPs an image"}


@dataclass(frozen=True)
class Contents:
    """A leaderboard and the evidence behind it, as a page needs them.

    Attributes:
        board: the leaderboard.
        evidence: by place.
        rows: those of the JSON, with the marks of the best and its ties.
    """

    board: Leaderboard
    evidence: Mapping[Place, Evidence]
    rows: list[dict[str, Any]] = field(init=False)

    def __post_init__(self) -> None:
        marks = ranked(self.board.summary, self.board.results.sheet)[["best", "tied"]].to_dict("records")
        rows = [{**row, **mark} for row, mark in zip(self.board.rows(), marks, strict=True)]
        object.__setattr__(self, "rows", rows)

    @property
    def first(self) -> str:
        """The metric of the main table: the first that has figures, else the first of all."""
        sheet = self.board.results.sheet
        names = [*sheet.metrics, *sheet.representation_metrics]
        found = {row["metric"] for row in self.rows}
        return next((name for name in names if parts_of(name, found)), names[0])

    def main(self) -> list[dict[str, Any]]:
        """Return the rows of the main table, those of places without a figure too."""
        found: dict[Place, list[dict[str, Any]]] = {}
        for row in self.rows:
            if parts_of(self.first, [row["metric"]]):
                found.setdefault(_place(row), []).append(self._shown(row))
        made = []
        for number, (place, evidence) in enumerate(self.evidence.items(), start=1):
            told = {"number": number, "entry": place[0], "dataset": place[1], "protocol": place[2]}
            state = next((c.reason or c.state for c in evidence.cells if c.state == "unavailable"), "not run")
            made += [{**told, **row} for row in found.get(place, [{"state": state}])]
        return made

    def _shown(self, row: Mapping[str, Any]) -> dict[str, Any]:
        shown = {key: self.figure(row["metric"], row[key]) for key in ("mean", "std", "reported")}
        values = {f"{key}_value": row[key] for key in ("mean", "std", "reported")}
        counts = {key: row[key] for key in ("n", "planned", "best", "tied", "selection")}
        return {"of": row["metric"].partition(".")[2], **shown, **values, **counts}

    def figure(self, metric: str, value: float | None) -> str:
        """Return a figure as the tables show it; nothing for none."""
        if value is None:
            return ""
        percent = self.board.results.sheet.in_percent(metric)
        return f"{value * 100:.2f}" if percent else f"{value:.4f}"

    def printed(self) -> list[dict[str, Any]]:
        """Return the printed figures that may stand beside this board, with the measured ones."""
        measured = {(*_place(row), row["metric"]): row["mean"] for row in self.rows}
        made = []
        for figure in self.board.figures.values():
            if not self._stands_here(figure):
                continue
            mean = measured.get((figure.entry, figure.dataset, figure.protocol, figure.metric))
            gap = None if mean is None else mean - figure.value
            made.append(
                {
                    "figure": figure,
                    "printed": self.figure(figure.metric, figure.value),
                    "measured": self.figure(figure.metric, mean),
                    "gap": self.figure(figure.metric, gap),
                    "unit": self.board.unit(figure.metric),
                }
            )
        return made

    def _stands_here(self, figure: Reported) -> bool:
        place = figure.entry, figure.dataset, figure.protocol
        return place in self.evidence and self.board.printed(*place, figure.metric) is figure

    def scores(self) -> tuple[str, dict[Place, dict[str, Any]]]:
        """Return the metric of the plots, accuracy where there is one, and its row by place."""
        names = {row["metric"] for row in self.rows}
        metric = "accuracy" if "accuracy" in names else self.first
        return metric, {_place(row): row for row in self.rows if row["metric"] == metric}

    def noise_plots(self) -> list[tuple[str, Markup]]:
        """Draw the score by the rate of label noise for each data set with several rates; the official split has 0."""
        metric, scores = self.scores()
        lines: dict[str, dict[str, list[Point]]] = {}
        for place, evidence in self.evidence.items():
            for name in self._lines(evidence) if place in scores and evidence.noise is not None else []:
                assert evidence.noise is not None
                point = self._point(evidence.noise[0] * 100, scores[place], f"{evidence.noise[0]:.0%} noise")
                lines.setdefault(place[1], {}).setdefault(name, []).append(point)
        axes = "changed training labels, %", f"{metric}{self.board.unit(metric)}"
        drawn = []
        for dataset, named in lines.items():
            series = [Series(name, sorted(points, key=lambda p: p.x)) for name, points in named.items()]
            if any(len({point.x for point in one.points}) > 1 for one in series):
                drawn.append((dataset, plot(f"{metric} by label noise on {dataset}", axes, series, joined=True)))
        return drawn

    def _lines(self, evidence: Evidence) -> list[str]:
        """Return the lines a place is on: its own, or, of the official split, every one of the entry there."""
        entry, dataset, _ = evidence.place
        if evidence.noise is None:
            return []
        clean, noisy = f"{entry}, clean validation labels", entry
        if evidence.noise[0]:
            return [clean if evidence.noise[1] else noisy]
        kinds = {
            other.noise[1]
            for (name, data, _), other in self.evidence.items()
            if (name, data) == (entry, dataset) and other.noise is not None and other.noise[0]
        }
        return [clean if kind else noisy for kind in sorted(kinds)]

    def cost_plots(self) -> list[Markup]:
        """Draw the score against what it cost, a point a row, a kind of point an entry."""
        metric, scores = self.scores()
        drawn = []
        for name, axis in COST_AXES.items():
            found: dict[str, list[Point]] = {}
            for place, row in scores.items():
                cost = self.evidence[place].cost(name)
                if cost is not None:
                    told = f"{place[1]}, {place[2]}, {cost:,.4g} {axis}"
                    found.setdefault(place[0], []).append(self._point(cost, row, told))
            if found:
                series = [Series(entry, points) for entry, points in found.items()]
                axes = axis, f"{metric}{self.board.unit(metric)}"
                drawn.append(plot(f"{metric} against {axis}", axes, series, joined=False))
        return drawn

    def _point(self, x: float, row: Mapping[str, Any], told: str) -> Point:
        scale = 100 if self.board.results.sheet.in_percent(row["metric"]) else 1
        spread = f" ± {self.figure(row['metric'], row['std'])}" if row["std"] is not None else ""
        figure = f"{told}: {self.figure(row['metric'], row['mean'])}{spread}"
        return Point(x, row["mean"] * scale, (row["std"] or 0.0) * scale, figure)


def _place(row: Mapping[str, Any]) -> Place:
    return row["entry"], row["dataset"], row["protocol"]
