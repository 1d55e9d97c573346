"""Multi-PIE: the grammar of paths, recordings, cameras, and what can be wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferbench import Site
from ferbench.data.files import FileSource
from ferbench.data.findings import Finding
from ferbench.data.replica import REPLICA
from ferbench.errors import ConfigError, DataError
from ferbench_fer_datasets.faces import Shot, draw
from ferbench_fer_datasets.multi_pie import CAMERAS, RECORDINGS, MultiPie, MultiPieOptions, Name

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
    with pytest.raises(ConfigError, match="lights"):
        opened(NAME, folder, lights=[20])


EVERYTHING = {"cameras": list(CAMERAS), "lights": list(range(20))}


def test_images_of_the_release() -> None:
    official = MultiPie(MultiPieOptions(), None).official()
    cells = {name: count for name, count in official.items() if "camera" in name}
    assert len(cells) == 4 * 15 * 20
    assert sum(cells.values()) == 754_200  # "more than 750,000 images"
    assert cells["session 1/camera 05_1/light 07"] == 249 * 2
    assert cells["session 4/camera 19_1/light 00"] == 239 * 3


def test_what_is_expected_follows_the_options(copy_of: Callable[[str], Path], opened: Open) -> None:
    folder = copy_of(NAME)
    (folder / REPLICA).unlink()
    expected = opened(NAME, folder).expected_counts()
    assert {name.split("/", 1)[1] for name in expected if "/" in name} == {
        "subjects",
        *(f"camera {camera}/light 07" for camera in ("13_0", "14_0", "05_1", "05_0", "04_1")),
    }
    assert dict(opened(NAME, folder, **EVERYTHING).expected_counts()) == opened(NAME, folder).official()


def test_a_missing_image_shows_in_the_counts_of_who_asks_for_it(copy_of: Callable[[str], Path], opened: Open) -> None:
    folder = copy_of(NAME)
    (folder / FILE).unlink()
    there = opened(NAME, folder)
    found = [(one.check, one.where, int(one.expected) - int(one.found)) for one in there.index.findings]
    assert found == [("count", "session 1/camera 04_1/light 07", 1)]
    assert len(opened(NAME, folder, counts="any").load(Site(folder / "site"))) == len(there.index.samples)
    assert opened(NAME, folder, cameras=["05_1"]).index.findings == []


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
