"""Rows that one plugin adds to another's table: they stand there with the printed figures, train and predict."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import stand_ins.plugin  # for a quick detector: the real one has tests of its own

import ferbench.builtin
import ferbench_ada_df.plugin
import ferbench_eac.plugin
import ferbench_fer_datasets.plugin
import ferbench_resnet.plugin
import ferbench_scn.plugin
import ferbench_synthfaces.plugin
from ferbench.catalogue import list_benchmarks
from ferbench.data.replica import ReplicaSite, write_replica
from ferbench.datasource import silent_progress
from ferbench.plan import Plan, make_plan
from ferbench.plugins import Registry, discover
from ferbench.report.reported import read_reported
from ferbench.run.cell import Services, run_training
from ferbench.run.session import prepare_all

RIVALS = {"SCN (ResNet18)": ferbench_scn.plugin, "EAC (ResNet50)": ferbench_eac.plugin}
TABLE = "ada-df-table-4"
NEEDED = (ferbench.builtin, ferbench_fer_datasets.plugin, ferbench_resnet.plugin, ferbench_synthfaces.plugin)


def installed(*parts: object) -> Registry:
    found = discover([(part.__name__, part) for part in (*NEEDED, stand_ins.plugin, *parts)], installed=False)
    assert found.problems == []
    return found


@pytest.fixture(scope="module")
def registry() -> Registry:
    """Return Ada-DF, its rivals, and what its table asks for."""
    return installed(ferbench_ada_df.plugin, *RIVALS.values())


@pytest.fixture
def plan(registry: Registry, tmp_path: Path) -> Plan:
    """Plan the table on a replica of RAF-DB."""
    write_replica(registry.dataset("raf-db", "a test"), ReplicaSite(tmp_path / "raf-db"))
    one = list_benchmarks(nothing(tmp_path), registry)[TABLE]
    return make_plan(one.benchmark, registry, one.resolver(registry, tmp_path), tmp_path)


def nothing(folder: Path) -> Path:
    (folder / "mine.toml").touch()
    return folder / "mine.toml"


def test_a_rival_stands_beside_the_method_with_the_figures_that_its_paper_prints(
    registry: Registry, plan: Plan
) -> None:
    cells, figures = plan.cells, read_reported(registry)
    for row in RIVALS:
        mine = [cell for cell in cells if cell.entry == row]
        assert {cell.state for cell in mine} == {"pending"}
        places = {(TABLE, row, cell.dataset, cell.protocol, "accuracy") for cell in mine}
        assert places == {key for key in figures if key[1] == row}
        start = {cell.spec.weights["backbone"].name for cell in mine if cell.spec}
        assert start == {cell.spec.weights["backbone"].name for cell in cells if cell.spec and row[4:] in cell.entry}


@pytest.mark.parametrize("row", RIVALS)
def test_it_trains_and_predicts(registry: Registry, plan: Plan, row: str) -> None:
    spec = next(cell.spec for cell in plan.cells if cell.entry == row and cell.spec is not None)
    prepare_all(spec.prepared, plan.resolver, registry, 1, silent_progress)
    quick = {**spec.options, "epochs": 1, "batch_size": 8, "backbone": "resnet-tiny", "input_size": 64}
    outcome = run_training(replace(spec, options=quick, weights={}), Services(registry))
    assert 0 < outcome.history[0]["loss"] < 100


@pytest.mark.parametrize("rival", RIVALS.values())
def test_without_the_method_a_rival_has_no_table(rival: object, tmp_path: Path) -> None:
    assert TABLE not in list_benchmarks(nothing(tmp_path), installed(rival))
