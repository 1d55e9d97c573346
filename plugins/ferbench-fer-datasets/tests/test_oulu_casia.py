"""Oulu-CASIA: conditions, frames, copies with some of the conditions, and what can be wrong."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import pytest

from ferbench.data.files import FileSource
from ferbench.data.findings import Finding
from ferbench.errors import ConfigError, DataError

NAME = "oulu-casia"
SIX = ["anger", "disgust", "fear", "happiness", "sadness", "surprise"]
Rows = Callable[..., datasets.Dataset]
Open = Callable[..., FileSource[Any]]


def test_the_last_three_frames_in_strong_visible_light(replica: Callable[[str], Path], rows: Rows) -> None:
    data = rows(NAME, replica(NAME))
    assert data.features["label"].names == SIX
    assert len(data) == 3 * 54
    assert all(name.startswith("VL/Strong/") for name in data["id"])
    disgust = [row for row in data if row["id"].startswith("VL/Strong/P001/Disgust/")]
    assert [row["id"][-8:] for row in disgust] == ["001.jpeg", "002.jpeg", "003.jpeg"]
    assert {(row["label"], row["subject"]) for row in disgust} == {(1, "P001")}
    assert (disgust[0]["image"].mode, disgust[0]["image"].size) == ("RGB", (128, 96))


def test_first_frames_may_be_neutral(replica: Callable[[str], Path], rows: Rows) -> None:
    data = rows(NAME, replica(NAME), peak_frames=2, neutral="first-frame")
    assert data.features["label"].names == [*SIX, "neutral"]
    assert len(data) == 3 * 54
    neutral = [row["id"] for row in data.remove_columns("image") if row["label"] == 6]
    assert len(neutral) == 54
    assert all(name.endswith("/000.jpeg") for name in neutral)


@pytest.mark.parametrize(("camera", "light", "mode"), [("NI", "Dark", "L"), ("VL", "Weak", "RGB")])
def test_other_conditions(camera: str, light: str, mode: str, replica: Callable[[str], Path], rows: Rows) -> None:
    data = rows(NAME, replica(NAME), camera=camera, light=light, peak_frames=1)
    assert data["id"] == [f"{camera}/{light}/P001/{folder}/001.jpeg" for folder in ("Anger", "Surprise")]
    assert data[0]["image"].mode == mode


def test_unknown_conditions_are_refused(replica: Callable[[str], Path], opened: Open) -> None:
    with pytest.raises(ConfigError, match="light"):
        opened(NAME, replica(NAME), light="strong")


@pytest.mark.parametrize("top", ["OriginalImg", "B_OriginalImg/OriginalImg"])
def test_the_archives_own_folders_are_accepted(top: str, copy_of: Callable[[str], Path], opened: Open) -> None:
    folder = copy_of(NAME)
    before = opened(NAME, folder).index
    (folder / top).mkdir(parents=True)
    for camera in ("VL", "NI"):
        (folder / camera).rename(folder / top / camera)
    cropped = folder / "PreProcess_Img/VL/Strong/P001/Anger/000.jpeg"
    cropped.parent.mkdir(parents=True)
    cropped.write_bytes(b"?")
    after = opened(NAME, folder).index
    assert after.findings == []
    assert after.counts == before.counts
    assert [sample.id for sample in after.samples] == [sample.id for sample in before.samples]
    assert after.samples[0].file == f"{top}/{before.samples[0].file}"


def test_a_gap_in_a_condition_that_nobody_asks_for_hurts_nobody(copy_of: Callable[[str], Path], opened: Open) -> None:
    folder = copy_of(NAME)
    (folder / "NI/Weak/P001/Anger/000.jpeg").unlink()
    assert opened(NAME, folder).index.findings == []
    asked = opened(NAME, folder, camera="NI", light="Weak", peak_frames=1).index.findings
    assert [(one.check, one.items) for one in asked] == [("missing-image", ("NI/Weak/P001/Anger",))]


def test_a_condition_that_is_not_there_is_not_missed_unless_it_is_asked_for(
    copy_of: Callable[[str], Path], opened: Open, finding: Callable[..., Finding]
) -> None:
    folder = copy_of(NAME)
    shutil.rmtree(folder / "NI")
    shutil.rmtree(folder / "VL/Dark")
    assert opened(NAME, folder).index.findings == []
    one = finding(NAME, folder, camera="NI")
    assert (one.check, one.expected, one.found) == ("structure", "sequences in NI/Strong", "none")
    counted = {found.where for found in opened(NAME, folder, camera="NI").index.findings if found.check == "count"}
    assert "NI/Strong/sequences" in counted
    assert not any(name.startswith("NI/Dark") for name in counted)


def test_one_sequence_too_few_is_found_in_any_condition(copy_of: Callable[[str], Path], opened: Open) -> None:
    folder = copy_of(NAME)
    shutil.rmtree(folder / "NI/Weak/P001/Anger")
    found = {one.where: (one.expected, one.found) for one in opened(NAME, folder).index.findings}
    assert found == {"NI/Weak/sequences": ("2", "1"), "NI/Weak/anger": ("1", "0")}


SEQUENCE = "VL/Strong/P001/Disgust"

SPOILT: dict[str, tuple[Callable[[Path], object], str, str, str]] = {
    "a gap": (
        lambda folder: (folder / f"{SEQUENCE}/001.jpeg").unlink(),
        "missing-image",
        "frames numbered from 000 on",
        f"1: {SEQUENCE}",
    ),
    "numbered from one": (
        lambda folder: (folder / f"{SEQUENCE}/000.jpeg").rename(folder / f"{SEQUENCE}/004.jpeg"),
        "missing-image",
        "frames numbered from 000 on",
        f"1: {SEQUENCE}",
    ),
    "an unknown expression": (
        lambda folder: (folder / SEQUENCE).rename(folder / "VL/Strong/P001/Disgusted"),
        "annotation",
        "names such as VL/Strong/P001/Anger/000.jpeg",
        "4: VL/Strong/P001/Disgusted/000.jpeg",
    ),
    "an unknown light": (
        lambda folder: (folder / "VL/Weak").rename(folder / "VL/Normal"),
        "annotation",
        "names such as VL/Strong/P001/Anger/000.jpeg",
        "4: VL/Normal/P001/Anger/000.jpeg",
    ),
    "both kinds of top folder": (
        lambda folder: shutil.copytree(folder / "NI", folder / "OriginalImg/NI"),
        "structure",
        "one folder with the cameras' folders",
        "2: ., OriginalImg/",
    ),
}


@pytest.mark.parametrize("fault", SPOILT)
def test_each_fault_is_found(fault: str, copy_of: Callable[[str], Path], opened: Open, rows: Rows) -> None:
    spoil, check, expected, found = SPOILT[fault]
    folder = copy_of(NAME)
    spoil(folder)
    found_all = [one for one in opened(NAME, folder).index.findings if one.check != "count"]
    assert len(found_all) == 1
    assert found_all[0].check == check
    assert expected in found_all[0].expected
    assert found in found_all[0].found
    with pytest.raises(DataError, match="ferbench data verify oulu-casia"):
        rows(NAME, folder, counts="any")


def test_a_sequence_may_be_too_short_for_the_options(
    replica: Callable[[str], Path], finding: Callable[..., Finding]
) -> None:
    one = finding(NAME, replica(NAME), peak_frames=4, neutral="first-frame")
    assert one.expected == "at least 5 frames, for these options"
    assert len(one.items) == 54
