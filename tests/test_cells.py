"""One cell from its spec to its outcome: what is predicted, selected and kept, and the same again at any time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from toyfaces.methods import Net

from ferbench.config import read_benchmarks
from ferbench.data.store import Store
from ferbench.datasource import silent_progress
from ferbench.metrics.classification import accuracy
from ferbench.plan import make_plan
from ferbench.plugins import Registry
from ferbench.predictions import Predictions
from ferbench.protocols import Fold
from ferbench.resolve import Resolver
from ferbench.run.cell import Services, run_training
from ferbench.run.division import divide
from ferbench.run.outcome import Outcome, Selection, prediction_digest
from ferbench.run.session import prepare_all
from ferbench.spec import TrainingSpec
from ferbench.train import Whiten

FILE = """
[benchmark.b]
preprocessor = {{ name = "resize", options = {{ size = 16, grey = true }} }}
dataset = [
  {{ name = "toy" }},
  {{ name = "other", source = "toy", options = {{ classes = ["neutral", "fear", "anger"], seed = 1 }} }},
]
protocol = [{protocol}]
entry = [{{ name = "net", method = "toy-net", options = {{ epochs = 4 }} }}]
compute = {{ evaluate_every = {every} }}
"""
KFOLD = '{ name = "k-fold", options = { k = 4 }, datasets = ["toy"] }'

Specs = Callable[..., list[TrainingSpec]]


@pytest.fixture
def specs(tmp_path: Path, registry: Registry) -> Specs:
    """Return a function from a protocol to prepared specs."""

    def plan(protocol: str = KFOLD, every: int = 1) -> list[TrainingSpec]:
        (tmp_path / "b.toml").write_text(FILE.format(protocol=protocol, every=every))
        resolver = Resolver(registry)
        cells = make_plan(read_benchmarks(tmp_path / "b.toml").benchmark["b"], registry, resolver, tmp_path).cells
        found = [cell.spec for cell in cells if cell.spec is not None]
        prepare_all([part for spec in found for part in spec.prepared], resolver, registry, 1, silent_progress)
        return found

    return plan


def equal(first: Outcome, second: Outcome) -> bool:
    return (
        first.selected == second.selected
        and first.validation == second.validation
        and first.epochs.keys() == second.epochs.keys()
        and prediction_digest(first) == prediction_digest(second)
        and first.history == second.history
    )


def test_a_cell_predicts_its_test_fold_and_keeps_the_selected_epochs(specs: Specs, registry: Registry) -> None:
    spec = specs()[1]
    outcome = run_training(spec, Services(registry))
    store = Store.open(spec.data)
    assert set(outcome.epochs) == set(outcome.selected.values()) <= {1, 2, 3, 4}
    assert outcome.selected["last"] == 4
    assert len(outcome.validation) == 4
    best = max(outcome.validation)
    assert outcome.validation[outcome.selected["validation"] - 1] == best
    for predictions in outcome.epochs.values():
        assert predictions.ids.tolist() == store.strings("id")[outcome.fold.test].tolist()
        assert (predictions.labels == store.samples().labels[outcome.fold.test]).all()
        assert np.abs(predictions.probabilities.sum(axis=1) - 1).max() < 1e-5
        assert set(predictions.columns) == {"subject", "pose", "votes"}
    oracle = accuracy(outcome.epochs[outcome.selected["oracle"]])
    assert all(oracle >= accuracy(made) for made in outcome.epochs.values())
    assert outcome.cost["parameters"] == (1 * 4 * 9 + 4) + 8 + (4 * 3 + 3)
    assert outcome.cost["flops"] > 0
    assert outcome.state is None


def test_the_same_cell_gives_the_same_predictions_whatever_ran_before(specs: Specs, registry: Registry) -> None:
    first_spec, second_spec = specs()[:2]
    first = run_training(first_spec, Services(registry))
    run_training(second_spec, Services(registry))
    torch.rand(5)
    assert equal(first, run_training(first_spec, Services(registry)))
    assert prediction_digest(first) != prediction_digest(run_training(replace(first_spec, seed=1), Services(registry)))


@pytest.mark.parametrize("stop_after", [1, 2, 3, 4])
def test_a_cell_that_was_stopped_ends_as_if_it_had_not_been(
    specs: Specs, registry: Registry, tmp_path: Path, stop_after: int
) -> None:
    spec = specs()[0]
    saves = 0

    def save(state: Callable[[], dict[str, Any]]) -> None:
        nonlocal saves
        torch.save(state(), tmp_path / "checkpoint")
        saves += 1
        if saves == stop_after:
            raise KeyboardInterrupt

    whole = run_training(spec, Services(registry, keep_state=True))
    services = Services(registry, checkpoint=tmp_path / "checkpoint", save=save, keep_state=True)
    with pytest.raises(KeyboardInterrupt):
        run_training(spec, services)
    resumed = run_training(spec, services)
    assert saves == 4
    assert equal(whole, resumed)
    assert whole.state is not None
    assert resumed.state is not None
    assert all(torch.equal(value, resumed.state[name]) for name, value in whole.state.items())


def test_the_epoch_is_chosen_by_validation_accuracy_then_loss_then_the_earlier() -> None:
    # One row an epoch: validation accuracy, validation loss, how many of the four test images are right.
    script = [(0.5, 1.0, 2), (0.8, 0.5, 1), (0.8, 0.4, 3), (0.8, 0.4, 4), (0.6, 0.1, 4), (0.7, 0.2, 0)]
    labels = np.zeros(4, dtype=np.int64)
    parts = [np.arange(0), labels[:0]] * 2 + [np.arange(4), labels]
    outcome = Outcome(Fold(("a", "b"), *parts), ("a", "b"))
    told = iter(script)

    def evaluate() -> tuple[float, float, Predictions]:
        accurate, loss, right = next(told)
        probabilities = np.asarray([[1, 0]] * right + [[0, 1]] * (4 - right), dtype=np.float32)
        return accurate, loss, Predictions(np.asarray(list("abcd")), probabilities, labels, ("a", "b"))

    selection = Selection(outcome, evaluate, lambda: {"epoch": torch.tensor(len(outcome.validation))})
    for epoch in range(1, 7):
        selection(epoch)
    assert outcome.selected == {"validation": 3, "oracle": 4, "last": 6}
    assert set(outcome.epochs) == {3, 4, 6}
    assert accuracy(outcome.epochs[3]) == 0.75
    assert outcome.state is not None
    assert int(outcome.state["epoch"]) == 3


def test_epochs_between_evaluations_are_not_selected(specs: Specs, registry: Registry) -> None:
    outcome = run_training(specs(every=3)[0], Services(registry))
    assert len(outcome.validation) == 2
    assert len(outcome.history) == 4


def test_training_on_one_data_set_and_testing_on_another(specs: Specs, registry: Registry) -> None:
    (spec,) = specs('{ name = "cross-dataset", pairs = [["toy", "other"]] }')
    outcome = run_training(spec, Services(registry))
    assert outcome.classes == ("anger", "neutral")
    assert spec.test is not None
    for predictions in outcome.epochs.values():
        named = [outcome.classes[label] for label in predictions.labels]
        assert named == [name.split("-")[1] for name in predictions.ids]
        assert set(predictions.ids) <= set(Store.open(spec.test).strings("id"))
    assert outcome.fold.notes["classes_dropped"] == {"train": ["happiness"], "test": ["fear"]}


def test_a_recipe_for_another_target_trains_on_the_cells_training_images_only(specs: Specs, registry: Registry) -> None:
    spec = specs()[2]
    cell, recipe = (
        divide(one, Store.open(spec.data), Store.open(spec.data), registry)
        for one in (spec, replace(spec, target="subject", protocol_label="4-fold"))
    )
    assert set(recipe.train) | set(recipe.validation) == set(cell.train)
    assert set(recipe.train).isdisjoint(recipe.validation)
    assert set(recipe.validation_labels) <= set(recipe.train_labels)
    assert len(recipe.test) == 0
    assert set(recipe.train).isdisjoint(cell.test)
    ids = Store.open(spec.data).strings("id")
    assert [recipe.classes[label] for label in recipe.train_labels] == [
        name.split("-")[0] for name in ids[recipe.train]
    ]
    outcome = run_training(replace(spec, target="subject"), Services(registry, keep_state=True))
    assert outcome.state is not None
    assert outcome.clean_labels is not None
    assert len(outcome.clean_labels) == len(recipe.train)


def test_a_method_that_whitens_is_recorded_without_a_mean(
    specs: Specs, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Net, "normalise", lambda self: Whiten())
    outcome = run_training(specs()[0], Services(registry))
    assert outcome.normalisation is None


def test_an_image_whose_target_is_not_known_is_not_trained_on(specs: Specs, registry: Registry) -> None:
    spec = specs()[0]
    store = Store.open(spec.data)
    poses = store.column("pose").astype(float)
    poses[::3] = np.nan
    place = store.table.column_names.index("pose")
    unknown = replace(store, table=store.table.set_column(place, "pose", [poses.tolist()]))
    posed = replace(spec, target="pose", target_edges=(-20.0, 20.0))
    for asked in (posed, replace(posed, protocol="all", protocol_options={})):
        fold = divide(asked, unknown, unknown, registry)
        used = np.concatenate([fold.train, fold.validation])
        assert len(used) > 0
        assert np.isfinite(poses[used]).all()
        expected = np.digitize(poses[fold.train], [-20.0, 20.0])
        assert (fold.train_labels == expected).all()
