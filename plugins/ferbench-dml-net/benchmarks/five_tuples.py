"""How long the five-tuples of an epoch take to draw, by the number of samples.

python plugins/ferbench-dml-net/benchmarks/five_tuples.py
"""
# ruff: noqa: INP001 (a script, not a package)

from __future__ import annotations

import time

import numpy as np

from ferbench.train import FiveTuples

SIZES = (17_500, 70_000, 280_000)
"""The last is about that of the paper's largest set, Multi-PIE."""
SUBJECTS, CLASSES, YAWS = 337, 6, (-30.0, -15.0, 0.0, 15.0, 30.0)


def seconds(count: int) -> tuple[float, int]:
    """Return what drawing an epoch takes, and how many tuples it has."""
    rng = np.random.default_rng(0)
    columns = {
        "pose": rng.choice(YAWS, count).astype(np.float32),
        "subject": rng.integers(0, SUBJECTS, count),
    }
    labels = rng.integers(0, CLASSES, count)
    before = time.perf_counter()
    batches = FiveTuples(3).batches(labels, columns, np.random.default_rng(1))
    return time.perf_counter() - before, sum(map(len, batches))


def main() -> None:
    """Draw and print."""
    for count in SIZES:
        taken, tuples = seconds(count)
        print(f"{count:>8,} samples: {tuples:>7,} tuples in {taken:.2f} s, {taken / count * 1e6:.1f} µs a sample")


if __name__ == "__main__":
    main()
