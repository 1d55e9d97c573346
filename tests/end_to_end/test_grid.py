"""One grid over every protocol: what it leaves, whether the numbers are right, and whether order changes them."""

from __future__ import annotations

import csv
import io
import json
import math
import re
import statistics
from pathlib import Path
from typing import Any

import pytest
from workbench import Finished, Workbench

GRID = """
[weights.from-elsewhere.recipe]
dataset = "toy"
dataset_options = { seed = 77 }
method = "toy-learner"
options = { epochs = 2 }

[weights.from-itself.recipe]
dataset = "toy"
method = "toy-learner"
options = { epochs = 1 }

[benchmark.grid]
title = "every protocol"
preprocessor = { name = "resize", options = { size = 16 } }
metrics = ["accuracy", "macro-f1", "toy-worst-subject"]
keep = "selected"
dataset = [{ name = "toy" }, { name = "toy-b", source = "toy", options = { seed = 5, classes = 3 } }]
protocol = [
  { name = "official" },
  { name = "k-fold", options = { k = 3 } },
  { name = "label-noise", options = { rate = 0.1 } },
  { name = "label-noise", options = { rate = 0.2 } },
  { name = "label-noise", options = { rate = 0.3 } },
  { name = "cross-dataset" },
]
entry = [
  { name = "Learner", method = "toy-learner" },
  { name = "Turns", method = "toy-adversarial" },
  { name = "Pretrained", method = "toy-learner", weights = { backbone = "from-elsewhere" } },
]

[benchmark.own]
preprocessor = { name = "resize", options = { size = 16 } }
dataset = [{ name = "toy" }]
protocol = [{ name = "official" }, { name = "k-fold", options = { k = 3 } }]
entry = [{ name = "Own", method = "toy-learner", weights = { backbone = "from-itself" } }]
"""

COLUMNS = {"official", "3-fold", "noise-10", "noise-20", "noise-30", "cross-dataset"}
SCHEMA = ["benchmark", "entry", "method", "dataset", "protocol", "metric", "mean", "std", "n", "planned", "selection"]


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> Workbench:
    """Return a workbench in which the grid has been run, with two workers."""
    bench = Workbench(tmp_path_factory.mktemp("grid"), env={})
    bench.env["FERBENCH_TOY_LOG"] = str(bench.folder / "trainings.log")
    bench.write(GRID)
    bench.run("grid", "own", "--workers", "2")
    return bench


@pytest.fixture(scope="module")
def cells(grid: Workbench) -> list[dict[str, Any]]:
    """Return the cells of its first benchmark."""
    return grid.plan("grid")


@pytest.fixture(scope="module")
def rows(grid: Workbench) -> list[dict[str, Any]]:
    """Return the leaderboard's rows."""
    found: list[dict[str, Any]] = grid.call("report", "grid", "--format", "json").json
    return found


def test_every_cell_is_done(grid: Workbench) -> None:
    cells = grid.plan("grid", "own")
    assert {cell["state"] for cell in cells} == {"done"}
    assert {cell["protocol"] for cell in cells} == COLUMNS
    assert {cell["id"] for cell in cells} == set(grid.records())


