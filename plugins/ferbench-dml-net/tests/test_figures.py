"""The figures that the paper prints: each has its place beside a cell, or a reason why not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from dml_net_tables import SHIPPED, TABLES, YAWS, planned
from paper_figures import needs_transcription, rows, transcribed

import ferbench_dml_net.plugin
from ferbench.metrics.evaluate import evaluate
from ferbench.plan import Cell
from ferbench.plugins import Registry
from ferbench.predictions import Predictions
from ferbench.report.reported import read_reported

PACKAGE = Path(ferbench_dml_net.plugin.__file__).parent
FIGURES = {"1": 10, "2": 12, "3": 48, "4": 26, "5": 23, "6": 86, "7": 37, "8": 39, "9": 49, "9 (text)": 1}
OURS = {"2": 2, "3": 48, "4": 8, "5": 4, "6": 6, "7": 8, "8": 24, "9": 6}

PRINTED = {
    "all": "all",
    "KDEF": "kdef",
    "BU-3DFE": "bu-3dfe",
    "Multi-PIE": "multi-pie",
    "SFEW2.0": "sfew",
    "BU-3DFE->SFEW2.0": "bu-3dfe->sfew",
}
CODES = {
    "AN": "anger",
    "DI": "disgust",
    "FE": "fear",
    "AF": "fear",
    "HA": "happiness",
    "NE": "neutral",
    "SA": "sadness",
    "SU": "surprise",
}


def test_every_printed_figure_is_ours_or_has_a_reason_why_not() -> None:
    ours, others = rows(PACKAGE / "reported.csv"), rows(PACKAGE / "not_ours.csv")
    assert Counter(row["table"] for row in ours) == OURS
    assert Counter(row["table"] for row in [*ours, *others]) == FIGURES
    assert all(row["note"] for row in ours)
    assert all(row["reason"] for row in others)
    places = {(row["table"], row["row"], row["dataset"], row["protocol"], row["metric"]) for row in others}
    assert len(places) == len(others)


@needs_transcription
def test_the_figures_are_those_transcribed_from_the_paper() -> None:
    printed = transcribed("DML-Net")
    expected = Counter(
        (row["table"], method_of(row), PRINTED[row["dataset"]], metric_of(row), row["value"], *range_of(row))
        for row in printed
    )
    found: Counter[tuple[str, ...]] = Counter()
    for row in rows(PACKAGE / "reported.csv"):
        yaws = (row["benchmark"].rpartition("-")[2],) if row["table"] == "5" else ()
        found[row["table"], row["entry"], row["dataset"], row["metric"], row["value"], *yaws] += 1
    for row in rows(PACKAGE / "not_ours.csv"):
        yaws = (row["protocol"].split()[-1],) if row["table"] == "5" else ()
        found[row["table"], row["row"], row["dataset"], row["metric"], row["value"], *yaws] += 1
    assert comparable(found) == comparable(expected, percent=True)


def comparable(figures: Counter[tuple[str, ...]], *, percent: bool = False) -> Counter[tuple[object, ...]]:
    """Return the same with accuracies as percentages of two decimals; settings and frames a second as they are."""
    result: Counter[tuple[object, ...]] = Counter()
    for (table, row, data, metric, value, *more), count in figures.items():
        as_printed = metric in {"setting", "fps"}
        number = value if as_printed else round(float(value) * (1 if percent else 100), 2)
        result[table, row, data, metric, number, *more] += count
    return result


def method_of(row: Mapping[str, str]) -> str:
    """Return the row that a printed figure stands in; in Table 3 rows are classes, and all of them the method's."""
    if row["table"] == "3":
        return "DML-Net"
    return "ResNet50" if (row["table"], row["metric"]) == ("8", "accuracy_pct") and "[10]" in row["row"] else row["row"]


def range_of(row: Mapping[str, str]) -> tuple[str, ...]:
    """Return the largest yaw of a figure of Table 5, which has two figures of some methods."""
    return (row["protocol"].rstrip(")").rpartition(",")[2],) if row["table"] == "5" else ()


