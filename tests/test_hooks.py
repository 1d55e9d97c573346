"""Every hook is typed, documented and tested: this file fails when one is added and any of the three is forgotten."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from ferbench import (
    AttributeEntry,
    BenchmarkEntry,
    DatasetCard,
    DatasetEntry,
    MethodEntry,
    MetricEntry,
    PreprocessorEntry,
    ProtocolEntry,
    ReportedEntry,
    RepresentationMetricEntry,
    entries,
    hookimpl,
    hookspecs,
)
from ferbench.plugins import KINDS, Registry, discover

HOOKS: dict[str, Callable[..., Any]] = {
    name: value for name, value in vars(hookspecs).items() if hasattr(value, "ferbench_spec")
}

# One entry for each hook: what a plugin would return.
ENTRIES: dict[str, Any] = {
    "ferbench_datasets": DatasetEntry(
        name="one", factory="ferbench.data.image_folder:ImageFolder", card=DatasetCard(title="One")
    ),
    "ferbench_preprocessors": PreprocessorEntry(name="one", factory="ferbench.data.preprocess:Resize", version="1"),
    "ferbench_attributes": AttributeEntry(
        name="one", factory="ferbench.data.pose:PoseFromLandmarks", version="1", gives=("pose",)
    ),
    "ferbench_methods": MethodEntry(name="one", factory="ferbench.train.classifier:Classifier"),
    "ferbench_metrics": MetricEntry(name="one", factory="ferbench.metrics.classification:accuracy"),
    "ferbench_representation_metrics": RepresentationMetricEntry(
        name="one", factory="ferbench.representation.distances:class_scatter"
    ),
    "ferbench_protocols": ProtocolEntry(name="one", factory="ferbench.protocols.standard:Official"),
    "ferbench_benchmarks": BenchmarkEntry(name="one", path=Path("one.toml")),
    "ferbench_reported": ReportedEntry(name="one", path=Path("one.csv")),
}


def registry_of(hook: str, returned: list[Any]) -> Registry:
    def implementation() -> list[Any]:
        return returned

    implementation.__name__ = hook
    module = ModuleType("one")
    setattr(module, hook, hookimpl(implementation))
    return discover([("one", module)], installed=False)


def test_the_hooks_are_those_the_registry_asks_for_and_those_tested_here() -> None:
    assert {f"ferbench_{kind}" for kind in KINDS} == set(HOOKS) == set(ENTRIES)
    assert {name for name, value in vars(hookspecs).items() if name.startswith("ferbench_")} == set(HOOKS)


@pytest.mark.parametrize("hook", HOOKS)
def test_a_hook_is_typed_and_documented(hook: str) -> None:
    kind = KINDS[hook.removeprefix("ferbench_")]
    hints = typing.get_type_hints(HOOKS[hook], vars(entries))
    assert hints == {"return": list[kind]}  # type: ignore[valid-type]
    assert not inspect.signature(HOOKS[hook]).parameters
    text = inspect.getdoc(HOOKS[hook])
    assert text is not None
    assert text.startswith("Return ")
    assert inspect.getdoc(kind)


@pytest.mark.parametrize("hook", HOOKS)
def test_what_a_hook_returns_is_in_the_registry(hook: str) -> None:
    registry = registry_of(hook, [ENTRIES[hook]])
    assert registry.problems == []
    kind = hook.removeprefix("ferbench_")
    assert registry.all(kind)["one"].entry is ENTRIES[hook]
    assert all(not registry.all(other) for other in KINDS if other != kind)


@pytest.mark.parametrize("hook", HOOKS)
def test_a_hook_takes_its_own_entries_only(hook: str) -> None:
    other = next(entry for name, entry in ENTRIES.items() if name != hook)
    (problem,) = registry_of(hook, [other]).problems
    assert problem.fatal
    assert f"expected {KINDS[hook.removeprefix('ferbench_')].__name__} objects" in problem.reason


def test_what_a_plugin_needs_is_public() -> None:
    import ferbench

    for name in ferbench.__all__:
        assert getattr(ferbench, name) is not None
    assert {kind.__name__ for kind in KINDS.values()} <= set(ferbench.__all__)
    with pytest.raises(AttributeError, match="no attribute 'MethodEntri'"):
        ferbench.MethodEntri  # noqa: B018
