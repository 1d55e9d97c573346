"""Representations measured by a run: of the selected epoch, once, in the record, on the leaderboard."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from toyfaces.methods import Net

from ferbench.config import read_benchmarks
from ferbench.data.store import Store
from ferbench.datasource import silent_progress
from ferbench.errors import SourceChangedError
from ferbench.plan import Plan, make_plan
from ferbench.plugins import Registry
from ferbench.records import RecordStore
from ferbench.report.formats import Leaderboard
from ferbench.report.sheet import load_sheet, save_sheet, sheet_of
from ferbench.report.table import collect
from ferbench.representation import Representations
from ferbench.representation.evaluate import evaluate
from ferbench.resolve import Resolver
from ferbench.run.cell import Services, run_training
from ferbench.run.jobs import Stopped, jobs_for
from ferbench.run.outcome import Outcome
from ferbench.run.session import prepare_all
from ferbench.run.work import Workplace
from ferbench.spec import RepresentationMetricSpec, TrainingSpec
from ferbench.train import Batch, Context, Normalise, Output, TestBatch, Transforms, Views

FILE = """
[benchmark.b]
preprocessor = {{ name = "{preprocessor}", options = {{ {options} }}{more} }}
dataset = [{{ name = "toy", options = {{ subjects = 8, per_subject = 4, shuffled = true, columns = [{columns}] }} }}]
protocol = [{{ name = "official" }}]
metrics = ["accuracy", "class-scatter.expression"]
representation_metrics = ["class-scatter", "distance-overlap"]
rank_by = "{rank_by}"
entry = [{{ name = "net", method = "toy-net", options = {{ epochs = 3 }} }}{other}]
"""
GIVEN = {
    "preprocessor": "resize",
    "options": "size = 16",
    "more": "",
    "columns": '"split", "subject"',
    "rank_by": "validation",
    "other": "",
}

Plans = Callable[..., Plan]


@pytest.fixture
def plans(tmp_path: Path, registry: Registry) -> Plans:
    """Return a function from changes of the file to a plan whose data is prepared."""

    def plan(**changes: str) -> Plan:
        (tmp_path / "b.toml").write_text(FILE.format(**{**GIVEN, **changes}))
        resolver = Resolver(registry)
        bench = read_benchmarks(tmp_path / "b.toml").benchmark["b"]
        made = make_plan(bench, registry, resolver, tmp_path / "results")
        parts = [part for cell in made.cells if cell.spec for part in cell.spec.prepared]
        prepare_all(parts, resolver, registry, 1, silent_progress)
        return made

    return plan


def first_spec(plan: Plan) -> TrainingSpec:
    spec = plan.cells[0].spec
    assert spec is not None
    return spec


def embeddings(self: Net, images: Tensor) -> Mapping[str, Tensor]:
    """Stand in for `features`: pooled activations, and the mean colour."""
    return {"expression": self.backbone(images).mean(dim=(2, 3)), "identity": images.mean(dim=(2, 3))}


@pytest.fixture
def featured(monkeypatch: pytest.MonkeyPatch) -> list[Representations]:
    """Give the toy network features, and keep what reaches the metrics."""
    seen: list[Representations] = []

    def kept(given: Representations, *others: Any) -> dict[str, Any]:
        seen.append(given)
        return evaluate(given, *others)

    monkeypatch.setattr("ferbench.run.representation.evaluate", kept)
    monkeypatch.setattr(Net, "features", embeddings)
    return seen


# --- one cell --------------------------------------------------------------------------------------------------------


def test_metrics_get_the_test_images_with_their_labels_and_columns(
    plans: Plans, registry: Registry, featured: list[Representations]
) -> None:
    spec = first_spec(plans())
    outcome = run_training(spec, Services(registry))
    store, fold, given = Store.open(spec.data), outcome.fold, featured[0]
    assert given.labels.tolist() == fold.test_labels.tolist()
    assert given.classes == fold.classes
    assert given.columns["subject"].tolist() == store.column("subject")[fold.test].tolist()
    colours = store.images[fold.test].mean(axis=(1, 2))
    assert np.corrcoef(given.features["identity"][:, 0], colours[:, 0])[0, 1] > 0.999
    assert given.features["expression"].dtype == np.float32
    assert outcome.representation["images"] == len(fold.test) == 24
    assert outcome.representation["widths"] == {"expression": 4, "identity": 3}


def test_a_method_is_given_images_and_nothing_else(
    plans: Plans, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[tuple[object, ...], bool, bool]] = []

    def features(*given: object) -> Mapping[str, Tensor]:
        method, images = given
        assert isinstance(method, Net)
        assert isinstance(images, Tensor)
        calls.append((given[1:], method.training, torch.is_grad_enabled()))
        return embeddings(method, images)

    monkeypatch.setattr(Net, "features", features)
    run_training(first_spec(plans()), Services(registry))
    assert [(len(given), *modes) for given, *modes in calls] == [(1, False, False)]


def test_the_state_is_that_of_the_selected_epoch_with_all_that_it_holds(
    plans: Plans, registry: Registry, monkeypatch: pytest.MonkeyPatch, featured: list[Representations]
) -> None:
    """Extra state too: what a method keeps there, in whatever form, is part of what it computes."""
    monkeypatch.setattr(Net, "get_extra_state", lambda self: {"told": [getattr(self, "told", 0)]}, raising=False)
    monkeypatch.setattr(
        Net, "set_extra_state", lambda self, state: setattr(self, "told", state["told"][0]), raising=False
    )
    at_the_time: list[Tensor] = []
    predict, step = Net.predict, Net.step

    def told(self: Net, images: Tensor) -> Mapping[str, Tensor]:
        return {"expression": embeddings(self, images)["expression"] + self.told}

    def predicting(self: Net, batch: TestBatch) -> Output:
        self.told = getattr(self, "told", 0) + 1
        at_the_time.append(told(self, batch.images)["expression"])
        return predict(self, batch)

    def unlearning(self: Net, batch: Batch, context: Context) -> Tensor:
        return step(self, batch, context) * (1 if context.epoch == 1 else -50)  # so that an earlier epoch is selected

    monkeypatch.setattr(Net, "features", told)
    monkeypatch.setattr(Net, "predict", predicting)
    monkeypatch.setattr(Net, "step", unlearning)
    outcome = run_training(first_spec(plans()), Services(registry))
    assert outcome.selected == {"validation": 1, "last": 3, "oracle": outcome.selected["oracle"]}
    _, test, *later = at_the_time  # of each epoch the validation images, then the test images
    assert featured[0].features["expression"] == pytest.approx(test.numpy(), abs=1e-5)
    assert not np.allclose(test.numpy(), later[3].numpy(), atol=0.1), "training went on"


def test_several_views_are_averaged(plans: Plans, registry: Registry, featured: list[Representations]) -> None:
    spec = first_spec(plans())
    run_training(spec, Services(registry))
    plain = featured[0].features["identity"]
    featured.clear()
    transforms = Net.transforms

    def twice(self: Net) -> Transforms:
        given = transforms(self)

        def doubled(images: Any, columns: Any, rng: Any) -> Views:
            assert isinstance(given.test, Normalise)
            views = given.test(images, columns, rng)
            return Views((views.images[0], views.images[0] + 2), views.columns)

        return replace(given, test=doubled)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Net, "transforms", twice)
        run_training(spec, Services(registry))
    assert featured[0].features["identity"] == pytest.approx(plain + 1, abs=1e-5)


def test_images_without_a_face_are_not_represented(
    plans: Plans, registry: Registry, featured: list[Representations]
) -> None:
    plan = plans(preprocessor="toy-finder", options="blind = [0, 1]", more=', no_face = "drop"')
    spec = first_spec(plan)
    outcome = run_training(spec, Services(registry))
    seen = ~Store.open(spec.data).dropped[outcome.fold.test]
    assert 0 < seen.sum() < len(seen)
    given = featured[0]
    assert len(given) == seen.sum()
    assert given.labels.tolist() == outcome.fold.test_labels[seen].tolist()
    assert (
        given.columns["subject"].tolist() == Store.open(spec.data).column("subject")[outcome.fold.test][seen].tolist()
    )
    assert {name: len(values) for name, values in given.features.items()} == dict.fromkeys(given.features, seen.sum())


def same(first: Outcome, second: Outcome) -> bool:
    def timeless(outcome: Outcome) -> Any:
        told = json.loads(json.dumps(outcome.representation))
        for metric in told["metrics"].values():
            del metric["seconds"]
        return told

    return timeless(first) == timeless(second)


@pytest.mark.parametrize("stop_after", [1, 3])
def test_a_cell_that_was_stopped_measures_what_it_would_have(
    plans: Plans, registry: Registry, tmp_path: Path, featured: list[Representations], stop_after: int
) -> None:
    spec = first_spec(plans())
    whole = run_training(spec, Services(registry))
    saves = 0

    def save(state: Callable[[], dict[str, Any]]) -> None:
        nonlocal saves
        torch.save(state(), tmp_path / "checkpoint")
        saves += 1
        if saves == stop_after:
            raise KeyboardInterrupt

    services = Services(registry, checkpoint=tmp_path / "checkpoint", save=save)
    with pytest.raises(KeyboardInterrupt):
        run_training(spec, services)
    assert same(whole, run_training(spec, services))
    assert whole.representation["metrics"]["distance-overlap"]["values"].keys() == {"expression", "identity"}


def test_a_run_that_is_stopped_while_it_measures_leaves_no_record(
    plans: Plans, registry: Registry, tmp_path: Path, featured: list[Representations]
) -> None:
    def stop(share: float, _images: int) -> None:
        if share == 1 and featured:
            raise Stopped

    plan = plans()
    job = jobs_for(plan.cells, {}, keep=False)[0]
    with pytest.raises(Stopped):
        Workplace(tmp_path / "results", registry, stop).do(job)
    store = RecordStore(tmp_path / "results")
    assert not store.done()
    assert not store.failed()


def test_code_of_a_metric_that_was_edited_meanwhile_is_not_run(
    plans: Plans, registry: Registry, tmp_path: Path
) -> None:
    job = jobs_for(plans().cells, {}, keep=False)[0]
    old = RepresentationMetricSpec("class-scatter", {}, "as it was")
    job = replace(job, spec=replace(job.spec, representation_metrics=(old,)))
    with pytest.raises(SourceChangedError, match="edited meanwhile: class-scatter"):
        Workplace(tmp_path / "results", registry, lambda _share, _images: None).do(job)


# --- records and leaderboards ----------------------------------------------------------------------------------------


@pytest.fixture
def board(tmp_path: Path, registry: Registry) -> Callable[[Plan], tuple[list[Mapping[str, Any]], Leaderboard]]:
    """Return a function that runs a plan in this process and returns its records and its leaderboard."""

    def run(plan: Plan) -> tuple[list[Mapping[str, Any]], Leaderboard]:
        results = tmp_path / "results"
        for job in jobs_for(plan.cells, {}, keep=False):
            assert Workplace(results, registry, lambda _share, _images: None).do(job) == "finished"
        store = RecordStore(results)
        save_sheet(sheet_of(make_plan(plan.benchmark, registry, plan.resolver, results), registry), results)
        sheet = load_sheet(results, "b")  # as `report --as-run` reads it
        return [store.read(cell.id).content for cell in sheet.cells], Leaderboard(collect(sheet, store, registry), {})

    return run


Board = Callable[[Plan], tuple[list[Mapping[str, Any]], Leaderboard]]


def test_values_are_in_the_record_and_on_the_leaderboard(
    plans: Plans, board: Board, featured: list[Representations]
) -> None:
    records, made = board(plans(other=', { name = "other", method = "toy-net" }'))
    told = records[0]["representation"]
    assert told["selection"] == "validation"
    assert told["epoch"] == records[0]["selected_epochs"]["validation"]
    assert (told["images"], told["seed"], told["left_out"], told["failed"]) == (24, 0, {}, {})
    values = told["metrics"]["class-scatter"]["values"]
    assert told["metrics"]["distance-overlap"]["arrays"]["identity/same"]
    rows = {(row["entry"], row["metric"]): row for row in json.loads(made.as_json())}
    row = rows["net", "class-scatter.expression"]
    assert (row["mean"], row["n"], row["selection"]) == (values["expression"], 1, "validation")
    assert {metric for _, metric in rows} == {
        "accuracy", "class-scatter.expression", "class-scatter.identity",
        "distance-overlap.expression", "distance-overlap.identity",
    }  # fmt: skip
    text = made.as_markdown()
    assert "## class-scatter.expression\n" in text
    assert "## class-scatter\n" in text
    assert "## distance-overlap, %\n" in text
    assert "from stored predictions and, for representations, from what the runs measured" in text
    overlaps = [record["representation"]["metrics"]["distance-overlap"]["values"] for record in records]
    for key, best in (("expression", max), ("identity", min)):
        first, second = (values[key] for values in overlaps)
        for entry, value in (("net", first), ("other", second)):
            figure = f"{100 * value:.2f}"
            marked = f"**{figure}**" if value == best(first, second) else figure
            assert re.search(rf"\| {entry} +\| {key} +\| {re.escape(marked)} \(1\)", text), "which way is good depends"
            assert figure in made.as_latex()
    assert "distance-overlap.identity" in made.as_csv()


def test_they_are_those_of_the_validation_epoch_whatever_the_leaderboard_ranks_by(
    plans: Plans, board: Board, featured: list[Representations]
) -> None:
    _, made = board(plans(rank_by="last"))
    selections = {(row["metric"].split(".")[0], row["selection"]) for row in made.rows()}
    assert selections == {("accuracy", "last"), ("class-scatter", "validation"), ("distance-overlap", "validation")}
    assert (
        "measured by the runs on features of the test images at the epoch chosen on validation data"
        in made.as_markdown()
    )


def test_without_subjects_the_reason_is_in_the_record_and_among_the_notes(
    plans: Plans, board: Board, featured: list[Representations]
) -> None:
    records, made = board(plans(columns='"split"'))
    for record in records:
        assert record["representation"]["left_out"] == {"distance-overlap": "the test data have no column subject"}
        assert set(record["representation"]["metrics"]) == {"class-scatter"}
    text = made.as_markdown()
    assert (
        "- net on toy, official: not measured, since the test data have no column subject: distance-overlap.\n" in text
    )
    assert "## distance-overlap" not in text


def test_a_method_without_features_is_told_so(plans: Plans, board: Board) -> None:
    records, made = board(plans())
    assert set(records[0]["representation"]["left_out"].values()) == {"the method gives no representations"}
    assert records[0]["warnings"] == []
    note = "- net on toy, official: not measured, since the method gives no representations: class-scatter;"
    text = made.as_markdown()
    assert f"{note} distance-overlap.\n" in text
    assert re.search(r"## class-scatter.expression\n\n(\|.*\n){2}\| net +\| – ", text), "asked for, and no figure"


def nan(self: Net, images: Tensor) -> Mapping[str, Tensor]:
    return {"expression": images.mean(dim=(2, 3)) * float("nan")}


def maps(self: Net, images: Tensor) -> Mapping[str, Tensor]:
    return {"expression": self.backbone(images)}


def raising(self: Net, images: Tensor) -> Mapping[str, Tensor]:
    raise RuntimeError("no features today")


@pytest.mark.parametrize(
    ("features", "warning"),
    [
        (nan, "finite features; found NaN or infinity; in Net.features"),
        (maps, r"one vector an image: \(24, D\) for each name"),
        (raising, "features failed: RuntimeError: no features today"),
    ],
)
def test_features_that_cannot_be_had_cost_a_warning_and_no_cell(
    plans: Plans, board: Board, monkeypatch: pytest.MonkeyPatch, features: Any, warning: str
) -> None:
    monkeypatch.setattr(Net, "features", features)
    records, made = board(plans())
    (told,) = records[0]["warnings"]
    assert records[0]["metrics"]["validation"]["accuracy"] is not None
    with pytest.raises(AssertionError, match=warning):
        raise AssertionError(told)
    assert (
        "**Warning**, net on toy, official, fold 0, seed 0: representation metrics, features failed"
        in made.as_markdown()
    )
