"""What stands behind each figure: confusion, calibration, cost and provenance of a row's finished cells."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from ferbench.metrics.classification import BINS, confidence_bins, confusion_matrix, expected_calibration_error
from ferbench.predictions import Predictions
from ferbench.records import SELECTIONS, Record, RecordStore
from ferbench.report.sheet import Sheet, SheetCell
from ferbench.report.table import COSTS

Place = tuple[str, str, str]
"""Entry, data set, protocol."""


@dataclass
class Evidence:
    """What the finished cells of an entry on a data set under a protocol say together.

    Attributes:
        place: entry, data set, protocol.
        method: the entry's method.
        cells: the cells that were planned, finished or not.
        accounts: of each finished cell, what is told of its making.
        counts: predictions by true and predicted class, summed over the cells.
        bins: (15, 3) by bin of confidence: samples, summed confidence, correct ones.
        costs: each cost, of every cell that has it.
        noise: the share of training labels that the protocol changes, and whether validation labels are spared;
            None where the protocol is neither label noise nor the official split.
    """

    place: Place
    method: str
    cells: list[SheetCell] = field(default_factory=list)
    accounts: list[dict[str, Any]] = field(default_factory=list)
    counts: dict[tuple[str, str], int] = field(default_factory=dict)
    bins: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros((BINS, 3)))
    costs: dict[str, list[float]] = field(default_factory=dict)
    noise: tuple[float, bool] | None = None

    @property
    def classes(self) -> list[str]:
        """Names of the classes, in the order of the records."""
        return list(dict.fromkeys(true for true, _ in self.counts))

    @property
    def matrix(self) -> npt.NDArray[np.int64]:
        """(K, K) counts: rows true classes, columns predicted ones."""
        names = self.classes
        return np.asarray([[self.counts.get((true, made), 0) for made in names] for true in names], dtype=np.int64)

    @property
    def recalls(self) -> list[float | None]:
        """K recalls over all predictions together; None for a class that the test data lacks."""
        matrix = self.matrix
        return [float(row[i] / row.sum()) if row.sum() else None for i, row in enumerate(matrix)]

    @property
    def calibration_error(self) -> float | None:
        """The expected calibration error of all predictions together; None without any."""
        return expected_calibration_error(self.bins) if self.bins[:, 0].any() else None

    def cost(self, name: str) -> float | None:
        """Return the mean cost of a cell; None where no cell tells it."""
        found = self.costs.get(name, [])
        return sum(found) / len(found) if found else None


def gather(sheet: Sheet, store: RecordStore) -> dict[Place, Evidence]:
    """Read the finished cells of a sheet, by place and in its order; predictions are of the ranking selection.

    Raises:
        RecordError: a record was altered.
    """
    done = store.done()
    found: dict[Place, Evidence] = {}
    for cell in sheet.cells:
        place = cell.entry, cell.dataset, cell.protocol
        evidence = found.setdefault(place, Evidence(place, cell.method))
        evidence.cells.append(cell)
        if cell.id in done:
            record = store.read(cell.id)
            _add_predictions(evidence, record.predictions(sheet.rank_by))
            evidence.accounts.append(_account(cell, record))
            evidence.noise = _noise(record.content)
            for name, value in _known_costs(record.content):
                evidence.costs.setdefault(name, []).append(value)
    return found


def _add_predictions(evidence: Evidence, predictions: Predictions) -> None:
    matrix, names = confusion_matrix(predictions), predictions.classes
    for i, true in enumerate(names):
        for j, made in enumerate(names):
            evidence.counts[true, made] = evidence.counts.get((true, made), 0) + int(matrix[i, j])
    evidence.bins += confidence_bins(predictions)


def _account(cell: SheetCell, record: Record) -> dict[str, Any]:
    content = record.content
    provenance: Mapping[str, Any] = content["provenance"]
    data = provenance["data"]
    return {
        "id": cell.id,
        "fold": cell.fold,
        "seed": cell.seed,
        "commit": provenance["commit"] or "unknown",
        "finished": provenance.get("finished", "unknown"),
        "epochs": {name: content["selected_epochs"][name] for name in SELECTIONS},
        "data": dict(data.items() if isinstance(data, Mapping) else data),
        "weights": {weights["name"]: weights["sha256"] for weights in provenance["weights"].values()},
    }


def _noise(content: Mapping[str, Any]) -> tuple[float, bool] | None:
    spec = content.get("spec", {})
    options = spec.get("protocol_options", {})
    if spec.get("protocol") == "label-noise":
        return float(options["rate"]), bool(options.get("clean_validation", False))
    return (0.0, False) if spec.get("protocol") == "official" else None


def _known_costs(content: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    for name in COSTS:
        value = content["cost"].get(name)
        if value is not None and math.isfinite(value):
            yield name, float(value)
