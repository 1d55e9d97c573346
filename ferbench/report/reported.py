"""Figures printed in papers: read from the plugins' CSV files, matched by ferbench's own names, never measured."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from ferbench.errors import PluginError
from ferbench.plugins import Registry

COLUMNS = ("source", "table", "benchmark", "entry", "dataset", "protocol", "metric", "value", "note")


@dataclass(frozen=True)
class Reported:
    """One printed figure, in the unit of the metric (a fraction for accuracies).

    Attributes:
        source: the paper.
        table: its table.
        note: what the reader must know.
    """

    source: str
    table: str
    benchmark: str
    entry: str
    dataset: str
    protocol: str
    metric: str
    value: float
    note: str = ""

    @property
    def key(self) -> tuple[str, str, str, str, str]:
        """What it stands beside."""
        return self.benchmark, self.entry, self.dataset, self.protocol, self.metric


def read_reported(registry: Registry) -> dict[tuple[str, str, str, str, str], Reported]:
    """Return all printed figures of the installed plugins.

    Raises:
        PluginError: a file has other columns, a value is no number, or two rows claim one place.
    """
    found: dict[tuple[str, str, str, str, str], Reported] = {}
    for provided in registry.all("reported").values():
        for row in _rows(provided.entry.path, provided.distribution):
            if row.key in found:
                raise _wrong(provided.entry.path, provided.distribution, "one figure a place", f"two for {row.key}")
            found[row.key] = row
    return found


def _rows(path: Path, distribution: str) -> list[Reported]:
    with path.open(newline="", encoding="utf-8") as stream:
        reader = csv.DictReader(stream)
        if tuple(reader.fieldnames or ()) != COLUMNS:
            raise _wrong(path, distribution, f"the columns {', '.join(COLUMNS)}", str(reader.fieldnames))
        rows = list(reader)
    made = []
    for number, row in enumerate(rows, start=2):
        try:
            made.append(Reported(**{**row, "value": float(row["value"])}))  # type: ignore[arg-type]  # text but value
        except (TypeError, ValueError) as error:
            raise _wrong(path, distribution, "a number as value", f"line {number}: {error}") from error
    return made


def _wrong(path: Path, distribution: str, expected: str, found: str) -> PluginError:
    return PluginError(
        expected=expected, found=found, where=f"{path.name} of distribution {distribution}", remedy="correct the file"
    )
