"""A cell that tests on another data set compares label distributions class by class, whatever the order there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ferbench.config import read_benchmarks
from ferbench.data.store import Store
from ferbench.datasource import silent_progress
from ferbench.plan import make_plan
from ferbench.plugins import Registry
from ferbench.resolve import Resolver
from ferbench.run.cell import Services, run_training
from ferbench.run.session import prepare_all

FILE = """
[benchmark.b]
preprocessor = { name = "resize", options = { size = 16 } }
protocol = [{ name = "cross-dataset", pairs = [["toy", "other"]] }]
entry = [{ name = "net", method = "toy-net" }]

[[benchmark.b.dataset]]
name = "toy"
options = { columns = ["split", "mixture"] }

[[benchmark.b.dataset]]
name = "other"
source = "toy"
options = { columns = ["split", "mixture"], classes = ["neutral", "fear", "anger"] }
"""


def test_shares_follow_the_shared_classes(tmp_path: Path, registry: Registry) -> None:
    (tmp_path / "b.toml").write_text(FILE)
    resolver = Resolver(registry)
    (cell,) = make_plan(read_benchmarks(tmp_path / "b.toml").benchmark["b"], registry, resolver, tmp_path).cells
    assert cell.spec is not None
    prepare_all(list(cell.spec.prepared), resolver, registry, 1, silent_progress)
    outcome = run_training(cell.spec, Services(registry))
    assert outcome.classes == ("anger", "neutral")
    assert cell.spec.test is not None
    assert Store.open(cell.spec.test).classes == ("neutral", "fear", "anger")
    made = next(iter(outcome.epochs.values()))
    shares = np.asarray(made.columns["mixture"])
    assert shares.shape == (len(made.labels), 2)
    assert shares.argmax(axis=1).tolist() == made.labels.tolist()
    assert shares.max(axis=1).tolist() == pytest.approx([0.7 / 0.85] * len(shares))  # 0.7 and 0.15 of three classes
