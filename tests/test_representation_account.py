"""What a record says of representations: a metric that cannot be taken says why, one that breaks costs nothing else."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from pydantic import Field

import ferbench.builtin
from ferbench import MetricEntry, Options, RepresentationMetricEntry, hookimpl
from ferbench.config import read_benchmarks
from ferbench.errors import ConfigError, FerbenchError, PluginError
from ferbench.plan import Cell, make_plan
from ferbench.plugins import Registry, discover
from ferbench.representation import Measured, NotMeasured, Representations
from ferbench.representation.evaluate import evaluate
from ferbench.resolve import Resolver
from ferbench.spec import RepresentationMetricSpec


class Strength(Options):
    """Options of a metric."""

    factor: float = Field(default=2.0, gt=0)


def mean(given: Representations) -> float:
    return float(np.mean([values.mean() for values in given.features.values()]))


def widths(given: Representations) -> Mapping[str, float]:
    return {name: values.shape[1] for name, values in given.features.items()}


def scaled(given: Representations, options: Strength) -> Measured:
    return Measured(
        {"expression": options.factor, "nowhere": float("inf"), "nothing": float("nan")},
        arrays={"counts": np.arange(3), "grid": [[1, 2], [3, 4]]},
        settings={"factor": options.factor, "shape": (2, 3)},
        left_out={"the rest": "there is none"},
    )


def poses(given: Representations) -> float:
    return float(given.columns["pose"].sum())


def refuses(given: Representations) -> float:
    raise NotMeasured("the moon is full")


def raises(given: Representations) -> float:
    raise ZeroDivisionError("oh")


def floods(given: Representations) -> Measured:
    return Measured({}, arrays={"features": np.zeros((100, 60))})


def mumbles(given: Representations) -> Any:
    return "much"


def encrypts(given: Representations) -> Measured:
    return Measured({"a": 1.0}, settings={"secret": object()})


def counts_words(given: Representations) -> Mapping[str, Any]:
    return {"a": "one"}


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Registry:
    """Return the core's entries, the toys' and the metrics above."""
    import toyfaces.plugin

    home = ModuleType("looks")
    functions = (mean, widths, scaled, poses, refuses, raises, floods, mumbles, encrypts, counts_words)
    for function in functions:
        setattr(home, function.__name__, function)
    home.__spec__ = sys.modules[__name__].__spec__
    monkeypatch.setitem(sys.modules, "looks", home)
    special: dict[str, dict[str, Any]] = {
        "scaled": {"options": Strength, "representations": ("expression",)},
        "poses": {"needs": frozenset({"pose"}), "representations": ("identity",)},
    }

    class Hooks:
        @hookimpl
        def ferbench_representation_metrics(self) -> list[RepresentationMetricEntry]:
            names = [function.__name__ for function in functions]
            return [
                RepresentationMetricEntry(name=n.replace("_", "-"), factory=f"looks:{n}", **special.get(n, {}))
                for n in names
            ]

    plugins = [("core", ferbench.builtin), ("toyfaces", toyfaces.plugin), ("looks", Hooks())]
    return discover(plugins, installed=False)


def given(*names: str, **columns: Any) -> Representations:
    rng = np.random.default_rng(0)
    features = {name: rng.normal(size=(6, place + 2)).astype(np.float32) for place, name in enumerate(names)}
    return Representations(features, np.asarray([0, 1, 0, 1, 0, 1]), ("a", "b"), columns)


def account(made: Representations, registry: Registry, *names: str, **options: Any) -> dict[str, Any]:
    specs = [RepresentationMetricSpec(name, options, "") for name in names]
    found = evaluate(made, specs, registry)
    assert json.loads(json.dumps(found, allow_nan=False)) == found, "it goes into a record as it is"
    return found


def test_a_number_a_mapping_and_a_measured_become_values_by_key(registry: Registry) -> None:
    found = account(given("expression", "identity"), registry, "mean", "widths", "scaled")
    metrics = found["metrics"]
    assert set(metrics["mean"]["values"]) == {""}
    assert metrics["widths"]["values"] == {"expression": 2.0, "identity": 3.0}
    assert metrics["scaled"]["values"] == {"expression": 2.0, "nowhere": None, "nothing": None}
    assert metrics["scaled"]["arrays"] == {"counts": [0, 1, 2], "grid": [[1, 2], [3, 4]]}
    assert metrics["scaled"]["settings"] == {"factor": 2.0, "shape": [2, 3]}
    assert found["left_out"] == {"scaled, the rest": "there is none"}
    assert found["failed"] == {}
    assert all(metric["seconds"] >= 0 for metric in metrics.values())


def test_options_reach_the_metric(registry: Registry) -> None:
    found = account(given("expression"), registry, "scaled", factor=7.5)
    assert found["metrics"]["scaled"]["values"]["expression"] == 7.5


def test_a_metric_is_shown_the_representations_it_declares(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Representations] = []
    monkeypatch.setattr(sys.modules["looks"], "poses", lambda made: seen.append(made) or 1.0)  # type: ignore[func-returns-value]
    account(given("expression", "identity", pose=np.arange(6)), registry, "poses")
    assert [set(made.features) for made in seen] == [{"identity"}]


def test_what_the_method_or_the_data_lack_is_the_reason_why_a_metric_is_left_out(registry: Registry) -> None:
    assert account(given(), registry, "mean")["left_out"] == {"mean": "the method gives no representations"}
    found = account(given("endogenous"), registry, "widths", "scaled", "poses", "refuses")
    assert set(found["metrics"]) == {"widths"}
    assert found["left_out"] == {
        "scaled": "the method gives no representation expression (it gives endogenous)",
        "poses": "the method gives no representation identity (it gives endogenous)",
        "refuses": "the moon is full",
    }
    assert account(given("identity"), registry, "poses")["left_out"] == {"poses": "the test data have no column pose"}
    none = Representations({"expression": np.zeros((0, 2), np.float32)}, np.zeros(0, int), ("a",))
    assert account(none, registry, "mean")["left_out"] == {"mean": "there are no test images"}


def test_the_core_leaves_out_what_needs_subjects_where_there_are_none(registry: Registry) -> None:
    every = sorted(ferbench.builtin.ferbench_representation_metrics(), key=lambda entry: entry.name)
    found = account(given("expression"), registry, *(entry.name for entry in every))
    without = "the test data have no column subject"
    assert found["left_out"] == {
        "distance-overlap": without,
        "identity-leakage": without,
        "mutual-information-gap": "the method gives no representation identity (it gives expression)",
        "retrieval, by subject": without,
        "feature-map": "a map needs at least 10 test images",
        "neighbours": "the test images have no ids",
    }
    assert set(found["metrics"]) == {"class-scatter", "expression-leakage", "retrieval"}


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("raises", "ZeroDivisionError: oh"),
        ("floods", "PluginError: expected arrays of at most 5000 numbers in all; found 6000"),
        ("mumbles", "PluginError: expected a number, a mapping of numbers or a Measured; found str"),
        ("encrypts", "TypeError: Object of type object is not JSON serializable"),
        ("counts-words", "TypeError"),
    ],
)
def test_a_metric_that_breaks_is_told_and_the_others_are_taken(registry: Registry, name: str, error: str) -> None:
    found = account(given("expression"), registry, "widths", name, "mean")
    assert set(found["metrics"]) == {"widths", "mean"}
    assert set(found["failed"]) == {name}
    assert found["failed"][name].startswith(error)


def test_whoever_stops_the_run_stops_the_metrics(registry: Registry) -> None:
    """Also when what is raised is an ordinary exception, as `Stopped` is: it must not count as a metric's failure."""
    calls: list[int] = []

    def alive() -> None:
        calls.append(1)
        if len(calls) == 2:
            raise InterruptedError

    specs = [RepresentationMetricSpec(name, {}, "") for name in ("mean", "widths", "raises")]
    with pytest.raises(InterruptedError):
        evaluate(given("expression"), specs, registry, alive)
    assert len(calls) == 2


