"""A grid that has been run and submitted, and somebody who verifies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from submissions import Opened, opened
from workbench import STRANGER, Workbench

import ferbench.builtin
from ferbench.catalogue import list_benchmarks
from ferbench.datasource import silent_progress
from ferbench.plugins import Registry, discover
from ferbench.submission.verdict import Verdict
from ferbench.submission.verify import Verifier

GRID = """
[weights.elsewhere.recipe]
dataset = "toy"
dataset_options = { seed = 77 }
method = "toy-learner"
options = { epochs = 1 }

[benchmark.grid]
preprocessor = { name = "resize", options = { size = 16 } }
metrics = ["accuracy", "macro-f1", "toy-worst-subject"]
seeds = [0, 1]
dataset = [{ name = "toy", options = { noise = 0.8 } }]
protocol = [{ name = "official" }, { name = "k-fold", options = { k = 2 } }]
entry = [
  { name = "Learner", method = "toy-learner", options = { lr = 1e-2 } },
  { name = "Pretrained", method = "toy-learner", weights = { backbone = "elsewhere" } },
]
"""


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Workbench:
    """Return a workbench in which the grid has been run and submitted, to `grid.zip`."""
    bench = Workbench(tmp_path_factory.mktemp("home"))
    bench.write(GRID)
    bench.run("grid")
    bench.call("submit", "grid", "--out", "grid.zip")
    return bench


@pytest.fixture(scope="session")
def registry() -> Iterator[Registry]:
    """Return the core's entries and the stranger's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(STRANGER))
        import ferbench_toy.plugin

        yield discover([("core", ferbench.builtin), ("ferbench-toy", ferbench_toy.plugin)], installed=False)


@pytest.fixture
def verify(home: Workbench, registry: Registry, monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], Verdict]:
    """Return what verifies a file."""
    monkeypatch.setenv("FERBENCH_CACHE", str(home.folder / "cache"))
    verifier = Verifier(registry, list_benchmarks(home.folder / "benchmarks.toml", registry), None, silent_progress)

    def judge(file: Path) -> Verdict:
        with verifier.opened(file) as (verdict, _, _):
            return verdict

    return judge


@pytest.fixture
def given(home: Workbench, tmp_path: Path) -> Opened:
    """Return the submission, unpacked."""
    return opened(home.folder / "grid.zip", tmp_path / "opened")
