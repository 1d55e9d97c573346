"""The paper's tables as benchmarks: each printed figure has its place, and each entry runs, here on drawn stand-ins."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import stand_ins.plugin

import ferbench.builtin
import ferbench_ada_df.plugin
import ferbench_resnet.plugin
import ferbench_synthfaces.plugin
from ferbench.catalogue import Listed, list_benchmarks
from ferbench.datasource import silent_progress
from ferbench.plan import Cell, Plan, make_plan
from ferbench.plugins import Registry, discover
from ferbench.report.reported import read_reported
from ferbench.resolve import Resolver
from ferbench.run.cell import Services, run_training
from ferbench.run.session import prepare_all
from ferbench.spec import TrainingSpec

PACKAGE = Path(ferbench_ada_df.plugin.__file__).parent
TRANSCRIBED = Path(__file__).parents[4] / "shared" / "paper_tables.csv"
TABLES = [f"ada-df-table-{name}" for name in ("1a", "1b", "1c", "2", "3", "4")]
PRINTED = {"raf-db": "RAF-DB", "affectnet-7": "AffectNet", "sfew": "SFEW"}
FIGURES = 105
PARTS = ferbench.builtin, ferbench_resnet.plugin, ferbench_ada_df.plugin, ferbench_synthfaces.plugin, stand_ins.plugin


@pytest.fixture
def registry() -> Registry:
    """Return a registry in which the paper's data sets and its detector are drawn ones."""
    found = discover([(part.__name__, part) for part in PARTS], installed=False)
    assert found.problems == []
    return found


def listed(registry: Registry, tmp_path: Path) -> dict[str, Listed]:
    empty = tmp_path / "mine.toml"
    empty.touch()
    return list_benchmarks(empty, registry)


def planned(registry: Registry, name: str, tmp_path: Path) -> Plan:
    one = listed(registry, tmp_path)[name]
    return make_plan(one.benchmark, registry, one.resolver(registry, None), tmp_path)


def rows(name: str) -> list[dict[str, str]]:
    with (PACKAGE / name).open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_every_printed_figure_is_ours_or_has_a_reason_why_not() -> None:
    ours, others = rows("reported.csv"), rows("not_ours.csv")
    assert len(ours) + len(others) == FIGURES
    assert all(row["reason"] for row in others)
    assert len({(row["table"], row["row"], row["dataset"], row["protocol"]) for row in others}) == len(others)


@pytest.mark.skipif(not TRANSCRIBED.is_file(), reason="the transcribed tables do not stand beside this checkout")
def test_the_figures_are_those_transcribed_from_the_paper() -> None:
    with TRANSCRIBED.open(newline="", encoding="utf-8") as stream:
        printed = [row for row in csv.DictReader(stream) if row["paper"] == "Ada-DF"]
    assert len(printed) == FIGURES

    def noise(protocol: str) -> str:
        return f"noise-{protocol.split()[-1].rstrip('%')}" if "noise" in protocol else "official"

    expected = Counter((r["table"], r["dataset"], noise(r["protocol"]), round(float(r["value"]), 2)) for r in printed)
    mapped = [*rows("reported.csv"), *rows("not_ours.csv")]
    found = Counter(
        (r["table"], PRINTED[r["dataset"]], r["protocol"], round(float(r["value"]) * 100, 2)) for r in mapped
    )
    assert found == expected


def test_every_figure_of_ours_stands_beside_one_cell_of_a_benchmark_and_every_cell_has_one(
    registry: Registry, tmp_path: Path
) -> None:
    figures = read_reported(registry)
    assert len(figures) == len(rows("reported.csv"))
    places = {
        (name, cell.entry, cell.dataset, cell.protocol, "accuracy")
        for name in TABLES
        for cell in planned(registry, name, tmp_path).cells
    }
    assert places == set(figures)


def test_figures_are_fractions_of_the_right_size(registry: Registry) -> None:
    figures = read_reported(registry)
    best = figures["ada-df-table-3", "Ada-DF (ResNet18)", "raf-db", "official", "accuracy"]
    assert best.value == pytest.approx(0.9004)
    assert figures["ada-df-table-4", "Ada-DF (ResNet50)", "raf-db", "noise-30", "accuracy"].value == pytest.approx(
        0.8611
    )
    assert all(0.2 < figure.value < 0.91 for figure in figures.values())


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_planned_with_nothing_unavailable(registry: Registry, name: str, tmp_path: Path) -> None:
    plan = planned(registry, name, tmp_path)
    assert plan.counts()["pending"] == len(plan.cells) > 0
    assert all(cell.spec is not None and cell.spec.weights for cell in plan.cells)
    for cell in plan.cells:
        check_recipe(cell)