# --- the plan --------------------------------------------------------------------------------------------------------

FILE = """
[benchmark.b]
preprocessor = {{ name = "resize", options = {{ size = 16 }} }}
dataset = [{{ name = "toy" }}]
protocol = [{{ name = "official" }}]
entry = [{{ name = "net", method = "toy-net" }}]
{more}
"""

Cells = Callable[[str], tuple[Cell, ...]]


@pytest.fixture
def cells(tmp_path: Path, registry: Registry) -> Cells:
    """Return a function from further lines of the benchmark to its cells."""

    def plan(more: str) -> tuple[Cell, ...]:
        (tmp_path / "b.toml").write_text(FILE.format(more=more))
        bench = read_benchmarks(tmp_path / "b.toml").benchmark["b"]
        return make_plan(bench, registry, Resolver(registry), tmp_path).cells

    return plan


def spec_of(cells: tuple[Cell, ...]) -> dict[str, Any]:
    (cell,) = cells
    assert cell.spec is not None
    return dict(cell.spec.as_json)


def test_what_is_measured_is_part_of_a_cell_and_nothing_else_is_changed_by_it(cells: Cells) -> None:
    plain = spec_of(cells(""))
    assert "representation_metrics" not in plain
    assert spec_of(cells("representation_metrics = []")) == plain
    named = spec_of(
        cells('representation_metrics = ["class-scatter", { name = "scaled", options = { factor = 3.0 } }]')
    )
    first, second = named.pop("representation_metrics")
    assert named == plain
    assert (first["name"], first["options"], len(first["source"])) == ("class-scatter", {}, 64)
    assert (second["name"], second["options"]) == ("scaled", {"factor": 3.0})
    core, _, package = second["source"].partition("+")
    assert core == first["source"]
    assert len(package) == 64, "a stranger's metric brings the code of its package"


