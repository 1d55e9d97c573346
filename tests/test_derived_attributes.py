"""Derived attributes: estimated once, used like annotated ones, and marked wherever they are shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from toyfaces.finder import Brightness

from ferbench.config import read_benchmarks
from ferbench.data.derive import add_derived
from ferbench.data.store import Store, derived_file
from ferbench.datasource import ProgressBar, silent_progress
from ferbench.errors import ConfigError, DataError, PluginError, WeightsError
from ferbench.plan import Plan, make_plan
from ferbench.plugins import Registry
from ferbench.report.sheet import sheet_of
from ferbench.resolve import Resolver
from ferbench.run.division import divide
from ferbench.run.session import maker, prepare_all

FILE = """
[weights.w]
path = "w.bin"
sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

[benchmark.b]
preprocessor = {{ name = "{finder}"{more} }}
dataset = [{{ name = "toy", options = {{ columns = ["split"], subjects = 12 }}{derive} }}]
protocol = [{protocol}]
entry = [{{ name = "net", method = "{method}" }}]
"""
DERIVE = 'derive = [{ name = "toy-brightness" }]'

Plans = Callable[..., Plan]


@pytest.fixture
def plans(tmp_path: Path, registry: Registry) -> Plans:
    def plan(
        derive: str = DERIVE,
        finder: str = "toy-finder",
        more: str = "",
        method: str = "toy-spy",
        protocol: str = '{ name = "k-fold", options = { k = 2 } }',
    ) -> Plan:
        derive, more = (f", {part}" if part else "" for part in (derive, more))
        text = FILE.format(derive=derive, finder=finder, more=more, method=method, protocol=protocol)
        (tmp_path / "b.toml").write_text(text)
        file = read_benchmarks(tmp_path / "b.toml")
        resolver = Resolver(registry, file.weights, base=tmp_path)
        return make_plan(file.benchmark["b"], registry, resolver, tmp_path / "results")

    return plan


def prepared(plan: Plan, registry: Registry) -> Store:
    spec = plan.cells[0].spec
    assert spec is not None
    prepare_all([spec.data], plan.resolver, registry, 1, silent_progress)
    return Store.open(spec.data)


def test_a_derived_subject_divides_and_a_derived_pose_is_a_test_input(plans: Plans, registry: Registry) -> None:
    plan = plans()
    assert [cell.state for cell in plan.cells] == ["pending", "pending"]  # toy-spy needs the pose
    store = prepared(plan, registry)
    means = store.images.mean(axis=(1, 2, 3))
    assert store.column("pose") == pytest.approx(means)
    spec = plan.cells[0].spec
    assert spec is not None
    fold = divide(spec, store, store, registry)
    subjects = store.strings("subject")
    assert len(set(subjects)) == 4
    assert set(subjects[fold.test]).isdisjoint(subjects[fold.train])


def test_without_it_the_method_that_needs_the_pose_is_unavailable(plans: Plans) -> None:
    assert {cell.reason for cell in plans(derive="").cells} == {"toy has no column pose, which toy-spy needs"}


def test_it_is_estimated_once_and_the_pixels_are_not_prepared_again(
    plans: Plans, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = prepared(plans(derive="", method="toy-net"), registry)
    made = (store.folder / "images.npy").stat().st_mtime_ns
    calls = []
    plain = Brightness.__call__

    def counted(self: Any, images: Any, columns: Mapping[str, Any], progress: ProgressBar) -> Mapping[str, Any]:
        calls.append(sorted(columns))
        return plain(self, images, columns, progress)

    monkeypatch.setattr(Brightness, "__call__", counted)
    for _ in range(2):
        derived = prepared(plans(), registry)
    assert calls == [["landmarks"]]  # what its entry says it needs, and no more
    assert derived.folder == store.folder
    assert (store.folder / "images.npy").stat().st_mtime_ns == made
    assert "pose" not in store.table.column_names


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"finder": "resize"}, r"prepared by resize, has no landmarks.*a preprocessor that finds landmarks"),
        ({"derive": 'derive = [{ name = "toy-brightnes" }]'}, "did you mean 'toy-brightness'"),
    ],
)
def test_what_cannot_be_derived_is_refused(plans: Plans, change: dict[str, str], message: str) -> None:
    with pytest.raises(Exception, match=message):
        plans(**change)


def test_what_the_data_set_has_is_not_derived(plans: Plans, tmp_path: Path, registry: Registry) -> None:
    text = FILE.format(
        derive=f", {DERIVE}", finder="toy-finder", more="", method="toy-spy", protocol='{ name = "official" }'
    )
    (tmp_path / "b.toml").write_text(text.replace('columns = ["split"]', 'columns = ["split", "pose"]'))
    benchmark = read_benchmarks(tmp_path / "b.toml").benchmark["b"]
    with pytest.raises(ConfigError, match=r"has pose itself; .*leave the derived attribute out"):
        make_plan(benchmark, registry, Resolver(registry), tmp_path)


def test_a_deriver_that_breaks_its_contract_is_told(plans: Plans, registry: Registry) -> None:
    plan = plans()
    prepared(plans(derive="", method="toy-net"), registry)
    spec = plan.cells[0].spec
    assert spec is not None
    (part,) = spec.data.derived

    def short(images: Any, columns: Mapping[str, Any], progress: ProgressBar) -> Mapping[str, Any]:
        return {"pose": np.zeros(3), "subject": np.zeros(len(images))}

    with pytest.raises(PluginError, match=r"one value an image of pose, subject; found 3 of pose"):
        add_derived(spec.data, part, short, silent_progress)
    assert not derived_file(spec.data, part).exists()


def test_where_no_face_is_found_at_all_the_landmarks_are_nan(
    plans: Plans, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def derive(self: Any, images: Any, columns: Mapping[str, Any], progress: ProgressBar) -> Mapping[str, Any]:
        seen.append(columns["landmarks"])
        return {"pose": np.zeros(len(images)), "subject": np.full(len(images), "x")}

    monkeypatch.setattr(Brightness, "__call__", derive)
    prepared(plans(more='options = { of = 1, blind = [0] }, no_face = "center-crop"'), registry)
    (landmarks,) = seen
    assert landmarks.shape == (108, 5, 2)
    assert np.isnan(landmarks).all()


def test_the_sheet_says_what_is_derived(plans: Plans, registry: Registry) -> None:
    sheet = sheet_of(plans(), registry)
    assert sheet.derived == {"toy": {"pose": "toy-brightness 1", "subject": "toy-brightness 1"}}


def test_a_preprocessor_gets_the_weights_it_names(plans: Plans, registry: Registry, tmp_path: Path) -> None:
    (tmp_path / "w.bin").write_bytes(b"abc")
    plan = plans(finder="toy-finder-with-weights", more='weights = { detector = "w" }')
    spec = plan.cells[0].spec
    assert spec is not None
    assert spec.data.weights == {"detector": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"}
    built: Any = maker(spec.data, plan.resolver.files, registry)()
    assert built.weights == {"detector": tmp_path / "w.bin"}


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("", r"weights for the roles detector; found none"),
        ('weights = { backbone = "w" }', r"weights for the roles detector; found backbone"),
        ('weights = { detector = "v" }', r"weights defined in the file: w; found 'v'"),
    ],
)
def test_weights_that_do_not_fit_are_refused(plans: Plans, tmp_path: Path, more: str, message: str) -> None:
    (tmp_path / "w.bin").write_bytes(b"abc")
    with pytest.raises(ConfigError, match=message):
        plans(finder="toy-finder-with-weights", more=more)


def test_altered_weights_are_refused(plans: Plans, tmp_path: Path) -> None:
    (tmp_path / "w.bin").write_bytes(b"abd")
    with pytest.raises(WeightsError, match="SHA-256 ba78"):
        plans(finder="toy-finder-with-weights", more='weights = { detector = "w" }')


def test_estimated_subjects_forbid_no_official_split(plans: Plans, registry: Registry) -> None:
    plan = plans(protocol='{ name = "official" }')
    store = prepared(plan, registry)
    spec = plan.cells[0].spec
    assert spec is not None
    fold = divide(spec, store, store, registry)
    subjects = store.strings("subject")
    assert set(subjects[fold.test]) & set(subjects[fold.train])  # people may be thrown together: an estimate
    assert sorted(fold.test) == sorted(np.flatnonzero(store.strings("split") == "test"))


def test_a_damaged_estimate_is_told_as_such(plans: Plans, registry: Registry) -> None:
    plan = plans()
    prepared(plan, registry)
    spec = plan.cells[0].spec
    assert spec is not None
    (part,) = spec.data.derived
    derived_file(spec.data, part).write_bytes(b"PAR1")
    with pytest.raises(DataError, match=r"the derived attribute toy-brightness of toy; .*remove that file"):
        Store.open(spec.data)
