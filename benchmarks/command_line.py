"""Speed of the command line: --help, a plan of 10,000 cells, a run over 1,000 finished cells, a report of 10,000."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from ferbench.catalogue import list_benchmarks
from ferbench.metrics.evaluate import metric_sources
from ferbench.plan import Cell, make_plan
from ferbench.plugins import discover
from ferbench.predictions import Predictions
from ferbench.records import PREDICTIONS, RecordStore, prediction_table

CLASSES = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")
REPEATS = 5


def grid(entries: int, seeds: int) -> str:
    """Return a benchmark file: entries × 2 data sets × 10 folds × seeds cells."""
    rows = "\n".join(
        f'[[benchmark.big.entry]]\nname = "row {i}"\nmethod = "resnet"\noptions = {{ lr = {1e-3 + i * 1e-6} }}'
        for i in range(entries)
    )
    return f"""
[benchmark.big]
preprocessor = {{ name = "resize" }}
seeds = {list(range(seeds))}
dataset = [{{ name = "synthfaces-studio" }}, {{ name = "synthfaces-wild" }}]
protocol = [{{ name = "k-fold" }}]
{rows}
"""


def finished(cells: tuple[Cell, ...], results: Path) -> None:
    """Write made-up records for cells: their size is that of real ones, their numbers mean nothing."""
    rng = np.random.default_rng(0)
    store = RecordStore(results)
    ids = np.asarray([f"sample-{i:05d}" for i in range(150)])
    made = rng.dirichlet(np.ones(7), 150).astype(np.float32)
    table = prediction_table({1: Predictions(ids, made, rng.integers(0, 7, 150), CLASSES)})
    sources = metric_sources(discover())
    metrics = {"accuracy": 0.5, **{f"confusion.{a}/{b}": 1.0 for a in CLASSES for b in CLASSES}}
    for cell in cells:
        assert cell.spec is not None  # rendered data is always there
        content = {
            "id": cell.id,
            "design_id": cell.spec.design_id,
            "spec": cell.spec.as_json,
            "classes": CLASSES,
            "selected_epochs": dict.fromkeys(("validation", "last", "oracle"), 1),
            "metrics": dict.fromkeys(("validation", "last", "oracle"), metrics),
            "cost": {"parameters": 1.0, "flops": 1.0, "train_seconds": 1.0, "images_per_second": 1.0},
            "metric_sources": sources,
            "provenance": {
                "weights": {},
                "data": {},
                "commit": "",
                "processor": "",
                "python": "",
                "accelerators": [],
                "packages": {f"package-{i}": "1.0" for i in range(13)},
            },
        }
        store.write(content, {PREDICTIONS: table})


def timed(*words: str, cwd: Path) -> float:
    """Return the median wall time of a command, after one warm-up."""
    seconds = []
    for _ in range(REPEATS + 1):
        begun = time.perf_counter()
        subprocess.run([sys.executable, "-m", "ferbench.cli", *words], cwd=cwd, check=True, capture_output=True)
        seconds.append(time.perf_counter() - begun)
    return statistics.median(seconds[1:])


def main() -> None:
    """Print the figures."""
    os.environ["FERBENCH_CACHE"] = tempfile.mkdtemp()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        print(f"ferbench --help: {timed('--help', cwd=place):.2f} s (goal 0.3)")
        for entries, seeds, name in ((50, 10, "big"), (50, 1, "small")):
            (place / f"{name}.toml").write_text(grid(entries, seeds))
        print(f"ferbench plan, 10,000 cells: {timed('plan', 'big', '--config', 'big.toml', cwd=place):.2f} s (goal 2)")
        registry = discover()
        for name in ("small", "big"):
            listed = list_benchmarks(place / f"{name}.toml", registry)["big"]
            plan = make_plan(listed.benchmark, registry, listed.resolver(registry, None), place / name)
            finished(plan.cells, place / name)
        run = timed("run", "big", "--config", "small.toml", "--results", "small", cwd=place)
        print(f"ferbench run, 1,000 finished cells: {run:.2f} s (goal 3)")
        words = ("report", "big", "--config", "big.toml", "--results", "big", "--format", "json")
        print(f"ferbench report, 10,000 records: {timed(*words, cwd=place):.2f} s (goal 5)")
        print(json.dumps({"records": len(RecordStore(place / "big").done())}))


if __name__ == "__main__":
    main()
