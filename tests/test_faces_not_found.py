"""Images without a face: dropped from training, wrong at test unless the benchmark says otherwise, and told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferbench.config import read_benchmarks
from ferbench.data.store import Store
from ferbench.datasource import silent_progress
from ferbench.errors import ConfigError
from ferbench.metrics.classification import accuracy, calibration_error, confusion_matrix
from ferbench.plan import Plan, make_plan
from ferbench.plugins import Registry
from ferbench.predictions import Predictions, check_probabilities
from ferbench.protocols import Fold
from ferbench.records import RecordStore
from ferbench.report.formats import Leaderboard
from ferbench.report.sheet import sheet_of
from ferbench.report.table import collect
from ferbench.resolve import Resolver
from ferbench.run.cell import Services, run_training
from ferbench.run.division import divide
from ferbench.run.faceless import with_unseen
from ferbench.run.jobs import Job
from ferbench.run.publish import publish_record
from ferbench.run.session import prepare_all
from ferbench.spec import TrainingSpec

FILE = """
[benchmark.b]
preprocessor = {{ name = "toy-finder", options = {{ blind = [0, 1] }}, {no_face} }}
dataset = [
  {{ name = "toy", options = {{ subjects = 12 }} }},
  {{ name = "other", source = "toy", options = {{ classes = ["neutral", "fear", "anger"], seed = 1 }} }},
]
protocol = [{protocol}]
entry = [{{ name = "net", method = "toy-net", options = {{ epochs = 3 }} }}]
"""
OFFICIAL = '{ name = "official", datasets = ["toy"] }'
CROSS = '{ name = "cross-dataset", pairs = [["toy", "other"]] }'

Plans = Callable[..., Plan]


@pytest.fixture
def plans(tmp_path: Path, registry: Registry) -> Plans:
    def plan(no_face: str, protocol: str = OFFICIAL) -> Plan:
        (tmp_path / "b.toml").write_text(FILE.format(no_face=no_face, protocol=protocol))
        benchmark = read_benchmarks(tmp_path / "b.toml").benchmark["b"]
        made = make_plan(benchmark, registry, Resolver(registry), tmp_path / "results")
        parts = [part for cell in made.cells if cell.spec is not None for part in cell.spec.prepared]
        prepare_all(parts, made.resolver, registry, 1, silent_progress)
        return made

    return plan


def spec_of(plan: Plan) -> TrainingSpec:
    (spec,) = (cell.spec for cell in plan.cells)
    assert spec is not None
    return spec


def divided(spec: TrainingSpec, registry: Registry) -> tuple[Fold, Store, Store]:
    store = Store.open(spec.data)
    test = Store.open(spec.test) if spec.test is not None else store
    return divide(spec, store, test, registry), store, test


def test_dropped_images_are_not_trained_on_and_stay_in_the_test(plans: Plans, registry: Registry) -> None:
    fold, store, _ = divided(spec_of(plans('no_face = "drop"')), registry)
    assert 0 < store.dropped.sum() < len(store.dropped)
    assert not store.dropped[fold.train].any()
    assert not store.dropped[fold.validation].any()
    split = store.strings("split")
    assert sorted(fold.test) == sorted(np.flatnonzero(split == "test"))
    assert fold.notes["no_face"]["test"] == store.dropped[split == "test"].sum() > 0
    assert fold.notes["no_face"]["train"] + fold.notes["no_face"]["validation"] == store.dropped[split == "train"].sum()


def test_a_benchmark_may_leave_them_out_of_the_test(plans: Plans, registry: Registry) -> None:
    fold, store, _ = divided(spec_of(plans('no_face = "drop", no_face_test = "leave-out"')), registry)
    kept = np.flatnonzero((store.strings("split") == "test") & ~store.dropped)
    assert sorted(fold.test) == sorted(kept)
    assert fold.notes["no_face"]["left_out"] == store.dropped[store.strings("split") == "test"].sum() > 0


def test_leaving_out_changes_the_test_part_alone(plans: Plans, registry: Registry) -> None:
    wrong, left_out = (
        divided(spec_of(plans(f'no_face = "drop", no_face_test = "{how}"')), registry)[0]
        for how in ("wrong", "leave-out")
    )
    assert wrong.train.tolist() == left_out.train.tolist()
    assert wrong.validation.tolist() == left_out.validation.tolist()
    assert set(left_out.test) < set(wrong.test)


def test_both_readings_share_one_store_and_are_two_cells(plans: Plans) -> None:
    wrong, left_out = (spec_of(plans(f'no_face = "drop", no_face_test = "{how}"')) for how in ("wrong", "leave-out"))
    assert wrong.data.pixels.fingerprint == left_out.data.pixels.fingerprint
    assert wrong.id != left_out.id


def test_leaving_out_what_is_not_dropped_is_refused(plans: Plans) -> None:
    with pytest.raises(ConfigError, match='no_face = "drop" beside no_face_test'):
        plans('no_face = "center-crop", no_face_test = "leave-out"')


@pytest.mark.parametrize("protocol", [OFFICIAL, CROSS])
def test_dropped_test_images_count_as_wrong_in_every_metric(plans: Plans, registry: Registry, protocol: str) -> None:
    spec = spec_of(plans('no_face = "drop"', protocol))
    fold, _, test = divided(spec, registry)
    outcome = run_training(spec, Services(registry))
    made = outcome.epochs[outcome.selected["last"]]
    unseen = test.dropped[fold.test]
    assert unseen.sum() > 0
    assert (made.columns["face_found"] == ~unseen).all()
    assert not (made.predicted == made.labels)[unseen].any()
    seen = Predictions(made.ids[~unseen], made.probabilities[~unseen], made.labels[~unseen], made.classes)
    assert accuracy(made) == pytest.approx(accuracy(seen) * (~unseen).mean())
    check_probabilities(made.probabilities, len(made.ids), len(made.classes), "test")


def test_centre_crops_are_predicted_and_counted(plans: Plans, registry: Registry) -> None:
    spec = spec_of(plans('no_face = "center-crop"'))
    fold, store, _ = divided(spec, registry)
    assert not store.dropped.any()
    assert fold.notes["no_face"]["test"] == store.faceless[fold.test].sum() > 0
    outcome = run_training(spec, Services(registry))
    assert (outcome.epochs[outcome.selected["last"]].columns["face_found"] == ~store.faceless[fold.test]).all()


@pytest.mark.parametrize(
    ("no_face", "told"),
    [
        ('no_face = "drop"', "they count as wrong."),
        ('no_face = "center-crop"', "a centre crop stands in their place."),
        ('no_face = "drop", no_face_test = "leave-out"', "they are left out of the test."),
    ],
)
def test_the_leaderboard_tells(plans: Plans, registry: Registry, tmp_path: Path, no_face: str, told: str) -> None:
    plan = plans(no_face)
    spec, store = spec_of(plan), RecordStore(tmp_path / "results")
    outcome = run_training(spec, Services(registry))
    publish_record(store, Job(spec, "net"), outcome, {"started": 0.0, "resumed": False, "weights": {}}, registry)
    board = Leaderboard(collect(sheet_of(plan, registry), store, registry), {}).as_markdown()
    (line,) = (line for line in board.splitlines() if "no face was found in" in line)
    assert line.startswith("- toy, official: no face was found in ")
    assert line.endswith(told)


@given(st.integers(2, 8), st.lists(st.booleans(), min_size=1, max_size=30), st.integers(0, 2**32 - 1))
def test_an_answer_for_an_unseen_image_is_wrong_unsure_and_the_same_anywhere(
    classes: int, seen: list[bool], seed: int
) -> None:
    rng = np.random.default_rng(seed)
    mask, labels = np.asarray(seen), rng.integers(classes, size=len(seen))
    ids = np.asarray([f"image-{n}" for n in range(len(seen))])
    answers = rng.dirichlet(np.ones(classes), size=int(mask.sum())).astype(np.float32)
    made, extras = with_unseen(answers, {"x": answers[:, 0]}, mask, ids, labels)
    again, _ = with_unseen(answers, {}, mask, ids, labels)
    assert (made == again).all()
    assert (made[mask] == answers).all()
    check_probabilities(made, len(ids), classes, "test")
    assert (made[~mask].argmax(axis=1) != labels[~mask]).all()
    assert (made[~mask].max(axis=1, initial=0) <= 1 / (classes - 1) + 1e-3).all()
    assert np.isnan(extras["x"][~mask]).all() if not mask.all() else (extras["x"] == answers[:, 0]).all()


def test_answers_for_unseen_images_favour_no_class() -> None:
    count, classes = 7000, 7
    labels = np.repeat(np.arange(classes), count // classes)
    ids = np.asarray([str(number) for number in range(count)])
    names = tuple("abcdefg")
    made, _ = with_unseen(np.zeros((0, classes), np.float32), {}, np.zeros(count, bool), ids, labels)
    matrix = confusion_matrix(Predictions(ids, made, labels, names))
    assert np.diag(matrix).sum() == 0
    others = matrix[~np.eye(classes, dtype=bool)]
    assert abs(others - count / classes / 6).max() < 60  # 167 expected each, standard deviation 12
    assert calibration_error(Predictions(ids, made, labels, names)) == pytest.approx(1 / 6, abs=0.01)
