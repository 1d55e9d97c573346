"""KDEF: the grammar of names, people over two sessions, angles, and what can be wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferbench.data.files import FileSource
from ferbench.data.findings import Finding
from ferbench.errors import ConfigError, DataError
from ferbench_fer_datasets.faces import Shot, draw
from ferbench_fer_datasets.kdef import ANGLES, ERRATA, EXPRESSIONS, Name

NAME = "kdef"
Rows = Callable[..., datasets.Dataset]
Open = Callable[..., FileSource[Any]]

NAMES = st.builds(
    Name,
    st.sampled_from("AB"),
    st.sampled_from("FM"),
    st.integers(1, 35),
    st.sampled_from(list(EXPRESSIONS)),
    st.sampled_from(list(ANGLES)),
)


@given(NAMES)
def test_a_name_is_read_as_it_is_written(name: Name) -> None:
    assert Name.parse(name.stem) == name


@given(st.text("ABFMSUNEHLR0123", max_size=9))
def test_what_is_no_name_is_refused_and_what_is_one_comes_back(stem: str) -> None:
    name = Name.parse(stem)
    assert name is None or name.stem == stem


@pytest.mark.parametrize(
    "stem", ["AF00ANS", "AF36ANS", "CF01ANS", "AX01ANS", "AF01XXS", "AF01ANX", "AF1ANS", "AF01ANSS"]
)
def test_unknown_codes_are_no_name(stem: str) -> None:
    assert Name.parse(stem) is None


def test_the_two_misnamed_files_of_the_release() -> None:
    assert Name.parse("AF31V") == Name("A", "F", 31, "SA", "HL")
    assert Name.parse("AM31H") == Name("A", "M", 31, "SU", "HR")


def test_rows_say_what_names_say(replica: Callable[[str], Path], rows: Rows) -> None:
    data = rows(NAME, replica(NAME))
    assert data.features["label"].names == [
        "fear",
        "anger",
        "disgust",
        "happiness",
        "neutral",
        "sadness",
        "surprise",
    ]
    by_id = {row["id"]: row for row in data}
    row = by_id["AF01AFHL"]
    assert (row["label"], row["subject"], row["pose"], row["session"]) == (0, "F01", -45.0, "A")
    assert row["image"].size == (96, 130)
    assert len(data) == 168


def test_misnamed_files_are_in_the_replica_and_read(replica: Callable[[str], Path], opened: Open) -> None:
    by_id = {sample.id: sample for sample in opened(NAME, replica(NAME)).index.samples}
    for wrong, right in ERRATA.items():
        sample = by_id[right]
        assert sample.file == f"{wrong[:4]}/{wrong}.JPG"
        assert sample.label == {"AF31SAHL": "sadness", "AM31SUHR": "surprise"}[right]
        assert sample.columns["pose"] == {"AF31SAHL": -45.0, "AM31SUHR": 45.0}[right]


def test_the_archives_own_folders_are_accepted(copy_of: Callable[[str], Path], opened: Open) -> None:
    folder = copy_of(NAME)
    before = opened(NAME, folder).index
    inner = folder / "KDEF_and_AKDEF/KDEF"
    inner.mkdir(parents=True)
    for session in "AB":
        for path in folder.glob(f"{session}[FM]*"):
            path.rename(inner / path.name)
    for averaged in ("AKDEF/ANFS.JPG", "AKDEF/AF01/AF01ANS.JPG"):
        (inner.parent / averaged).parent.mkdir(exist_ok=True)
        (inner.parent / averaged).write_bytes(b"?")
    after = opened(NAME, folder).index
    assert after.findings == []
    assert after.counts == before.counts
    for one, other in zip(after.samples, before.samples, strict=True):
        assert (one.id, one.label, one.columns) == (other.id, other.label, other.columns)
        assert one.file == f"KDEF_and_AKDEF/KDEF/{other.file}"


def test_two_copies_in_one_folder_are_found(copy_of: Callable[[str], Path], opened: Open) -> None:
    folder = copy_of(NAME)
    _move(folder, "AF01/AF01AFHL.JPG", "old/AF01/AF01AFHL.JPG")
    one = opened(NAME, folder).index.findings[0]
    assert (one.check, one.expected, one.found) == ("structure", "one folder with AF01 to BM35", "2: ., old/")


def test_a_person_of_two_sessions_is_one_subject(replica: Callable[[str], Path], rows: Rows) -> None:
    data = rows(NAME, replica(NAME)).remove_columns("image")
    sessions: dict[str, set[str]] = {}
    for row in data:
        sessions.setdefault(row["subject"], set()).add(row["session"])
        assert row["subject"] == row["id"][1:4]
    assert len(sessions) == 12
    assert set(map(frozenset, sessions.values())) == {frozenset("AB")}


def test_options_choose_sessions_and_angles(replica: Callable[[str], Path], rows: Rows, opened: Open) -> None:
    data = rows(NAME, replica(NAME), sessions=["B"], angles=["HL", "S", "HR"])
    assert set(data["session"]) == {"B"}
    assert set(data["pose"]) == {-45.0, 0.0, 45.0}
    narrow, wide = (opened(NAME, replica(NAME), **of) for of in ({"sessions": ["B"]}, {}))
    assert narrow.index.counts == wide.index.counts
    with pytest.raises(ConfigError, match="angles"):
        opened(NAME, replica(NAME), angles=["LEFT"])


def test_a_left_profile_has_its_nose_at_the_left(replica: Callable[[str], Path], rows: Rows) -> None:
    """The replica agrees with the sign: a picture of an angle is nearer to a face of its yaw than to its mirror."""
    data = rows(NAME, replica(NAME))
    for angle in ("FL", "HL", "HR", "FR"):
        row = next(row for row in data if row["id"].startswith("A") and row["id"].endswith(angle))
        shown = np.asarray(row["image"].convert("L"), dtype=float)
        name = Name.parse(row["id"])
        assert name is not None
        shot = Shot(2 * name.person + (name.sex == "M"), EXPRESSIONS[name.expression], yaw=ANGLES[angle], size=96)
        face = draw(shot).landmarks
        eyes = face[:2].mean(axis=0)
        assert (face[2, 0] > eyes[0]) == (ANGLES[angle] > 0)  # the nose is where ferbench's sign says
        drawn = np.asarray(draw(shot).image, dtype=float).mean(axis=2)
        middle = shown[17 : 17 + 96]
        assert _alike(middle, drawn) > 0.9 > _alike(middle[:, ::-1], drawn)


def test_another_seed_draws_another_person() -> None:
    shot = Shot(3, "neutral", size=64)
    assert np.array_equal(draw(shot, 0).image, draw(shot, 0).image)
    assert not np.array_equal(draw(shot, 0).image, draw(shot, 1).image)


def _alike(first: np.ndarray[Any, Any], second: np.ndarray[Any, Any]) -> float:
    return float(np.corrcoef(first.ravel(), second.ravel())[0, 1])


def _move(folder: Path, old: str, new: str) -> None:
    (folder / new).parent.mkdir(parents=True, exist_ok=True)
    (folder / old).rename(folder / new)


SPOILT: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "an unknown expression": (
        lambda folder: _move(folder, "AF01/AF01AFHL.JPG", "AF01/AF01XXHL.JPG"),
        "names such as AF01/AF01ANFL.JPG",
        "1: AF01/AF01XXHL.JPG",
    ),
    "another format": (
        lambda folder: _move(folder, "AF01/AF01AFHL.JPG", "AF01/AF01AFHL.png"),
        "names such as AF01/AF01ANFL.JPG",
        "1: AF01/AF01AFHL.png",
    ),
    "another person's folder": (
        lambda folder: _move(folder, "AF01/AF01AFHL.JPG", "AF02/AF01AFHL.JPG"),
        "images in the folders of their session and person",
        "1: AF02/AF01AFHL.JPG",
    ),
    "another session's folder": (
        lambda folder: _move(folder, "AF01/AF01AFHL.JPG", "BF01/AF01AFHL.JPG"),
        "images in the folders of their session and person",
        "1: BF01/AF01AFHL.JPG",
    ),
    "no folder": (
        lambda folder: _move(folder, "AF01/AF01AFHL.JPG", "AF01AFHL.JPG"),
        "images in the folders of their session and person",
        "1: AF01AFHL.JPG",
    ),
    "the misnamed file and what it should be": (
        lambda folder: (folder / "AF31/AF31SAHL.JPG").write_bytes((folder / "AF31/AF31V.JPG").read_bytes()),
        "each image once",
        "1: AF31SAHL",
    ),
}


@pytest.mark.parametrize("fault", SPOILT)
def test_each_fault_is_found(
    fault: str, copy_of: Callable[[str], Path], finding: Callable[..., Finding], rows: Rows
) -> None:
    spoil, expected, found = SPOILT[fault]
    folder = copy_of(NAME)
    spoil(folder)
    one = finding(NAME, folder)
    assert (one.check, one.expected, one.found) == ("annotation", expected, found)
    with pytest.raises(DataError, match="ferbench data verify kdef"):
        rows(NAME, folder, counts="any")


def test_a_missing_image_shows_in_the_counts(copy_of: Callable[[str], Path], opened: Open) -> None:
    folder = copy_of(NAME)
    (folder / "AF01/AF01AFHL.JPG").unlink()
    found = {one.where: (one.check, one.expected, one.found) for one in opened(NAME, folder).index.findings}
    assert found["images"] == ("count", "168", "167")
    assert set(found) == {"images", "session A", "fear", "angle HL"}
