"""Every row of the benchmarks that come with ferbench trains and predicts, on few rendered faces and for an epoch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from ferbench.catalogue import Listed, shipped_file
from ferbench.config import Benchmark, BenchmarkFile, EntryChoice, WeightsChoice, read_benchmarks
from ferbench.plan import make_plan
from ferbench.plugins import discover
from ferbench.run.display import RunDisplay
from ferbench.run.session import RunSettings, run_plan

FILE = read_benchmarks(shipped_file())
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


def small_file() -> BenchmarkFile:
    weights = {name: small_weights(choice) for name, choice in FILE.weights.items()}
    benchmarks = {name: small_benchmark(one) for name, one in FILE.benchmark.items()}
    return FILE.model_copy(update={"weights": weights, "benchmark": benchmarks})


@pytest.mark.parametrize("name", FILE.benchmark)
def test_every_row_trains_and_predicts(name: str, tmp_path: Path) -> None:
    file, registry = small_file(), discover()
    one = Listed(file.benchmark[name], file, shipped_file())

    def planned() -> Any:
        return make_plan(one.benchmark, registry, one.resolver(registry, None), tmp_path / "results")

    plan = planned()
    assert {cell.state for cell in plan.cells} == {"pending"}
    # A row's first cell: the other columns differ in their data, which other tests divide.
    chosen = tuple({cell.entry: cell for cell in reversed(plan.cells) if cell.protocol == "official"}.values())
    assert {cell.entry for cell in chosen} == {entry.name for entry in FILE.benchmark[name].entry}
    with RunDisplay(Console(quiet=True)) as display:
        tally = run_plan(plan, chosen, RunSettings(tmp_path / "results", workers=1), display)
    assert tally.failed == []
    assert sum(cell.state == "done" for cell in planned().cells) == len(chosen)


def test_all_weights_are_used() -> None:
    used = {name for one in FILE.benchmark.values() for entry in one.entry for name in entry.weights.values()}
    assert used == set(FILE.weights)
