"""Every row of the benchmarks on rendered faces trains and predicts, on few of them and for an epoch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

import ferbench_ada_df.plugin
from ferbench.catalogue import Listed, shipped_file
from ferbench.config import Benchmark, BenchmarkFile, EntryChoice, WeightsChoice, read_benchmarks
from ferbench.plan import make_plan
from ferbench.plugins import discover
from ferbench.run.display import RunDisplay
from ferbench.run.session import RunSettings, run_plan

FILE = read_benchmarks(shipped_file())
NOISE = Path(ferbench_ada_df.plugin.__file__).parent / "benchmarks.toml"
"""Where the benchmark `noise` is; the other benchmarks there are the paper's tables, which have tests of their own."""
FEW = {"subjects": 8, "images_per_subject": 14, "resolution": 32, "yaws": [-45.0, 0.0], "test_fraction": 0.25}
SHORT = {"epochs": 1, "identity_epochs": 1, "classifier_epochs": 1, "patience": 1, "batch_size": 16}


def known(options: Mapping[str, Any], few: Mapping[str, Any], *always: str) -> dict[str, Any]:
    """Return options with those replaced that they have, and some set in any case."""
    return {**options, **{name: value for name, value in few.items() if name in {*options, *always}}}


def small_weights(weights: WeightsChoice) -> WeightsChoice:
    assert weights.recipe is not None
    recipe = weights.recipe
    images = () if recipe.dataset == "synthfaces-studio" else ("images_per_subject",)
    changed = {
        "dataset_options": known(recipe.dataset_options, FEW, "subjects", "resolution", *images),
        "options": known(recipe.options, SHORT),
    }
    return weights.model_copy(update={"recipe": recipe.model_copy(update=changed)})


def small_entry(entry: EntryChoice) -> EntryChoice:
    return entry.model_copy(update={"options": known(entry.options, SHORT)})


def small_benchmark(benchmark: Benchmark) -> Benchmark:
    datasets = [
        one.model_copy(update={"options": known(one.options, FEW, "subjects", "resolution")})
        for one in benchmark.dataset
    ]
    changed: dict[str, Any] = {
        "dataset": tuple(datasets),
        "entry": tuple(small_entry(entry) for entry in benchmark.entry),
        "seeds": benchmark.seeds[:1],
        "metrics": ("accuracy",),
        "representation_metrics": (),
        "compute": benchmark.compute.model_copy(update={"evaluate_every": 1}),
    }
    return benchmark.model_copy(update=changed)


def small_file(path: Path, name: str) -> BenchmarkFile:
    file = read_benchmarks(path)
    weights = {name: small_weights(choice) for name, choice in file.weights.items() if choice.recipe is not None}
    return file.model_copy(update={"weights": weights, "benchmark": {name: small_benchmark(file.benchmark[name])}})


@pytest.mark.parametrize(("path", "name"), [*((shipped_file(), name) for name in FILE.benchmark), (NOISE, "noise")])
def test_every_row_trains_and_predicts(path: Path, name: str, tmp_path: Path) -> None:
    file, registry = small_file(path, name), discover()
    one = Listed(file.benchmark[name], file, path)

    def planned() -> Any:
        return make_plan(one.benchmark, registry, one.resolver(registry, None), tmp_path / "results")

    plan = planned()
    assert {cell.state for cell in plan.cells} == {"pending"}
    # A row's first cell: the other columns differ in their data, which other tests divide.
    chosen = tuple({cell.entry: cell for cell in reversed(plan.cells) if cell.protocol == "official"}.values())
    assert {cell.entry for cell in chosen} == {entry.name for entry in file.benchmark[name].entry}
    with RunDisplay(Console(quiet=True)) as display:
        tally = run_plan(plan, chosen, RunSettings(tmp_path / "results", workers=1), display)
    assert tally.failed == []
    assert sum(cell.state == "done" for cell in planned().cells) == len(chosen)


def test_all_weights_are_used() -> None:
    used = {name for one in FILE.benchmark.values() for entry in one.entry for name in entry.weights.values()}
    assert used == set(FILE.weights)
