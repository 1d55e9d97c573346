"""Multi-PIE: the grammar of paths, recordings, cameras, and what can be wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferbench.data.files import FileSource
from ferbench.data.findings import Finding
from ferbench.errors import ConfigError, DataError
from ferbench_fer_datasets.faces import Shot, draw
from ferbench_fer_datasets.multi_pie import CAMERAS, RECORDINGS, Name

NAME = "multi-pie"
Rows = Callable[..., datasets.Dataset]
Open = Callable[..., FileSource[Any]]


@given(
    st.builds(
        lambda subject, take, camera, light: Name(subject, *take, camera, light),
        st.integers(1, 346),
        st.sampled_from(list(RECORDINGS)),
        st.sampled_from(list(CAMERAS)),
        st.integers(0, 19),
    )
)
def test_a_path_is_read_as_it_is_written(name: Name) -> None:
    assert Name.parse(name.path) == name
    assert name.is_known


def test_expressions_follow_session_and_recording() -> None:
    told = {
        "001_01_02_051_07": "smile",
        "001_02_02_051_07": "surprise",
        "001_02_03_051_07": "squint",
        "001_03_02_051_07": "smile",
        "001_03_03_051_07": "disgust",
        "001_04_03_051_07": "scream",
        "001_01_01_051_07": "neutral",
        "001_04_02_051_07": "neutral",
    }
    for stem, label in told.items():
        session, recording = stem[4:6], stem[7:9]
        name = Name.parse(f"data/session{session}/multiview/001/{recording}/05_1/{stem}.png")
        assert name is not None
        assert name.label == label


def test_cameras_stand_15_degrees_apart_and_mirror_each_other() -> None:
    level = [yaw for camera, yaw in CAMERAS.items() if camera not in ("08_1", "19_1")]
    assert level == [15.0 * place for place in range(-6, 7)]
    # 11_0 shows the left profile: the head is turned to the subject's right.
    assert (CAMERAS["11_0"], CAMERAS["05_1"], CAMERAS["24_0"]) == (-90, 0, 90)


def test_rows_say_what_names_say(replica: Callable[[str], Path], rows: Rows) -> None:
    data = rows(NAME, replica(NAME))
    names = data.features["label"].names
    assert names == ["neutral", "smile", "surprise", "squint", "disgust", "scream"]
    assert set(data["pose"]) == {-30.0, -15.0, 0.0, 15.0, 30.0}
    assert set(data["light"]) == {7.0}
    assert data[0]["image"].size == (128, 96)
    for row in data.remove_columns("image"):
        subject, session, recording, camera, _ = row["id"].split("_")
        assert row["subject"] == subject
        assert row["session"] == str(int(session))
        assert row["camera"] == f"{camera[:2]}_{camera[2]}"
        assert names[row["label"]] == RECORDINGS[int(session), int(recording)]
        assert row["pose"] == CAMERAS[row["camera"]]


def test_options_choose_cameras_and_lights(replica: Callable[[str], Path], rows: Rows, opened: Open) -> None:
    folder = replica(NAME)
    side = rows(NAME, folder, cameras=["11_0", "08_0", "19_0", "24_0"])
    assert set(side["pose"]) <= {-90.0, -45.0, 45.0, 90.0}
    assert len(side) > 3
    dark = rows(NAME, folder, cameras=["05_1"], lights=[0])
    assert set(dark["light"]) == {0.0}
    assert opened(NAME, folder, lights=[0]).index.counts == opened(NAME, folder).index.counts
    with pytest.raises(ConfigError, match="lights"):
        opened(NAME, folder, lights=[20])


def test_the_replica_turns_heads_as_the_cameras_say(replica: Callable[[str], Path], opened: Open) -> None:
    for sample in opened(NAME, replica(NAME), cameras=["13_0", "04_1"]).index.samples[:4]:
        yaw = sample.columns["pose"]
        assert isinstance(yaw, float)
        face = draw(Shot(int(sample.id[:3]), "neutral", yaw=yaw, size=96)).landmarks
        assert (face[2, 0] > face[:2, 0].mean()) == (yaw > 0)


def test_high_resolution_images_are_not_read(copy_of: Callable[[str], Path], opened: Open) -> None:
    folder = copy_of(NAME)
    before = opened(NAME, folder).index
    extra = folder / "data/session01/highres/001/01/001_01_01.jpg"
    extra.parent.mkdir(parents=True)
    extra.write_bytes(b"?")
    assert opened(NAME, folder).index == before


VIEW = "data/session01/multiview/001/01/04_1"
FILE = f"{VIEW}/001_01_01_041_07.png"


def _move(folder: Path, new: str) -> None:
    (folder / new).parent.mkdir(parents=True, exist_ok=True)
    (folder / FILE).rename(folder / new)


SPOILT = {
    "no number": ("names such as", f"{VIEW}/face.png"),
    "another format": ("names such as", f"{VIEW}/001_01_01_041_07.jpg"),
    "another subject's folder": (
        "the folders of their names",
        "data/session01/multiview/002/01/04_1/001_01_01_041_07.png",
    ),
    "another camera's folder": (
        "the folders of their names",
        "data/session01/multiview/001/01/05_1/001_01_01_041_07.png",
    ),
    "another session's folder": (
        "the folders of their names",
        "data/session02/multiview/001/01/04_1/001_01_01_041_07.png",
    ),
    "an unknown recording": ("of the release", "data/session01/multiview/001/03/04_1/001_01_03_041_07.png"),
    "an unknown camera": ("of the release", "data/session01/multiview/001/01/07_1/001_01_01_071_07.png"),
    "an unknown light": ("of the release", f"{VIEW}/001_01_01_041_20.png"),
}


@pytest.mark.parametrize("fault", SPOILT)
def test_each_fault_is_found(
    fault: str, copy_of: Callable[[str], Path], finding: Callable[..., Finding], rows: Rows
) -> None:
    expected, new = SPOILT[fault]
    folder = copy_of(NAME)
    _move(folder, new)
    one = finding(NAME, folder)
    assert one.check == "annotation"
    assert expected in one.expected
    assert one.items == (new,)
    with pytest.raises(DataError, match="ferbench data verify multi-pie"):
        rows(NAME, folder, counts="any")