def test_options_of_a_metric_make_another_cell_of_another_design(cells: Cells) -> None:
    order = [
        [cell.spec for cell in cells(f"representation_metrics = [{two}]")]
        for two in ('"mean", "widths"', '"widths", "mean"')
    ]
    assert order[0] == order[1], "the order in which they are named is none of the cell's inputs"
    texts = ["", '"scaled"', '{ name = "scaled", options = { factor = 3.0 } }', '"mean"']
    specs = [cell.spec for text in texts for cell in cells(f"representation_metrics = [{text}]")]
    assert len({spec.id for spec in specs if spec}) == len({spec.design_id for spec in specs if spec}) == 4
    (again,) = cells('representation_metrics = [{ name = "scaled", options = { factor = 2.0 } }]')
    assert again.spec == specs[1], "a default written out is the same cell"


def test_edited_code_of_a_metric_is_another_cell_of_the_same_design(
    cells: Cells, monkeypatch: pytest.MonkeyPatch
) -> None:
    (before,) = cells('representation_metrics = ["mean"]')
    monkeypatch.setattr("ferbench.resolve.representation_source", lambda package: "edited")
    (after,) = cells('representation_metrics = ["mean"]')
    assert before.spec is not None
    assert after.spec is not None
    assert before.spec.id != after.spec.id
    assert before.spec.design_id == after.spec.design_id


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ('representation_metrics = ["class-scater"]', "found 'class-scater'.*did you mean 'class-scatter'"),
        ('representation_metrics = ["mean", "mean"]', "every representation metric name once; 'mean' stands twice"),
        ('representation_metrics = [{ name = "scaled", options = { factor = 0.0 } }]', "factor: .*greater than 0"),
        ('representation_metrics = [{ name = "mean", options = { factor = 1.0 } }]', "unknown option 'factor'"),
        ('representation_metrics = [{ name = "mean", option = {} }]', "the unknown key 'option'"),
        ('representation_metrics = ["mean"]\nmetrics = ["mean", "widths.expression"]', "add it to .*'mean', 'widths'"),
        ('metrics = ["retrieval.expression/label@1"]', r"add it to representation_metrics = \['retrieval'\]"),
    ],
)
def test_what_a_benchmark_file_gets_wrong(cells: Cells, more: str, message: str) -> None:
    with pytest.raises(FerbenchError, match=message) as caught:
        cells(more)
    assert isinstance(caught.value, ConfigError | PluginError)


def test_a_metric_of_predictions_and_one_of_representations_cannot_share_a_name() -> None:
    """Both are columns of leaderboards."""

    class Hooks:
        @hookimpl
        def ferbench_metrics(self) -> list[MetricEntry]:
            return [MetricEntry(name="retrieval", factory="ferbench.metrics.classification:accuracy")]

    found = discover([("core", ferbench.builtin), ("other", Hooks())], installed=False)
    with pytest.raises(PluginError, match="one owner of the metrics name 'retrieval'; found two: core 0 and other 0"):
        found.require_sound()


@pytest.mark.parametrize(
    "wrong",
    [{"name": "My Metric"}, {"factory": "a.b"}, {"representations": "expression"}],
    ids=["name", "factory", "reads"],
)
def test_an_entry_that_breaks_the_contract_cannot_be_made(wrong: dict[str, Any]) -> None:
    with pytest.raises(
        PluginError, match=rf"found {next(iter(wrong.values()))!r}; in (a|the) representation metric entry"
    ):
        RepresentationMetricEntry(**{"name": "m", "factory": "a:b", **wrong})
