"""A recipe on another form of the cell's data (more draws, another preprocessor) learns from the fold's training
subjects alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ferbench.config import read_benchmarks
from ferbench.data.store import Store
from ferbench.datasource import silent_progress
from ferbench.errors import LeakError
from ferbench.plan import Cell, Plan, make_plan
from ferbench.plugins import Registry
from ferbench.resolve import Resolver
from ferbench.run.division import divide
from ferbench.run.session import prepare_all
from ferbench.spec import TrainingSpec

FILE = """
[weights.pretrained.recipe]
dataset = "toy"
method = "toy-net"
target = "{target}"
{edges}
dataset_options = {options}

[benchmark.b]
preprocessor = {{ name = "resize", options = {{ size = 16 }} }}
dataset = [{{ name = "toy" }}]
protocol = [{protocol}]
entry = [{{ name = "net", method = "toy-net", weights = {{ backbone = "pretrained" }} }}]
"""
THREE = '{ name = "k-fold", options = { k = 3 } }'
OFFICIAL = '{ name = "official" }'
EDGES = "target_edges = [-20.0, 20.0]"


class Plans:
    """Plans a benchmark whose weights are pretrained on another form of its data."""

    def __init__(self, folder: Path, registry: Registry) -> None:
        self.folder, self.registry = folder, registry

    def __call__(self, options: str = "{ per_subject = 5 }", protocol: str = THREE, target: str = "pose") -> Plan:
        path = self.folder / "b.toml"
        edges = EDGES if target == "pose" else ""
        path.write_text(FILE.format(options=options, protocol=protocol, target=target, edges=edges))
        file = read_benchmarks(path)
        resolver = Resolver(self.registry, file.weights, None)
        return make_plan(file.benchmark["b"], self.registry, resolver, self.folder / "results")

    def recipe(self, plan: Plan, cell: Cell) -> tuple[TrainingSpec, Store, Store]:
        """Return a cell's recipe, the store it reads, and the cell's own, both prepared."""
        assert cell.spec is not None
        (only,) = cell.spec.recipes
        stores = [*only.training.prepared, *cell.spec.prepared]
        prepare_all(stores, plan.resolver, self.registry, 1, silent_progress)
        return only.training, Store.open(only.training.data), Store.open(cell.spec.data)


@pytest.fixture
def plans(tmp_path: Path, registry: Registry) -> Plans:
    return Plans(tmp_path, registry)


@pytest.mark.parametrize("protocol", [THREE, OFFICIAL])
@pytest.mark.parametrize("target", ["pose", "subject"])
def test_it_sees_training_subjects_alone_and_all_their_images(plans: Plans, protocol: str, target: str) -> None:
    plan = plans(protocol=protocol, target=target)
    for cell in plan.cells:
        spec, store, own = plans.recipe(plan, cell)
        assert cell.spec is not None
        assert spec.fold_of == cell.spec.data
        fold = divide(cell.spec, own, own, plans.registry)
        found = divide(spec, store, store, plans.registry)
        subjects, others = own.strings("subject"), store.strings("subject")
        held_out = {*subjects[fold.test], *subjects[fold.validation]}
        used = np.concatenate([found.train, found.validation])
        assert set(others[used]) == set(subjects[fold.train])
        assert set(others[used]).isdisjoint(held_out)
        assert len(used) == 5 * 3 * len(set(subjects[fold.train]))  # five images of each class, not three
        assert len(np.unique(used)) == len(used)
        assert len(found.test) == 0
        if target == "pose":
            assert found.classes == ("pose ..-20", "pose -20..20", "pose 20..")
            assert set(others[found.train]).isdisjoint(others[found.validation])  # two draws of one original
        else:
            assert set(others[found.train]) == set(others[found.validation])


def test_each_fold_has_a_run_of_its_own(plans: Plans) -> None:
    cells = plans().cells
    trained = {cell.spec.recipes[0].training.id for cell in cells if cell.spec is not None}
    assert len(trained) == len(cells) == 3


def test_of_the_label_it_stays_forbidden(plans: Plans) -> None:
    cells = plans(target="label").cells
    assert {cell.state for cell in cells} == {"unavailable"}
    assert "where both have subjects and the target is not the label" in cells[0].reason


def test_without_subjects_it_stays_forbidden(plans: Plans) -> None:
    cells = plans(options='{ per_subject = 5, columns = ["split", "pose"] }').cells
    assert {cell.state for cell in cells} == {"unavailable"}


def test_forms_that_call_the_same_subject_otherwise_are_refused(plans: Plans, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = plans()
    spec, store, own = plans.recipe(plan, plan.cells[0])
    named = Store.strings

    def renamed(self: Store, name: str) -> np.ndarray:
        values = named(self, name)
        return np.roll(values, 1) if name == "subject" and self.folder == store.folder else values

    monkeypatch.setattr(Store, "strings", renamed)
    with pytest.raises(LeakError, match=r"of the same subject in both; found s\d-\w+-\d of 's\d' and of 's\d'"):
        divide(spec, store, store, plans.registry)
    assert own.folder != store.folder