def metric_of(row: Mapping[str, str]) -> str:
    """Return ferbench's name of what a printed figure measures."""
    table, pose = row["table"], row["protocol"].removeprefix("pose ")
    plain = {"setting": "setting", "fps": "fps", "pose_accuracy_pct": "pose-accuracy"}
    if row["metric"] in plain:
        return plain[row["metric"]]
    code = row["metric"].removeprefix("accuracy_pct").strip("[]")
    if table == "3":
        code = row["row"].partition("(")[2].rstrip(")")
    if table == "4":
        return f"recall-by-yaw.{CODES[code]}/0" if code else "frontal-accuracy"
    if table in {"3", "6"} and pose != "average":
        return f"recall-by-yaw.{CODES[code]}/{pose}" if code else f"accuracy-by-yaw.{pose}"
    if code:
        return f"class-recall.{CODES[code]}"
    return "mean-class-accuracy" if table == "9 (text)" else "accuracy"


def test_every_figure_of_ours_stands_beside_a_cell_of_a_benchmark_and_every_cell_has_one(
    registry: Registry, data_root: Path
) -> None:
    figures = read_reported(registry)
    assert len(figures) == len(rows(PACKAGE / "reported.csv"))
    plans = {name: planned(registry, name, data_root) for name in TABLES}
    places = {
        (name, cell.entry, cell.dataset, cell.protocol): cell for name, plan in plans.items() for cell in plan.cells
    }
    assert {key[:4] for key in figures} == set(places)
    for benchmark, entry, dataset, protocol, metric in figures:
        assert metric in plans[benchmark].benchmark.metrics, metric
        assert metric in measured(places[benchmark, entry, dataset, protocol], registry), metric


@pytest.mark.parametrize("name", SHIPPED)
def test_a_leaderboard_has_values_for_its_columns(registry: Registry, name: str, data_root: Path) -> None:
    plan = planned(registry, name, data_root)
    columns = {cell.dataset: cell for cell in plan.cells}
    for cell in columns.values():
        assert set(plan.benchmark.metrics) <= measured(cell, registry)


def measured(cell: Cell, registry: Registry) -> frozenset[str]:
    """Return the metrics of a cell whose test data show every class at every pose of the data set."""
    assert cell.spec is not None
    first, *second = [registry.dataset(part.dataset, "a test").entry.card.classes or () for part in cell.spec.prepared]
    classes = [name for name in first if all(name in other for other in second)]
    return _measured(tuple(classes), tuple(YAWS[cell.dataset]), registry)


@cache
def _measured(classes: tuple[str, ...], yaws: tuple[int, ...], registry: Registry) -> frozenset[str]:
    labels, poses = (axis.ravel() for axis in np.indices((len(classes), len(yaws))))
    centres = np.asarray(yaws, dtype=np.float64)
    predictions = Predictions(
        ids=np.arange(len(labels)).astype(str),
        probabilities=np.eye(len(classes), dtype=np.float32)[labels],
        labels=labels,
        classes=classes,
        columns={"pose": centres[poses]},
        extras={"pose_probabilities": np.eye(len(yaws))[poses], "pose_yaws": np.tile(centres, (len(labels), 1))},
    )
    return frozenset(name for name, value in evaluate(predictions, registry).items() if value is not None)


def test_figures_are_fractions_of_the_right_size(registry: Registry) -> None:
    figures = read_reported(registry)
    assert figures["dml-net-table-2", "DML-Net", "kdef", "5-fold", "accuracy"].value == pytest.approx(0.882)
    assert figures["dml-net-table-5-45", "DML-Net", "bu-3dfe", "3-fold", "pose-accuracy"].value == pytest.approx(0.992)
    at_the_side = figures["dml-net-table-3", "DML-Net", "kdef", "5-fold", "recall-by-yaw.fear/-90"]
    assert at_the_side.value == pytest.approx(0.704)
    assert all(0.08 < figure.value <= 1 for figure in figures.values())


def test_contradictions_in_print_are_told(registry: Registry) -> None:
    figures = read_reported(registry)
    third, fourth = ("dml-net-table-3", "DML-Net", "kdef", "5-fold"), ("dml-net-table-4", "DML-Net", "kdef", "5-fold")
    for name in sorted(set(CODES.values())):
        metric = f"recall-by-yaw.{name}/0"
        differs = figures[(*third, metric)].value != figures[(*fourth, metric)].value
        assert differs == ("permuted" in figures[(*fourth, metric)].note), name
    assert "237 of 436" in figures["dml-net-table-7", "DML-Net", "sfew", "official", "accuracy"].note
