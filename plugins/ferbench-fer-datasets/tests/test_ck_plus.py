"""CK+: emotion files, frames, landmarks, and what can be wrong with them."""

from __future__ import annotations

import shutil
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
from ferbench.errors import DataError
from ferbench_fer_datasets.ck_plus import CODES, COUNTS, TOTALS, _code
from ferbench_fer_datasets.faces import Shot, draw, widened

NAME = "ck-plus"
Rows = Callable[..., datasets.Dataset]
Open = Callable[..., FileSource[Any]]


def test_the_last_three_frames_are_the_class(replica: Callable[[str], Path], rows: Rows) -> None:
    data = rows(NAME, replica(NAME))
    assert data.features["label"].names == list(CODES[1:])
    assert len(data) == 3 * 41
    first = [row for row in data if row["id"].startswith("S005_001_")]
    assert [row["id"] for row in first] == [f"S005_001_0000000{frame}" for frame in (2, 3, 4)]
    assert {(row["label"], row["subject"]) for row in first} == {(0, "S005")}
    assert (first[0]["image"].mode, first[0]["image"].size) == ("L", (128, 98))


def test_labels_are_those_of_the_emotion_files(replica: Callable[[str], Path], rows: Rows) -> None:
    folder = replica(NAME)
    told = {path.name[:8]: CODES[int(float(path.read_text()))] for path in (folder / "Emotion").rglob("*_emotion.txt")}
    data = rows(NAME, folder)
    names = data.features["label"].names
    assert {row["id"][:8]: names[row["label"]] for row in data.remove_columns("image")} == told


def test_first_frames_may_be_neutral(replica: Callable[[str], Path], rows: Rows) -> None:
    data = rows(NAME, replica(NAME), peak_frames=1, neutral="first-frame", contempt=False)
    names = data.features["label"].names
    assert names == [label for label in CODES if label != "contempt"]
    assert len(data) == 2 * (41 - 2)
    neutral = {row["id"] for row in data.remove_columns("image") if names[row["label"]] == "neutral"}
    assert neutral == {name for name in data["id"] if name.endswith("_00000001")}
    assert len(neutral) == 39
    assert set(data["id"]) - neutral == {f"{name[:-1]}4" for name in neutral}


def test_the_papers_choice_gives_618_images_of_the_release() -> None:
    assert sum(COUNTS.values()) == TOTALS["labelled"] == 327
    assert 2 * (TOTALS["labelled"] - COUNTS["contempt"]) == 618


def test_some_unlabelled_sequences_have_an_empty_folder_and_some_none(replica: Callable[[str], Path]) -> None:
    folder = replica(NAME)
    sequences = [path.relative_to(folder / "cohn-kanade-images") for path in folder.glob("cohn-kanade-images/*/*")]
    there = [folder / "Emotion" / sequence for sequence in sequences]
    assert sum(not path.exists() for path in there) > 0
    assert sum(path.exists() and not any(path.iterdir()) for path in there) > 0


def test_five_landmarks_are_those_of_the_face(replica: Callable[[str], Path], rows: Rows) -> None:
    data = rows(NAME, replica(NAME))
    row = next(row for row in data if row["id"] == "S005_001_00000004")
    face = widened(draw(Shot(0, "anger", 1.0, number=1, size=98)), 128, 98)
    np.testing.assert_allclose(row["landmarks"], face.landmarks, atol=1e-3)
    right_eye, left_eye, nose, _, _ = row["landmarks"]
    assert right_eye[0] < nose[0] < left_eye[0]


def test_the_folder_of_landmarks_may_be_missing(copy_of: Callable[[str], Path], opened: Open) -> None:
    folder = copy_of(NAME)
    shutil.rmtree(folder / "Landmarks")
    source = opened(NAME, folder)
    assert source.index.findings == []
    assert "landmarks" not in source.columns()


def _rename(folder: Path, old: str, new: str) -> None:
    (folder / new).parent.mkdir(parents=True, exist_ok=True)
    (folder / old).rename(folder / new)


IMAGES, EMOTION = "cohn-kanade-images/S005/001", "Emotion/S005/001"
UNLABELLED = "cohn-kanade-images/S040/004"

