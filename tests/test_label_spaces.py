"""Label spaces: classes renamed and left out by a benchmark, exchanged classes noticed, all of it told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ferbench.config import read_benchmarks
from ferbench.data.store import Store
from ferbench.datasource import silent_progress
from ferbench.errors import ConfigError
from ferbench.plan import Plan, make_plan
from ferbench.plugins import Registry
from ferbench.records import RecordStore
from ferbench.report.formats import Leaderboard
from ferbench.report.reported import Reported
from ferbench.report.sheet import sheet_of
from ferbench.report.table import collect
from ferbench.resolve import Resolver
from ferbench.run.cell import Services, run_training
from ferbench.run.division import divide
from ferbench.run.jobs import Job
from ferbench.run.publish import publish_record
from ferbench.run.session import prepare_all

FILE = """
[benchmark.b]
preprocessor = {{ name = "resize", options = {{ size = 16 }} }}
dataset = [
  {{ name = "toy", options = {{ classes = ["smile", "scream", "neutral", "squint"], subjects = 12 }}{relabel} }},
  {{ name = "toy-others", options = {{ classes = ["neutral", "happiness", "anger"], seed = 1 }} }},
]
protocol = [{protocol}]
entry = [{{ name = "net", method = "toy-net", options = {{ epochs = 12 }} }}]
"""
OFFICIAL = '{ name = "official", datasets = ["toy"] }'
CROSS = '{ name = "cross-dataset", pairs = [["toy", "toy-others"]] }'

Plans = Callable[..., Plan]


@pytest.fixture
def plans(tmp_path: Path, registry: Registry) -> Plans:
    def plan(relabel: str = "", protocol: str = OFFICIAL) -> Plan:
        relabel = f", {relabel}" if relabel else ""
        (tmp_path / "b.toml").write_text(FILE.format(relabel=relabel, protocol=protocol))
        benchmark = read_benchmarks(tmp_path / "b.toml").benchmark["b"]
        made = make_plan(benchmark, registry, Resolver(registry), tmp_path / "results")
        parts = [part for cell in made.cells if cell.spec is not None for part in cell.spec.prepared]
        prepare_all(parts, made.resolver, registry, 1, silent_progress)
        return made

    return plan


def board(plan: Plan, registry: Registry, results: Path, figures: dict[tuple[str, ...], Reported]) -> str:
    store = RecordStore(results)
    for cell in plan.cells:
        assert cell.spec is not None
        outcome = run_training(cell.spec, Services(registry))
        run = {"started": 0.0, "resumed": False, "weights": {}}
        publish_record(store, Job(cell.spec, "net"), outcome, run, registry)
    sheet = sheet_of(plan, registry)
    return Leaderboard(collect(sheet, store, registry), figures).as_markdown()  # type: ignore[arg-type]


def test_classes_are_renamed_merged_and_left_out_without_preparing_again(plans: Plans, registry: Registry) -> None:
    plain = plans().cells[0].spec
    spec = plans('relabel = { smile = "happiness", scream = "happiness", squint = "" }').cells[0].spec
    assert plain is not None
    assert spec is not None
    assert plain.data.pixels.fingerprint == spec.data.pixels.fingerprint
    assert plain.id != spec.id
    store = Store.open(spec.data)
    assert store.classes == ("happiness", "neutral")
    released = np.asarray(store.info["classes"])[store.column("label").astype(int)]
    expected = {"smile": 0, "scream": 0, "neutral": 1, "squint": -1}
    assert store.labels.tolist() == [expected[name] for name in released]
    fold = divide(spec, store, store, registry)
    used = np.concatenate([fold.train, fold.validation, fold.test])
    assert sorted(used) == sorted(np.flatnonzero(released != "squint"))
    assert (fold.train_labels == store.labels[fold.train]).all()
    assert fold.classes == ("happiness", "neutral")


def test_cross_dataset_works_on_renamed_classes(plans: Plans, registry: Registry) -> None:
    (cell,) = plans('relabel = { smile = "happiness", scream = "anger" }', CROSS).cells
    assert cell.spec is not None
    assert cell.spec.test is not None
    train, test = Store.open(cell.spec.data), Store.open(cell.spec.test)
    fold = divide(cell.spec, train, test, registry)
    assert fold.classes == ("happiness", "anger", "neutral")
    assert fold.notes["classes_dropped"] == {"train": ["squint"], "test": []}
    named = np.asarray(train.classes)[train.labels[fold.train]]
    assert (np.asarray(fold.classes)[fold.train_labels] == named).all()
    assert (np.asarray(fold.classes)[fold.test_labels] == np.asarray(test.classes)[test.labels[fold.test]]).all()


def test_an_unknown_class_is_refused_with_the_known_ones(plans: Plans) -> None:
    with pytest.raises(ConfigError, match=r"smile, scream, neutral, squint; found 'smille'.*did you mean 'smile'"):
        plans('relabel = { smille = "happiness" }')


@pytest.mark.parametrize(
    "left", ['smile = "", scream = "", squint = ""', 'smile = "neutral", scream = "neutral", squint = ""']
)
def test_fewer_than_two_classes_are_refused(plans: Plans, left: str) -> None:
    with pytest.raises(ConfigError, match="at least two classes; found neutral"):
        plans(f"relabel = {{ {left} }}")


def test_the_leaderboard_tells_what_is_renamed_and_left_out(plans: Plans, registry: Registry, tmp_path: Path) -> None:
    plan = plans('relabel = { smile = "happiness", squint = "" }', CROSS)
    text = board(plan, registry, tmp_path / "results", {})
    assert "- toy: classes renamed: smile → happiness, squint left out." in text
    assert (
        "- toy->toy-others: classes that only one of the two has are left out: scream (of the train data); "
        "anger (of the test data)." in text
    )


def test_no_printed_figure_stands_beside_renamed_classes(plans: Plans, registry: Registry, tmp_path: Path) -> None:
    figure = Reported("paper", "1", "b", "net", "toy", "official", "accuracy", 0.5)
    assert "[reported 50.00]" in board(plans(), registry, tmp_path / "results", {figure.key: figure})
    renamed = plans('relabel = { smile = "happiness" }')
    assert "[reported 50.00]" not in board(renamed, registry, tmp_path / "results", {figure.key: figure})


@pytest.mark.parametrize("exchanged", [False, True])
def test_exchanged_classes_leave_a_warning(plans: Plans, registry: Registry, tmp_path: Path, exchanged: bool) -> None:
    # Both draw a class by its position: 0 is one colour, 1 another. Exchanged names are exchanged labels.
    names = '"happiness", "neutral"' if exchanged else '"neutral", "happiness"'
    text = FILE.format(relabel="", protocol=CROSS)
    text = text.replace('["smile", "scream", "neutral", "squint"]', '["neutral", "happiness", "anger"]')
    (tmp_path / "b.toml").write_text(
        text.replace('["neutral", "happiness", "anger"], seed = 1', f'[{names}, "anger"], subjects = 20, seed = 1')
    )
    benchmark = read_benchmarks(tmp_path / "b.toml").benchmark["b"]
    plan = make_plan(benchmark, registry, Resolver(registry), tmp_path / "results")
    parts = [part for cell in plan.cells if cell.spec is not None for part in cell.spec.prepared]
    prepare_all(parts, plan.resolver, registry, 1, silent_progress)
    told = board(plan, registry, tmp_path / "results", {})
    record = RecordStore(tmp_path / "results").read(plan.cells[0].id)
    if exchanged:
        (warning,) = record.content["warnings"]
        assert {"neutral", "happiness"} <= set(warning.replace(",", "").split())
        assert "seem to be exchanged" in warning
        assert f"- **Warning**, net on toy->toy-others, cross-dataset, fold 0, seed 0: {warning}." in told
    else:
        assert record.content["warnings"] == []
        assert "Warning" not in told
