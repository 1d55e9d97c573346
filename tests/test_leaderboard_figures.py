"""A leaderboard's figures come from stored predictions, with printed figures beside them and never among them."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import accuracy_score

from ferbench.errors import PluginError
from ferbench.metrics.evaluate import evaluate, metric_sources
from ferbench.plugins import Registry, discover
from ferbench.predictions import Predictions
from ferbench.records import PREDICTIONS, RecordStore, prediction_table
from ferbench.report.formats import Leaderboard
from ferbench.report.reported import COLUMNS, read_reported
from ferbench.report.sheet import Sheet, SheetCell
from ferbench.report.table import collect

CLASSES = ("anger", "fear", "joy")


def predictions(seed: int) -> Predictions:
    rng = np.random.default_rng(seed)
    ids = np.asarray([f"s{i}" for i in range(40)])
    made = rng.dirichlet(np.ones(3), 40).astype(np.float32)
    return Predictions(ids, made, rng.integers(0, 3, 40), CLASSES)


def record(
    store: RecordStore,
    identity: str,
    made: Predictions,
    content: dict[str, object],
    epochs: dict[int, Predictions] | None = None,
) -> None:
    provenance = {"commit": "c", "processor": "p", "python": "3", "accelerators": [], "packages": {}, "weights": {}}
    common = {
        "id": identity,
        "design_id": identity,
        "classes": CLASSES,
        "selected_epochs": dict.fromkeys(("validation", "last", "oracle"), 1),
        "validation_accuracy": [0.5],
        "cost": {"parameters": 1, "flops": 1, "train_seconds": 1, "images_per_second": 1, "peak_memory_mb": 1},
        "provenance": {**provenance, "data": {}},
    }
    store.write({**common, **content}, {PREDICTIONS: prediction_table(epochs or {1: made})})


def sheet(identities: list[str]) -> Sheet:
    cells = tuple(
        SheetCell(name, "row_1", "resnet", "faces", "official", 0, seed, "done", "")
        for seed, name in enumerate(identities)
    )
    return Sheet(
        "bench", "", "", ("accuracy",), "validation", cells, percent={"accuracy": True}, descending={"accuracy": True}
    )


@pytest.fixture
def store(tmp_path: Path) -> RecordStore:
    return RecordStore(tmp_path / "results")


def stored(value: float) -> dict[str, dict[str, float]]:
    return {selection: {"accuracy": value} for selection in ("validation", "last", "oracle")}


def test_a_figure_of_other_metric_code_is_computed_anew(store: RecordStore, registry: Registry) -> None:
    made = predictions(0)
    record(store, "old", made, {"metrics": stored(0.123), "metric_sources": {"accuracy": "other code"}})
    runs = collect(sheet(["old"]), store, registry).runs
    assert set(runs["value"]) == {accuracy_score(made.labels, made.predicted)}


def test_a_figure_of_todays_metric_code_is_taken_as_stored(store: RecordStore, registry: Registry) -> None:
    record(store, "new", predictions(0), {"metrics": stored(0.123), "metric_sources": metric_sources(registry)})
    assert set(collect(sheet(["new"]), store, registry).runs["value"]) == {0.123}


def test_mean_and_deviation_over_runs(store: RecordStore, registry: Registry) -> None:
    shares = []
    for seed in range(3):
        made = predictions(seed)
        shares.append(accuracy_score(made.labels, made.predicted))
        content = {"metrics": stored(evaluate(made, registry)["accuracy"]), "metric_sources": metric_sources(registry)}
        record(store, f"run{seed}", made, content)
    (row,) = json.loads(Leaderboard(collect(sheet(["run0", "run1", "run2"]), store, registry), {}).as_json())
    assert row["mean"] == pytest.approx(np.mean(shares))
    assert row["std"] == pytest.approx(np.std(shares, ddof=1))
    assert (row["n"], row["reported"]) == (3, None)


def test_the_selection_table_ends_with_validation_data_at_the_epoch_that_ranks(
    store: RecordStore, registry: Registry
) -> None:
    names = ("alone", "fold-0", "fold-1")
    for seed, (name, share) in enumerate(zip(names, (0.3, 0.6, 0.8), strict=True)):
        epochs = {"validation": 1, "last": 2, "oracle": 1}
        told = {"metrics": {}, "metric_sources": {}, "selected_epochs": epochs, "validation_accuracy": [0.9, share]}
        made = predictions(seed)
        record(store, name, made, told, {1: made, 2: made})
    alone, *folds = sheet(list(names)).cells
    cells = (alone, *(replace(fold, protocol="2-fold") for fold in folds))
    shown = replace(sheet([]), cells=cells, rank_by="last")
    (_, line) = Leaderboard(collect(shown, store, registry), {}).selection("markdown")[1]
    assert line[-1] == "50.00"  # the mean of 0.3 and of the folds' 0.7: of columns, not of cells


def test_a_mapping_has_a_line_for_each_part(store: RecordStore, registry: Registry) -> None:
    for seed in range(2):
        made = predictions(seed)
        content = {"metrics": {}, "metric_sources": {}}
        record(store, f"run{seed}", made, content)
    expected = [evaluate(predictions(seed), registry)["class-recall.fear"] for seed in range(2)]
    shown = replace(sheet(["run0", "run1"]), metrics=("class-recall", "accuracy"), percent={"class-recall": True})
    board = Leaderboard(collect(shown, store, registry), {})
    table = board.as_markdown().split("## class-recall, %")[1].split("##")[0]
    (line,) = [line for line in table.splitlines() if "fear" in line]
    assert f"{100 * np.mean(expected):.2f} ± {100 * np.std(expected, ddof=1):.2f}" in line
    assert all(name in table for name in CLASSES)
    assert "accuracy on test images by the epoch that is chosen, mean over the columns" in board.as_markdown(), (
        "what has no single figure is not compared"
    )
    rows = json.loads(board.as_json())
    assert {row["metric"] for row in rows} == {"accuracy", *(f"class-recall.{name}" for name in CLASSES)}


class Printed:
    """A plugin that brings printed figures."""

    def __init__(self, path: Path) -> None:
        from ferbench import ReportedEntry, hookimpl

        @hookimpl
        def ferbench_reported() -> list[ReportedEntry]:
            return [ReportedEntry(name="paper", path=path)]

        self.ferbench_reported = ferbench_reported


def printed(path: Path, rows: list[dict[str, str]]) -> Registry:
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, COLUMNS)
        writer.writeheader()
        writer.writerows({**dict.fromkeys(COLUMNS, ""), **row} for row in rows)
    return discover([("printed", Printed(path))], installed=False)


ROW = {"source": "A paper", "table": "2", "benchmark": "bench", "entry": "row_1", "dataset": "faces"}


def test_a_printed_figure_stands_beside_its_own_data_only(
    tmp_path: Path, store: RecordStore, registry: Registry
) -> None:
    rows = [
        {**ROW, "protocol": "official", "metric": "accuracy", "value": "0.8125"},
        {**ROW, "dataset": "other faces", "protocol": "official", "metric": "accuracy", "value": "0.99"},
    ]
    figures = read_reported(printed(tmp_path / "paper.csv", rows))
    record(store, "one", predictions(0), {"metrics": stored(0.5), "metric_sources": metric_sources(registry)})
    board = Leaderboard(collect(sheet(["one"]), store, registry), figures)
    text = board.as_markdown()
    assert "50.00 (1) [reported 81.25]" in text
    assert "99" not in text
    assert json.loads(board.as_json())[0]["reported"] == 0.8125


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{**ROW, "value": "high"}], "a number as value; found line 2"),
        ([{**ROW, "value": "1"}, {**ROW, "value": "2"}], "one figure a place; found two for"),
    ],
)
def test_printed_figures_that_make_no_sense_are_refused(
    tmp_path: Path, rows: list[dict[str, str]], message: str
) -> None:
    with pytest.raises(PluginError, match=message):
        read_reported(printed(tmp_path / "paper.csv", rows))


def test_names_cannot_break_the_table(store: RecordStore, registry: Registry) -> None:
    record(store, "one", predictions(0), {"metrics": stored(0.5), "metric_sources": metric_sources(registry)})
    hostile = SheetCell("one", "a|b <img src=x> $x_1$", "resnet", "faces", "official", 0, 0, "done", "")
    plain = sheet([])
    board = Leaderboard(collect(Sheet(**{**vars(plain), "cells": (hostile,)}), store, registry), {})
    assert "a\\|b \\<img src=x\\>" in board.as_markdown()
    assert r"\$x\_1\$" in board.as_latex()