SPOILT: dict[str, tuple[Callable[[Path], object], str, str, str]] = {
    "no images": (
        lambda folder: shutil.rmtree(folder / "cohn-kanade-images"),
        "structure",
        "the folder cohn-kanade-images",
        "no folder of a subject in it",
    ),
    "no emotions": (lambda folder: shutil.rmtree(folder / "Emotion"), "structure", "the folder Emotion", "no folder"),
    "images twice": (
        lambda folder: shutil.copytree(folder / "cohn-kanade-images", folder / "old/cohn-kanade-images"),
        "structure",
        "one folder with cohn-kanade-images",
        "2: ., old/",
    ),
    "no number": (
        lambda folder: (folder / f"{EMOTION}/S005_001_00000004_emotion.txt").write_text("  anger\n"),
        "annotation",
        "a code from 1 to 7",
        f"1: {EMOTION}/S005_001_00000004_emotion.txt: 'anger'",
    ),
    "an unknown code": (
        lambda folder: (folder / f"{EMOTION}/S005_001_00000004_emotion.txt").write_text("   8.0000000e+00\n"),
        "annotation",
        "a code from 1 to 7",
        "'8.0000000e+00'",
    ),
    "a half code": (
        lambda folder: (folder / f"{EMOTION}/S005_001_00000004_emotion.txt").write_text("   1.5000000e+00\n"),
        "annotation",
        "a code from 1 to 7",
        "'1.5000000e+00'",
    ),
    "an empty emotion file": (
        lambda folder: (folder / f"{EMOTION}/S005_001_00000004_emotion.txt").write_text(""),
        "annotation",
        "a code from 1 to 7",
        "emotion.txt: ''",
    ),
    "two emotion files": (
        lambda folder: (folder / f"{EMOTION}/S005_001_00000003_emotion.txt").write_text("   3.0000000e+00\n"),
        "annotation",
        "one emotion file in a folder",
        "1: S005/001",
    ),
    "an emotion file of another sequence": (
        lambda folder: _rename(
            folder, f"{EMOTION}/S005_001_00000004_emotion.txt", f"{EMOTION}/S005_002_00000004_emotion.txt"
        ),
        "annotation",
        "emotion files in the folders of their names",
        f"1: {EMOTION}/S005_002_00000004_emotion.txt",
    ),
    "a misnamed emotion file": (
        lambda folder: _rename(folder, f"{EMOTION}/S005_001_00000004_emotion.txt", f"{EMOTION}/emotion.txt"),
        "annotation",
        "names such as S005/001/S005_001_00000011_emotion.txt",
        f"1: {EMOTION}/emotion.txt",
    ),
    "an emotion without a sequence": (
        lambda folder: shutil.rmtree(folder / IMAGES),
        "annotation",
        "a sequence for every emotion file",
        "1: S005/001",
    ),
    "a gap": (
        lambda folder: (folder / f"{IMAGES}/S005_001_00000002.png").unlink(),
        "missing-image",
        "frames numbered from 00000001 on",
        "1: S005/001",
    ),
    "a sequence cut short": (
        lambda folder: (folder / f"{IMAGES}/S005_001_00000004.png").unlink(),
        "missing-image",
        "sequences that end with the frame their emotion file is named after",
        "1: S005/001: 00000003 instead of 00000004",
    ),
    "a sequence that goes on": (
        lambda folder: [
            shutil.copy(path, path.with_name(path.name.replace("_00000004", "_00000005")))
            for path in folder.glob("[!E]*/S005/001/*_00000004*")
        ],
        "missing-image",
        "sequences that end with the frame their emotion file is named after",
        "1: S005/001: 00000005 instead of 00000004",
    ),
    "a misnamed image": (
        lambda folder: _rename(folder, f"{UNLABELLED}/S040_004_00000003.png", f"{UNLABELLED}/S040_004_3.png"),
        "annotation",
        "names such as S005/001/S005_001_00000011.png",
        f"1: {UNLABELLED}/S040_004_3.png",
    ),
    "an image of another sequence": (
        lambda folder: _rename(folder, f"{UNLABELLED}/S040_004_00000003.png", f"{UNLABELLED}/S040_002_00000003.png"),
        "annotation",
        "images in the folders of their names",
        f"1: {UNLABELLED}/S040_002_00000003.png",
    ),
    "landmarks of 67 points": (
        lambda folder: _shorten(folder / "Landmarks/S005/001/S005_001_00000003_landmarks.txt"),
        "annotation",
        "68 lines 'x y'",
        "1: Landmarks/S005/001/S005_001_00000003_landmarks.txt",
    ),
    "a frame without landmarks": (
        lambda folder: (folder / "Landmarks/S005/001/S005_001_00000003_landmarks.txt").unlink(),
        "annotation",
        "or no Landmarks folder",
        "1: Landmarks/S005/001/S005_001_00000003_landmarks.txt",
    ),
}


