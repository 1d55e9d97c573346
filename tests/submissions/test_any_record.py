"""Whatever a record says is judged, and breaks nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import given as given_by_hypothesis
from hypothesis import strategies as st
from pydantic import ValidationError
from submissions import opened
from workbench import Workbench

from ferbench.catalogue import list_benchmarks
from ferbench.columns import columns_of
from ferbench.plugins import Registry
from ferbench.submission.cell import Submitted, problems_of
from ferbench.submission.content import RecordContent, SubmittedCell, SubmittedRow, read_model
from ferbench.submission.ground import Ground, ground

odd = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(["", "x", "all", 1e308, -0.0]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["data", "x"]), inner, max_size=2),
    max_leaves=4,
)


@pytest.fixture(scope="module")
def first(
    home: Workbench, registry: Registry, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Submitted, Ground]]:
    """Return the first submitted cell, and what the verifier knows of its place."""
    unpacked = opened(home.folder / "grid.zip", tmp_path_factory.mktemp("first"))
    cell = SubmittedCell.model_validate(unpacked.manifest["cells"][0])
    row = SubmittedRow.model_validate(unpacked.manifest["rows"][cell.entry])
    listed = list_benchmarks(home.folder / "benchmarks.toml", registry)["grid"]
    resolver = listed.resolver(registry, None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FERBENCH_CACHE", str(home.folder / "cache"))
        column = next(iter(columns_of(listed.benchmark, registry, resolver)))
        known = ground(listed.benchmark, column, cell.fold, cell.seed, resolver)
        content = read_model(unpacked.record() / "record.json", RecordContent)
        yield Submitted(cell, row, unpacked.record(), content), known


def places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Yield the paths to all values inside a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in inner:
        yield (*path, key)
        yield from places(part, (*path, key))


def same(one: Any, other: Any, *, numbers: bool) -> bool:
    """Compare JSON values; `numbers`: 1 and 1.0 are the same, since what is compared is what they are worth."""
    kinds = type(one), type(other)
    return one == other and (kinds[0] is kinds[1] or (numbers and set(kinds) == {int, float}))


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given_by_hypothesis(data=st.data())
def test_whatever_a_record_says_is_judged_and_breaks_nothing(
    first: tuple[Submitted, Ground], registry: Registry, data: st.DataObject
) -> None:
    submitted, known = first
    content = json.loads((submitted.folder / "record.json").read_text())
    path = data.draw(st.sampled_from(list(places(content))))
    holder = content
    for key in path[:-1]:
        holder = holder[key]
    value = data.draw(odd)
    changed = not same(holder[path[-1]], value, numbers=path[0] in {"metrics", "samples"})
    holder[path[-1]] = value
    try:
        read = RecordContent.model_validate_json(json.dumps(content))
    except ValidationError:
        return
    found = problems_of(replace(submitted, content=read), known, registry)
    assert all(isinstance(problem, str) for problem in found)
    if changed and path[0] in {"spec", "metrics", "classes", "samples"} and len(path) > 1:
        assert found != []


def test_a_whole_number_may_be_written_without_its_point(first: tuple[Submitted, Ground], registry: Registry) -> None:
    submitted, known = first
    content = json.loads((submitted.folder / "record.json").read_text())
    for values in content["metrics"].values():
        whole = {name: int(value) for name, value in values.items() if value == int(value)}
        assert whole
        values.update(whole)
    read = RecordContent.model_validate_json(json.dumps(content))
    assert problems_of(replace(submitted, content=read), known, registry) == []
