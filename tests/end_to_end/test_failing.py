"""Methods, weights and divisions that fail: each fails its own cell, with a record of why; the others finish."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file
from workbench import Finished, Workbench

GRID = """
[weights.misfit]
path = "misfit.safetensors"
sha256 = "{sha256}"

[weights.broken.recipe]
dataset = "toy"
dataset_options = {{ seed = 9 }}
method = "toy-raises"

[benchmark.faults]
preprocessor = {{ name = "resize", options = {{ size = 16 }} }}
dataset = [{{ name = "toy" }}, {{ name = "toy-bare", source = "toy", options = {{ omit = ["pose", "split"] }} }}]
protocol = [{{ name = "official" }}]
entry = [
  {{ name = "Learner", method = "toy-learner" }},
  {{ name = "Posed", method = "toy-posed" }},
  {{ name = "Raises", method = "toy-raises", options = {{ epoch = 2 }} }},
  {{ name = "NanLoss", method = "toy-nan-loss" }},
  {{ name = "NanLogits", method = "toy-nan-logits" }},
  {{ name = "WrongShape", method = "toy-wrong-shape" }},
  {{ name = "Hungry", method = "toy-hungry" }},
  {{ name = "Killed", method = "toy-killed" }},
  {{ name = "Recovers", method = "toy-killed", options = {{ deaths = 1, epoch = 3 }} }},
  {{ name = "Misfit", method = "toy-learner", weights = {{ backbone = "misfit" }} }},
  {{ name = "Orphan", method = "toy-learner", weights = {{ backbone = "broken" }} }},
]
"""

REASONS = {
    "Raises": "RuntimeError: the toy broke, as it was told to",
    "NanLoss": "expected a finite loss; found nan",
    "NanLogits": "rows with NaN or infinity",
    "WrongShape": "expected logits of shape",
    "Hungry": "allocate",
    "Killed": "ended by signal 9; out of memory?",
    "Misfit": "expected at least 95% of the network's parameters in the weights; found 0.0%; not matched: ",
    "Orphan": "what it needs has failed: weights broken: RuntimeError: the toy broke, as it was told to",
}


@pytest.fixture(scope="module")
def faults(tmp_path_factory: pytest.TempPathFactory) -> tuple[Workbench, Finished]:
    """Return a workbench on which everything that can fail has failed, and how the run ended."""
    bench = Workbench(tmp_path_factory.mktemp("faults"))
    bench.env["FERBENCH_TOY_LOG"] = str(bench.folder / "trainings.log")
    file = bench.folder / "misfit.safetensors"
    save_file({"layer.weight": np.zeros((3, 3), dtype=np.float32)}, file)
    bench.write(GRID.format(sha256=hashlib.sha256(file.read_bytes()).hexdigest()))
    return bench, bench.run("faults", "--checkpoint-seconds", "0", "--workers", "2", code=1)


@pytest.fixture(scope="module")
def cells(faults: tuple[Workbench, Finished]) -> dict[str, dict[str, Any]]:
    """Return the cell of each row on the data that has all columns."""
    bench, _ = faults
    return {cell["entry"]: cell for cell in bench.plan("faults", "--select", "dataset=toy")}


def test_each_fails_its_own_cell_and_the_plan_tells_why(cells: dict[str, dict[str, Any]]) -> None:
    for entry, cell in cells.items():
        if entry in REASONS:
            assert cell["state"] == "failed", cell
            assert REASONS[entry] in cell["reason"]
        else:
            assert cell["state"] == "done", cell


def test_failure_records_hold_the_traceback(
    faults: tuple[Workbench, Finished], cells: dict[str, dict[str, Any]]
) -> None:
    bench, _ = faults
    cell = cells["Raises"]
    record = json.loads((bench.results / "failures" / f"{cell['id']}.json").read_text())
    assert record["id"] == cell["id"]
    assert record["spec"]["method"] == "toy-raises"
    assert "faulty.py" in record["traceback"]
    assert "the toy broke" in record["error"]


def bare(bench: Workbench) -> list[dict[str, Any]]:
    """Return the cells of the data set that has neither pose nor split."""
    return bench.plan("faults", "--select", "dataset=toy-bare")


def test_what_lacks_a_column_is_unavailable_not_failed(faults: tuple[Workbench, Finished]) -> None:
    bench, _ = faults
    found = {(cell["entry"], cell["protocol"]): (cell["state"], cell["reason"]) for cell in bare(bench)}
    assert found["Learner", "official"] == ("unavailable", "toy-bare has no column split, which official needs")
    assert "unavailable" in bench.call("report", "faults").out


def test_a_killed_worker_is_tried_again_once(
    faults: tuple[Workbench, Finished], cells: dict[str, dict[str, Any]]
) -> None:
    """`Recovers` dies once in its third epoch, and resumes from its checkpoint."""
    bench, _ = faults
    assert bench.records()[cells["Recovers"]["id"]]["provenance"]["resumed"] is True
    assert cells["Killed"]["id"] not in bench.records()


def test_the_end_says_what_to_do(faults: tuple[Workbench, Finished]) -> None:
    _, ended = faults
    assert "'ferbench plan faults' tells why; --retry-failed runs them again" in ended.err
    assert "failed: Raises · toy · official · fold 0 · seed 0: RuntimeError: the toy broke" in ended.err


def test_failed_cells_have_no_number(faults: tuple[Workbench, Finished]) -> None:
    bench, _ = faults
    rows = {row["entry"] for row in bench.call("report", "faults", "--format", "json").json}
    assert rows == {"Learner", "Posed", "Recovers"}


def test_a_second_run_retries_nothing_unless_asked(
    faults: tuple[Workbench, Finished], cells: dict[str, dict[str, Any]]
) -> None:
    bench, _ = faults
    log, stamps = bench.folder / "trainings.log", bench.stamps()
    before = log.read_text().split()
    again = bench.run("faults", code=1)
    assert again.seconds < 6
    assert log.read_text().split() == before
    asked = bench.run("faults", "--retry-failed", "--select", f"id={cells['Raises']['id']}", code=1)
    assert len(log.read_text().split()) == len(before) + 1
    assert "1 failed" in asked.err
    assert bench.stamps() == stamps
