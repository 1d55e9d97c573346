"""The id of a cell: every input that can change its numbers is in it, and nothing else."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferbench.canonical import canonical_json, digest
from ferbench.spec import (
    DerivedSpec,
    FileWeightsSpec,
    PreparedSpec,
    RecipeWeightsSpec,
    RepresentationMetricSpec,
    TrainingSpec,
)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(json_values)
def test_canonical_json_is_json_and_says_the_same(value: Any) -> None:
    assert json.loads(canonical_json(value)) == value
    assert canonical_json(json.loads(canonical_json(value))) == canonical_json(value)


@given(st.dictionaries(st.text(), st.integers(), min_size=2))
def test_canonical_json_does_not_depend_on_order(value: dict[str, int]) -> None:
    backwards = dict(reversed(value.items()))
    assert canonical_json(value) == canonical_json(backwards)
    assert digest(value) == digest(backwards)


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_what_has_no_json_has_no_id(number: float) -> None:
    with pytest.raises(ValueError, match="Out of range float"):
        digest({"lr": number})


DATA = PreparedSpec("toy", {"size": 16}, "i0", "resize", {"size": 48}, "1", "error", "s0")
FILE = FileWeightsSpec("faces", "f" * 64, {"keep_head": False})
SPEC = TrainingSpec(
    data=DATA,
    method="net",
    options={"epochs": 3},
    protocol="k-fold",
    protocol_options={"k": 5},
    protocol_label="5-fold",
    fold=0,
    seed=0,
    compute={"threads": 1},
    sources={"core": "c0", "method": "m0", "protocol": "p0"},
    weights={"backbone": FILE},
)
RECIPE = RecipeWeightsSpec("own", replace(SPEC, weights={}), keep_head=False)

CHANGES: dict[str, Any] = {
    "data": replace(DATA, dataset="other"),
    "test": DATA,
    "target": "subject",
    "target_edges": (0.0,),
    "method": "other",
    "options": {"epochs": 4},
    "protocol": "official",
    "protocol_options": {"k": 6},
    "fold": 1,
    "seed": 1,
    "compute": {"threads": 2},
    "sources": {"core": "c0", "method": "m1", "protocol": "p0"},
    "weights": {},
    "representation_metrics": (RepresentationMetricSpec("retrieval", {}, "s0"),),
    "fold_of": replace(DATA, dataset="other"),
}
DATA_CHANGES: dict[str, Any] = {
    "dataset": "other",
    "options": {"size": 17},
    "identity": "i1",
    "preprocessor": "align",
    "preprocessor_options": {"size": 49},
    "preprocessor_version": "2",
    "no_face": "drop",
    "source": "s1",
    "hidden": ("votes",),
    "weights": {"detector": "d" * 64},
    "no_face_test": "leave-out",
    "relabel": {"fear": "surprise"},
    "derived": (DerivedSpec("pose-from-landmarks", {}, "1", "s0", ("pose",)),),
}
WEIGHTS_CHANGES = [
    {"backbone": replace(FILE, sha256="e" * 64)},
    {"backbone": replace(FILE, options={"keep_head": True})},
    {"exogenous": FILE},
    {"backbone": RECIPE},
    {"backbone": replace(RECIPE, keep_head=True)},
    {"backbone": replace(RECIPE, training=replace(RECIPE.training, seed=1))},
    {"backbone": replace(RECIPE, training=replace(RECIPE.training, sources={"core": "c1"}))},
]


def test_every_input_changes_the_id() -> None:
    assert set(CHANGES) | {"protocol_label"} == {field.name for field in fields(TrainingSpec)}
    assert set(DATA_CHANGES) == {field.name for field in fields(PreparedSpec)}
    changed = [replace(SPEC, **{name: value}) for name, value in CHANGES.items()]
    data = [replace(DATA, **{name: value}) for name, value in DATA_CHANGES.items()]
    changed += [replace(SPEC, data=other) for other in data] + [replace(SPEC, test=other) for other in data]
    changed += [replace(SPEC, weights=other) for other in WEIGHTS_CHANGES]
    ids = [SPEC.id, *(spec.id for spec in changed)]
    assert len({*ids}) == len(ids) - 1, "all differ, but data = other and data with another data set are one"
    assert len({DATA.fingerprint, *(other.fingerprint for other in data)}) == len(data) + 1


def test_names_and_labels_do_not_change_the_id() -> None:
    assert replace(SPEC, protocol_label="five folds").id == SPEC.id
    assert replace(SPEC, weights={"backbone": replace(FILE, name="the same file")}).id == SPEC.id
    recipe = replace(SPEC, weights={"backbone": RECIPE})
    assert replace(SPEC, weights={"backbone": replace(RECIPE, name="other")}).id == recipe.id
    assert (
        replace(SPEC, options=dict(reversed({"a": 1, "b": 2}.items()))).id == replace(SPEC, options={"a": 1, "b": 2}).id
    )


def test_the_design_is_the_id_without_source_code() -> None:
    edited = [
        replace(SPEC, sources={"core": "new"}),
        replace(SPEC, data=replace(DATA, source="new")),
        replace(SPEC, weights={"backbone": FILE}),
    ]
    assert {spec.design_id for spec in edited} == {SPEC.design_id}
    training = replace(RECIPE.training, sources={"core": "new"})
    first, second = (
        replace(SPEC, weights={"backbone": replace(RECIPE, training=t)}) for t in (RECIPE.training, training)
    )
    assert first.design_id == second.design_id
    assert first.id != second.id
    for name, value in CHANGES.items():
        if name != "sources":
            assert replace(SPEC, **{name: value}).design_id != SPEC.design_id, name


def test_an_id_is_the_same_in_every_process() -> None:
    script = "import sys, pickle; print(pickle.loads(bytes.fromhex(sys.argv[1])).id)"
    import pickle

    done = subprocess.run(
        [sys.executable, "-c", script, pickle.dumps(SPEC).hex()], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == SPEC.id
