"""Rotated digits and their rotation as a user runs them: replica, preparation, a baseline, metrics, a leaderboard."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

FILE = """
[benchmark.rotated]
preprocessor = { name = "resize", options = { size = 28, grey = true } }
protocol = [{ name = "official" }]
dataset = [{ name = "mnist-r", options = { draws = 2 } }, { name = "mnist-r-rotation", options = { draws = 2 } }]
metrics = ["accuracy", "within-one-class", "range-accuracy"]

[[benchmark.rotated.entry]]
name = "ResNet"
method = "resnet"
options = { backbone = "resnet-tiny", epochs = 1, batch_size = 32, augment = "none" }
"""


@pytest.fixture(scope="module")
def finished(replica: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder in which `ferbench run` has trained a baseline on both; they share one folder of data."""
    folder = tmp_path_factory.mktemp("grid")
    (folder / "data").mkdir()
    (folder / "data" / "mnist").symlink_to(replica("mnist"))
    (folder / "benchmarks.toml").write_text(FILE)
    done = subprocess.run(
        [sys.executable, "-m", "ferbench.cli", "run", "rotated", "--data-root", "data", "--workers", "1"],
        cwd=folder, env={**os.environ, "FERBENCH_CACHE": str(folder / "cache"), "OMP_NUM_THREADS": "1"},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return folder


@pytest.fixture(scope="module")
def records(finished: Path) -> dict[str, dict[str, Any]]:
    """Return the two records by data set."""
    found = [json.loads(path.read_text()) for path in finished.glob("results/records/*/record.json")]
    return {one["spec"]["data"]["dataset"]: one for one in found}


def test_a_baseline_is_trained_on_both(records) -> None:
    assert records.keys() == {"mnist-r", "mnist-r-rotation"}
    for record in records.values():
        # A tenth of the 90 originals of the training part is for validation, with both draws of each.
        assert record["samples"] == {"train": 162, "validation": 18, "test": 30}


def test_the_metrics_of_intervals_stand_beside_the_others_where_classes_are_intervals(records) -> None:
    def metrics(name: str) -> set[str]:
        return {metric for metric in records[name]["metrics"]["validation"] if metric in FILE}

    assert metrics("mnist-r") == {"accuracy"}
    assert metrics("mnist-r-rotation") == {"accuracy", "within-one-class", "range-accuracy"}


def test_what_is_prepared_is_what_was_drawn_and_the_target_is_hidden(finished, replica, rows) -> None:
    import pyarrow.parquet as pq

    for path in finished.glob("cache/prepared/*/store.json"):
        store = json.loads(path.read_text())
        images, ids = (
            np.load(path.parent / "images.npy"),
            pq.read_table(path.parent / "table.parquet")["id"].to_pylist(),
        )
        data = rows(store["dataset"], replica("mnist"), draws=2)
        assert images.shape == (len(data), 28, 28, 1)
        assert all(np.array_equal(images[place, ..., 0], data[key]["image"]) for place, key in enumerate(ids))
        assert ("target" in store["hidden"]) == (store["dataset"] == "mnist-r-rotation")
    assert len(list(finished.glob("cache/prepared/*/store.json"))) == 2


def test_the_leaderboard_says_that_it_is_a_replica(finished) -> None:
    text = (finished / "results" / "leaderboards" / "rotated.md").read_text()
    assert "- mnist-r-rotation: a replica: synthetic images in its layout, not the data set." in text