def check_recipe(cell: Cell) -> None:
    """Check what section 4.2 and Table 1 say of each data set, where the table does not vary it."""
    assert cell.spec is not None
    options = cell.spec.options
    assert (options["epochs"], options["lr"], options["gamma"]) == (75, 1e-3, 0.9)
    assert options["batch_size"] == (16 if cell.dataset == "sfew" else 64)
    assert options["crops"] == (10 if cell.dataset == "sfew" else 1)
    assert options["sampling"] == ("downsampled" if cell.dataset == "affectnet-7" else "shuffled")
    if cell.method == "ada-df":
        assert options["w_min"] == (float(cell.entry.split(" = ")[1]) if "w_min" in cell.entry else 0.2)
        best = (0.7, 3) if cell.dataset == "raf-db" else (0.5, 5)
        assert options["threshold"] == (float(cell.entry.split(" = ")[1]) if cell.entry.startswith("t =") else best[0])
        assert options["beta"] == (int(cell.entry.split(" = ")[1]) if "beta" in cell.entry else best[1])
        assert options["mode"] == "paper"


def quick(spec: TrainingSpec, **options: object) -> TrainingSpec:
    """Return a cell of one epoch at 32 pixels, from scratch."""
    changed = {**spec.options, "epochs": 1, "input_size": 32, **options}
    return replace(spec, options=changed, weights={})


def prepared(plan: Plan, registry: Registry) -> Iterator[Cell]:
    """Prepare the stand-ins and yield one cell of each entry and column."""
    first = {(cell.entry, cell.dataset, cell.protocol): cell for cell in reversed(plan.cells)}
    stores = {part.fingerprint: part for cell in first.values() if cell.spec is not None for part in cell.spec.prepared}
    prepare_all(list(stores.values()), plan.resolver, registry, 1, silent_progress)
    yield from first.values()


@pytest.mark.parametrize("name", TABLES)
def test_every_entry_trains_and_predicts_on_every_data_set(registry: Registry, name: str, tmp_path: Path) -> None:
    for cell in prepared(planned(registry, name, tmp_path), registry):
        assert cell.spec is not None
        outcome = run_training(quick(cell.spec, backbone="resnet-tiny"), Services(registry))
        assert 0 < outcome.history[0]["loss"] < 100, cell
        (predictions,) = outcome.epochs.values()
        assert predictions.probabilities.shape == (42, 7)
        if cell.method == "ada-df":
            assert len(outcome.kept["class_distributions"]) == 7
            assert set(outcome.diagnostics) == {"attention", "fusion_weight", "label_distribution"}


@pytest.mark.parametrize("backbone", ["resnet18", "resnet50"])
def test_the_networks_of_table_3_make_a_step(registry: Registry, backbone: str, tmp_path: Path) -> None:
    for cell in prepared(planned(registry, "ada-df-table-3", tmp_path), registry):
        assert cell.spec is not None
        if cell.dataset == "raf-db" and cell.spec.options["backbone"] == backbone:
            outcome = run_training(quick(cell.spec), Services(registry))
            assert outcome.history[0]["loss"] > 0
            return
    pytest.fail(f"Table 3 has no {backbone}")


def test_the_noise_benchmark_pairs_the_method_with_its_baseline(registry: Registry, tmp_path: Path) -> None:
    cells = planned(registry, "noise", tmp_path).cells
    assert {cell.protocol for cell in cells} == {"official", "noise-10", "noise-20", "noise-30"}
    assert Counter(cell.entry for cell in cells) == {"Ada-DF": 12, "ResNet-18": 12}
    assert len({cell.seed for cell in cells}) == 3
    specs = [cell.spec for cell in cells if cell.spec is not None]
    assert len({spec.weights["backbone"].training.id for spec in specs}) == 1  # the same start for both
    assert {spec.options["backbone"] for spec in specs} == {"resnet18"}
    for option in ("epochs", "batch_size"):
        assert len({spec.options[option] for spec in specs}) == 1, option


def test_a_users_file_gives_the_weights_of_a_table(registry: Registry, tmp_path: Path) -> None:
    """As the plugin's README shows: a file of the same name takes the place of the recipe."""
    (tmp_path / "faces.pth").write_bytes(b"parameters")
    digest = "a7cc0e1f6ca1c5eb3ff82ee3f4da0a3ae7e5be7d3e0ae8f1b5e9d0dbd6f2a9a4"
    mine = tmp_path / "mine.toml"
    mine.write_text(f'[weights.face-identity-resnet18]\npath = "faces.pth"\nsha256 = "{digest}"\n')
    resolver: Resolver = list_benchmarks(mine, registry)["ada-df-table-4"].resolver(registry, None)
    chosen = resolver.weights["face-identity-resnet18"]
    assert (chosen.recipe, chosen.path) == (None, str(tmp_path / "faces.pth"))
    assert resolver.weights["face-identity-resnet50"].recipe is not None