def test_rows_have_the_promised_keys(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        assert set(row) == {*SCHEMA, "reported", "cells"}
        assert len(row["cells"]) == row["n"]
    places = {(row["entry"], row["dataset"], row["protocol"]) for row in rows}
    assert len(places) == 3 * (2 * 5 + 2)
    assert len(rows) == 3 * len(places)
    assert all(row["selection"] == "validation" and row["reported"] is None for row in rows)
    assert {row["n"] for row in rows if row["protocol"] == "3-fold"} == {3}


def accuracy_of(columns: dict[str, list[Any]]) -> float:
    right = [
        max(range(len(p)), key=p.__getitem__) == y
        for p, y in zip(columns["probabilities"], columns["label"], strict=True)
    ]
    return sum(right) / len(right)


def test_each_mean_is_the_mean_of_stored_predictions(
    grid: Workbench, cells: list[dict[str, Any]], rows: list[dict[str, Any]]
) -> None:
    for row in (row for row in rows if row["metric"] == "accuracy"):
        mine = [c for c in cells if all(c[key] == row[key] for key in ("entry", "dataset", "protocol"))]
        values = [accuracy_of(grid.predictions(cell["id"])) for cell in mine]
        assert row["n"] == row["planned"] == len(values)
        assert row["mean"] == pytest.approx(statistics.fmean(values), abs=1e-12)
        if len(values) > 1:
            assert row["std"] == pytest.approx(statistics.stdev(values), abs=1e-12)
        else:
            assert row["std"] is None


def test_folds_test_every_image_once(grid: Workbench, cells: list[dict[str, Any]]) -> None:
    folds = [c for c in cells if (c["entry"], c["dataset"], c["protocol"]) == ("Turns", "toy", "3-fold")]
    tested = [image for cell in folds for image in grid.predictions(cell["id"])["id"]]
    assert len(tested) == len(set(tested)) == 192


def test_test_labels_are_clean_under_noise(grid: Workbench, cells: list[dict[str, Any]]) -> None:
    ids = {c["protocol"]: c["id"] for c in cells if c["entry"] == "Learner" and c["dataset"] == "toy"}
    clean = grid.predictions(ids["official"])
    for protocol in ("noise-10", "noise-20", "noise-30"):
        noisy = grid.predictions(ids[protocol])
        assert (noisy["id"], noisy["label"]) == (clean["id"], clean["label"])
        notes = grid.records()[ids[protocol]]["fold_notes"]
        assert notes["labels_changed"] / notes["labels"] == pytest.approx(int(protocol[-2:]) / 100, abs=0.1)


def test_the_baseline_beats_chance(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        if row["metric"] == "accuracy" and row["entry"] == "Learner":
            assert row["mean"] > 0.6, row
    means = [row["mean"] for row in rows if row["metric"] == "accuracy"]
    assert len(set(means)) > 5  # a grid on which everything is 100 % would show nothing


def test_cross_dataset_uses_shared_classes_only(grid: Workbench, cells: list[dict[str, Any]]) -> None:
    ids = {c["dataset"]: c["id"] for c in cells if c["protocol"] == "cross-dataset" and c["entry"] == "Turns"}
    assert set(ids) == {"toy->toy-b", "toy-b->toy"}
    for dataset, dropped in (("toy->toy-b", "train"), ("toy-b->toy", "test")):
        record = grid.records()[ids[dataset]]
        assert record["classes"] == ["anger", "fear", "happiness"]
        assert record["fold_notes"]["classes_dropped"][dropped] == ["neutral"]


def test_formats_say_the_same(grid: Workbench, rows: list[dict[str, Any]]) -> None:
    listed = list(csv.DictReader(io.StringIO(grid.call("report", "grid", "--format", "csv").out)))
    assert [{key: row[key] for key in ("entry", "dataset", "protocol", "metric")} for row in listed] == [
        {key: row[key] for key in ("entry", "dataset", "protocol", "metric")} for row in rows
    ]
    assert [float(row["mean"]) for row in listed] == [row["mean"] for row in rows]
    markdown = grid.call("report", "grid").out
    latex = grid.call("report", "grid", "--format", "latex").out
    assert latex.count(r"\begin{tabular}") == 3
    for row in rows:
        shown = f"{row['mean'] * 100:.2f}"
        assert shown in markdown
        assert shown in latex
    assert markdown == (grid.results / "leaderboards" / "grid.md").read_text()


def test_what_a_method_keeps_is_in_the_record(grid: Workbench, cells: list[dict[str, Any]]) -> None:
    cell = next(c for c in cells if c["entry"] == "Turns" and c["protocol"] == "official")
    record, folder = grid.records()[cell["id"]], grid.results / "records" / cell["id"]
    assert len(record["kept"]["centres"]) == 4
    assert "extra_adversary" in grid.predictions(cell["id"])
    assert {path.name for path in folder.iterdir()} >= {"diagnostics.parquet", "state.safetensors"}
    stages = {line["stage"]: line for line in record["history"]}
    assert list(stages) == ["warm", "turns"]
    assert stages["turns"]["undefined"] is None  # a NaN in a log costs no training


def test_a_recipe_is_trained_once_and_disclosed(grid: Workbench, cells: list[dict[str, Any]]) -> None:
    records = grid.records()
    pretrained = [c["id"] for c in cells if c["entry"] == "Pretrained"]
    shared = {records[identity]["provenance"]["weights"]["backbone"]["sha256"] for identity in pretrained}
    assert len(shared) == 1
    own = [c["id"] for c in grid.plan("own")]
    each = {records[identity]["provenance"]["weights"]["backbone"]["sha256"] for identity in own}
    assert len(each) == len(own) == 4  # on its own data: one for each fold
    board = (grid.results / "leaderboards" / "grid.md").read_text()
    assert re.search(r"Pretrained starts from pretrained weights \(backbone: from-elsewhere\)", board)
    assert f"weights from-elsewhere: {shared.pop()}" in board
    rows = grid.call("weights", "verify", "--json").json
    verified = [row for row in rows if row["ok"] is not None]  # nobody needs to bring what only plugins name
    assert len(verified) == 5
    assert all(row["ok"] for row in verified)
    rows = grid.call("weights", "list", "--json").json
    listed = {row["name"]: row["origin"] for row in rows if row["file"] == "benchmarks.toml"}  # and not of plugins
    assert listed == {"from-elsewhere": "trained on toy", "from-itself": "trained on toy"}


def test_a_recipe_on_own_data_is_trained_on_the_cells_own_fold(grid: Workbench) -> None:
    """The recipe's spec names the cell's own division: same protocol, options and fold."""
    for identity in (c["id"] for c in grid.plan("own")):
        spec = grid.records()[identity]["spec"]
        training = spec["weights"]["backbone"]["training"]
        assert (training["protocol"], training["fold"]) == (spec["protocol"], spec["fold"])
        assert training["protocol_options"] == spec["protocol_options"]


def test_no_training_ran_twice(grid: Workbench) -> None:
    lines = (grid.folder / "trainings.log").read_text().split()
    assert len(lines) == len(grid.records()) + 5
    # A training does not know its test data: official and cross-dataset cells of toy-b train alike.
    assert len(lines) - len(set(lines)) == 3


def test_a_second_run_does_nothing(grid: Workbench) -> None:
    stamps, log = grid.stamps(), (grid.folder / "trainings.log").read_text()
    again = grid.run("grid", "own")
    assert grid.stamps() == stamps
    assert (grid.folder / "trainings.log").read_text() == log
    assert again.seconds < 6


def test_a_published_leaderboard_can_be_made_again(
    grid: Workbench, cells: list[dict[str, Any]], tmp_path: Path
) -> None:
    grid.call("report", "grid", "--out", str(tmp_path), "--with-records")
    copy = tmp_path / "grid"
    assert set(grid.records(copy)) == {c["id"] for c in cells}
    again = grid.call("report", "grid", "--results", str(copy), "--as-run")
    assert again.out == (tmp_path / "grid.md").read_text() == (grid.results / "leaderboards" / "grid.md").read_text()


def test_selecting_one_cell_by_its_id(grid: Workbench, cells: list[dict[str, Any]], tmp_path: Path) -> None:
    chosen = grid.plan("grid", "--select", f"id={cells[7]['id'][:16]}")
    assert chosen == [cells[7]]
    either = grid.plan(
        "grid", "--select", "protocol=noise-10", "--select", "protocol=noise-20", "--select", "dataset=toy"
    )
    assert {(c["dataset"], c["protocol"]) for c in either} == {("toy", "noise-10"), ("toy", "noise-20")}


def test_order_and_number_of_workers_change_nothing(
    grid: Workbench, cells: list[dict[str, Any]], tmp_path: Path
) -> None:
    other = Workbench(tmp_path)
    other.write(backwards(GRID))
    other.run("grid", "--workers", "1")
    expected = {cell["id"] for cell in cells}
    assert other.digests() == {identity: made for identity, made in grid.digests().items() if identity in expected}
    order = [content["provenance"]["finished"] for content in map(other.records().get, chronological(grid))]
    assert order != sorted(order)


def backwards(text: str) -> str:
    """Return the benchmark file with protocols and entries in reverse order."""
    lines = text.splitlines()
    for name in ("protocol = [", "entry = ["):
        start = lines.index(name) + 1
        end = lines.index("]", start)
        lines[start:end] = reversed(lines[start:end])
    return "\n".join(lines)


def chronological(bench: Workbench) -> list[str]:
    """Return the ids of the grid's records in the order in which they were finished."""
    mine = {cell["id"] for cell in bench.plan("grid")}
    return sorted(mine, key=lambda identity: (bench.results / "records" / identity).stat().st_mtime_ns)


def test_what_is_installed_is_listed(grid: Workbench) -> None:
    listed = grid.call("plugins", "--json").json
    assert listed["problems"] == []
    mine = {(row["kind"], row["name"]) for row in listed["plugins"] if row["distribution"] == "ferbench-toy"}
    assert ("datasets", "toy") in mine
    assert ("methods", "toy-adversarial") in mine
    assert ("metrics", "toy-worst-subject") in mine
    toy = next(row for row in grid.call("data", "list", "--json").json if row["name"] == "toy")
    assert (toy["distribution"], toy["needs_root"], len(toy["classes"])) == ("ferbench-toy", False, 4)


def test_preparing_by_hand_finds_the_same_store(grid: Workbench, cells: list[dict[str, Any]]) -> None:
    made: Finished = grid.call("data", "prepare", "toy", "--benchmark", "grid", "--json")
    summary = made.json
    assert (summary["images"], summary["shape"], summary["no_face"]) == (192, [16, 16, 3], 0)
    used = {r["provenance"]["data"][0][1] for r in grid.records().values() if r["spec"]["data"]["options"]["seed"] == 0}
    assert summary["fingerprint"] in used
    plain = grid.call("plan", "grid").out
    assert plain.splitlines()[-1] == f"{len(cells)} done"


def test_no_metric_is_nan(grid: Workbench) -> None:
    for record in grid.records().values():
        for selection in ("validation", "last", "oracle"):
            assert all(math.isfinite(value) for value in record["metrics"][selection].values())
        assert json.dumps(record["cost"])
