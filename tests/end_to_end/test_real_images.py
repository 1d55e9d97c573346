"""Real images, from a user's folder: ten thousand handwritten digits."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from workbench import Workbench

SCRIPT = Path(__file__).parents[2] / "docs" / "examples" / "mnist_folders.py"
IDX = os.environ.get("FERBENCH_MNIST", "")

GRID = """
[benchmark.digits]
preprocessor = { name = "resize", options = { size = 32, grey = true } }
dataset = [{ name = "digits", source = "image-folder" }]
protocol = [
  { name = "official" },
  { name = "k-fold", options = { k = 3 } },
  { name = "label-noise", options = { rate = 0.2 } },
]
[[benchmark.digits.entry]]
name = "ResNet-tiny"
method = "resnet"
options = { backbone = "resnet-tiny", epochs = 1, lr = 1e-2, schedule = "one-cycle", augment = "none" }
"""


@pytest.mark.skipif(not IDX, reason="FERBENCH_MNIST names no folder of MNIST's idx files")
def test_digits_are_learned_in_an_epoch(bench: Workbench) -> None:
    pytest.importorskip("ferbench_resnet")
    bench.write(GRID)
    target = bench.folder / "data" / "digits"
    subprocess.run([sys.executable, str(SCRIPT), IDX, str(target)], check=True)
    bench.run("digits", "--data-root", str(target.parent))
    rows = bench.call("report", "digits", "--data-root", str(target.parent), "--format", "json").json
    found = {row["protocol"]: row["mean"] for row in rows}
    assert set(found) == {"official", "3-fold", "noise-20"}
    assert all(mean > 0.8 for mean in found.values()), found
    tested = {
        record["spec"]["fold"]: record["samples"]["test"]
        for record in bench.records().values()
        if record["protocol"] == "3-fold"
    }
    assert sum(tested.values()) == 10_000
    print(found)  # -s shows it