def _shorten(path: Path) -> None:
    path.write_text("\n".join(path.read_text().splitlines()[:-1]))


@pytest.mark.parametrize("fault", SPOILT)
def test_each_fault_is_found(
    fault: str, copy_of: Callable[[str], Path], finding: Callable[..., Finding], rows: Rows
) -> None:
    spoil, check, expected, found = SPOILT[fault]
    folder = copy_of(NAME)
    spoil(folder)
    one = finding(NAME, folder)
    assert one.check == check
    assert expected in one.expected
    assert found in one.found
    with pytest.raises(DataError, match="ferbench data verify ck-plus"):
        rows(NAME, folder, counts="any")


def test_a_gap_where_nothing_is_labelled_hurts_nobody(copy_of: Callable[[str], Path], opened: Open) -> None:
    folder = copy_of(NAME)
    before = opened(NAME, folder).index
    (folder / UNLABELLED / "S040_004_00000002.png").unlink()
    assert opened(NAME, folder).index == before


def test_folders_as_the_archives_unpack(copy_of: Callable[[str], Path], opened: Open) -> None:
    folder = copy_of(NAME)
    before = opened(NAME, folder).index
    for there, top in (
        ("cohn-kanade-images", "extended-cohn-kanade-images"),
        ("Emotion", "Emotion_labels"),
        ("Landmarks", "Landmarks"),
    ):
        (folder / there).rename(folder / "moving")
        (folder / top).mkdir()
        (folder / "moving").rename(folder / top / there)
    (folder / "Emotion_labels/Emotion/readme.txt").write_text("Not an emotion.")
    after = opened(NAME, folder).index
    assert after.findings == []
    assert after.counts == before.counts
    for one, other in zip(after.samples, before.samples, strict=True):
        assert (one.id, one.label, one.columns) == (other.id, other.label, other.columns)
        assert one.file == f"extended-cohn-kanade-images/{other.file}"
    assert len(after.annotations) == len(before.annotations) == len(set(after.annotations))


def test_suffixes_may_be_in_capitals(copy_of: Callable[[str], Path], opened: Open) -> None:
    folder = copy_of(NAME)
    before = opened(NAME, folder).index
    for path in [*folder.glob("cohn-kanade-images/*/*/*.png"), *folder.glob("Emotion/*/*/*.txt")]:
        path.rename(path.with_suffix(path.suffix.upper()))
    after = opened(NAME, folder).index
    assert after.findings == []
    assert [one.id for one in after.samples] == [one.id for one in before.samples]


def test_every_item_of_a_finding_is_told(copy_of: Callable[[str], Path], finding: Callable[..., Finding]) -> None:
    folder = copy_of(NAME)
    files = sorted((folder / "Emotion").rglob("*_emotion.txt"))[:5]
    for path in files:
        path.write_text("0")
    one = finding(NAME, folder)
    assert one.items == tuple(f"{path.relative_to(folder).as_posix()}: '0'" for path in files)
    assert one.found.startswith("5: ")
    assert one.found.endswith("and 2 more")


def test_a_sequence_may_be_too_short_for_the_options(replica: Callable[[str], Path], opened: Open) -> None:
    found = opened(NAME, replica(NAME), peak_frames=4, neutral="first-frame").index.findings
    assert [(one.check, one.expected) for one in found] == [("missing-image", "at least 5 frames, for these options")]
    assert len(found[0].items) == 41
    assert opened(NAME, replica(NAME), peak_frames=4).index.findings == []


def test_swapped_codes_show_in_the_counts(copy_of: Callable[[str], Path], opened: Open) -> None:
    folder = copy_of(NAME)
    for path in (folder / "Emotion").rglob("*_emotion.txt"):
        swapped = {"4": "5", "5": "4"}
        code = path.read_text().strip()
        path.write_text(swapped.get(code[0], code[0]) + code[1:])
    found = opened(NAME, folder).index.findings
    assert {(one.where, one.expected, one.found) for one in found} == {("fear", "3", "9"), ("happiness", "9", "3")}


@given(st.integers(1, 7), st.sampled_from(["   {:.7e}\n", "{}", "{:.1f}", "\t{:.7e}\r\n"]))
def test_a_code_is_read_however_it_is_written(code: int, form: str) -> None:
    assert _code(form.format(code)) == code


@given(st.one_of(st.text(), st.floats().map(str)))
def test_anything_else_is_no_code(text: str) -> None:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    assert isinstance(_code(text), int) == (value in (1, 2, 3, 4, 5, 6, 7))
