"""BU-3DFE: names, views of models, a user's own views, and what can be wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import datasets
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferbench import Site
from ferbench.data.files import FileSource
from ferbench.data.findings import Finding
from ferbench.errors import ConfigError, DataError
from ferbench.options import parse_options
from ferbench_fer_datasets.bu_3dfe import EXPRESSIONS, PEOPLE, Bu3dfe, Bu3dfeOptions, Name
from ferbench_fer_datasets.bu_3dfe_replica import SIZE, SPAN, frontal, mesh, pose, texture
from ferbench_fer_datasets.faces import Pixels, save
from ferbench_fer_datasets.views import Scan, as_scan, render

NAME = "bu-3dfe"
Rows = Callable[..., datasets.Dataset]
Open = Callable[..., FileSource[Any]]
FEW = {"views": "rendered", "yaws": [-45, 0, 45], "levels": [3], "size": 64}
ONE_YAW = FEW | {"yaws": [0], "size": 32}

NAMES = st.sampled_from("FM").flatmap(
    lambda sex: st.sampled_from(list(EXPRESSIONS)).flatmap(
        lambda code: st.builds(
            Name,
            st.just(sex),
            st.integers(1, PEOPLE[sex]),
            st.just(code),
            st.just(0) if code == "NE" else st.integers(1, 4),
            st.sampled_from(["WH", "AE", "BL"]),
        )
    )
)


@given(NAMES)
def test_a_name_is_read_as_it_is_written(name: Name) -> None:
    assert Name.parse(name.stem) == name


@pytest.mark.parametrize(
    "stem",
    ["F0057_AN01WH", "M0045_AN01WH", "F0000_AN01WH", "F0001_AN00WH", "F0001_NE01WH", "F0001_AN05WH", "F0001_CO01WH"],
)
def test_unknown_codes_are_no_name(stem: str) -> None:
    assert Name.parse(stem) is None


def test_frontal_pictures(replica: Callable[[str], Path], rows: Rows) -> None:
    data = rows(NAME, replica(NAME))
    names = data.features["label"].names
    assert names == ["anger", "disgust", "fear", "happiness", "sadness", "surprise"]
    assert len(data) == 8 * 6 * 2
    row = next(row for row in data if row["id"] == "M0001_DI03AE")
    told = (names[row["label"]], row["subject"], row["pose"], row["level"], row["ethnicity"])
    assert told == ("disgust", "M0001", 0.0, 3.0, "AE")
    assert (row["image"].mode, row["image"].size) == ("RGB", (SIZE, SIZE))


def test_options_choose_levels_and_neutral(replica: Callable[[str], Path], rows: Rows, opened: Open) -> None:
    data = rows(NAME, replica(NAME), levels=[1], neutral=True)
    assert data.features["label"].names[-1] == "neutral"
    assert len(data) == 8 * 7
    assert set(data["level"]) == {0.0, 1.0}
    assert opened(NAME, replica(NAME), levels=[1]).index.counts == opened(NAME, replica(NAME)).index.counts
    with pytest.raises(ConfigError, match="levels"):
        opened(NAME, replica(NAME), levels=[5])


@pytest.fixture(scope="module")
def rendered(replica: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> datasets.Dataset:
    source = Bu3dfe(parse_options(Bu3dfeOptions, FEW, "a test"), replica(NAME))
    return source.load(Site(tmp_path_factory.mktemp("site")))


def test_rendered_views(rendered: datasets.Dataset) -> None:
    data = rendered
    assert len(data) == 8 * 6 * 3
    assert data[:3]["id"] == ["F0001_AN03WH_-45", "F0001_AN03WH_0", "F0001_AN03WH_45"]
    assert data[:3]["pose"] == [-45.0, 0.0, 45.0]
    assert {(row["subject"], row["level"], row["ethnicity"]) for row in data.select(range(3))} == {("F0001", 3.0, "WH")}
    assert (data[0]["image"].mode, data[0]["image"].size) == ("RGB", (64, 64))


def test_rendered_views_are_those_of_single_pictures(
    replica: Callable[[str], Path], opened: Open, rendered: datasets.Dataset
) -> None:
    """Whoever decodes one sample (a check of the images) sees what is trained on."""
    source = opened(NAME, replica(NAME), **FEW)
    data = rendered.cast_column("image", datasets.Image(decode=False))
    for place in (0, 77):
        assert source.picture(source.index.samples[place])["bytes"] == data[place]["image"]["bytes"]


def test_what_is_rendered_is_not_rendered_again(replica: Callable[[str], Path], opened: Open, tmp_path: Path) -> None:
    site = Site(tmp_path / "site")
    opened(NAME, replica(NAME), **ONE_YAW).load(Site(tmp_path / "site", workers=2))
    shards = sorted((tmp_path / "site").glob("*.arrow"))
    assert len(shards) == 5
    stamps = {path: path.stat().st_mtime_ns for path in shards}
    shards[1].unlink()
    again = opened(NAME, replica(NAME), **ONE_YAW).load(site)
    assert len(again) == 48
    assert [path for path in shards if path.stat().st_mtime_ns != stamps[path]] == [shards[1]]


def test_the_identity_tells_renderings_apart(copy_of: Callable[[str], Path], opened: Open) -> None:
    folder = copy_of(NAME)

    def identity(**options: Any) -> str:
        return json.dumps(opened(NAME, folder, **options).identity(), sort_keys=True)

    assert len({identity(**FEW), identity(**FEW | {"size": 65}), identity(**FEW | {"yaws": [0]}), identity()}) == 4
    assert identity(**FEW) == identity(**FEW, counts="any")
    files = opened(NAME, folder, **FEW).identity()["files"]
    for file in ("F0001/F0001_AN03WH_F3D.wrl", "F0001/F0001_AN03WH_F3D.bmp"):
        assert file in files
        before = identity(**FEW)
        (folder / file).write_bytes((folder / file).read_bytes() + b"\n")
        assert identity(**FEW) != before


def test_the_identity_follows_a_texture_of_whatever_name(copy_of: Callable[[str], Path], opened: Open) -> None:
    folder = copy_of(NAME)
    texture = folder / "F0001/F0001_AN03WH_skin.BMP"
    (folder / MODEL).with_suffix(".bmp").rename(texture)
    (folder / MODEL).write_text((folder / MODEL).read_text().replace("_F3D.bmp", "_skin.BMP"))
    source = opened(NAME, folder, **ONE_YAW)
    assert source.index.findings == []
    assert source.picture(source.index.samples[0])["bytes"]
    before = source.identity()
    texture.write_bytes(texture.read_bytes() + b"\n")
    assert opened(NAME, folder, **ONE_YAW).identity() != before


# --- the renderer -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def name() -> Name:
    return Name("F", 1, "SU", 3, "WH")


@pytest.fixture(scope="module")
def scan(name: Name) -> Scan:
    who = pose(name, 0)
    return as_scan(mesh(who, "texture.bmp"), texture(who))


def _likeness(view: Pixels, scan: Scan, picture: Pixels) -> float:
    """Return the correlation of the middle of a view with the part of a picture that it fits best.

    The view is scaled to the picture's, in which SPAN decimetres are SIZE pixels.
    """
    side = round(len(view) * (scan.side / 100 / SPAN) * SIZE / len(view))
    face = cv2.resize(view, (side, side), interpolation=cv2.INTER_AREA)[side // 4 : -side // 4, side // 3 : -side // 3]
    return float(cv2.matchTemplate(picture, face, cv2.TM_CCOEFF_NORMED).max())


def test_the_frontal_view_resembles_the_frontal_picture(scan: Scan, name: Name) -> None:
    picture = frontal(pose(name, 0))
    assert _likeness(render(scan, 0, 160), scan, picture) > 0.8
    assert _likeness(render(scan, 0, 160)[::-1], scan, picture) < 0.6
    assert _likeness(render(scan, 45, 160), scan, picture) < 0.6


@pytest.mark.parametrize("yaw", [-45, -30, 30, 45])
def test_a_view_turns_the_face_the_right_way(yaw: int, scan: Scan, name: Name) -> None:
    view = render(scan, yaw, 160)
    right = _likeness(view, scan, frontal(pose(name, 0), yaw))
    wrong = _likeness(view, scan, frontal(pose(name, 0), -yaw))
    assert right > 0.8
    assert right > wrong + 0.2


def test_another_seed_draws_another_person(name: Name) -> None:
    assert not np.array_equal(frontal(pose(name, 0)), frontal(pose(name, 1)))


def test_views_are_centred_at_one_scale(scan: Scan) -> None:
    for yaw in (-90, -45, 0, 60, 90):
        inside = render(scan, yaw, 96).any(axis=2)
        rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
        assert abs(rows[0] + rows[-1] - 95) <= 2
        assert abs(columns[0] + columns[-1] - 95) <= 2
        assert 70 <= len(rows) <= 95  # the same height, whichever way it looks


def test_a_texture_is_not_mirrored() -> None:
    """A square that is red where x and y are low, green where x is high, blue where y is high."""
    from ferbench_fer_datasets.vrml import Mesh

    square = np.array([[0, 0, 0], [9, 0, 0], [9, 9, 0], [0, 9, 0]], dtype=np.float32)
    triangles = np.array([[0, 1, 2], [0, 2, 3]])
    places = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], dtype=np.float32)
    paint = np.zeros((8, 8, 3), dtype=np.uint8)
    paint[4:, :4], paint[4:, 4:], paint[:4, :4] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    view = render(as_scan(Mesh(square, triangles, places, triangles, "t"), paint), 0, 64)
    assert view[48, 16].tolist() == [255, 0, 0]
    assert view[48, 48].tolist() == [0, 255, 0]
    assert view[16, 16].tolist() == [0, 0, 255]
    assert view[0, 0].tolist() == [0, 0, 0]


# --- a user's own views -----------------------------------------------------------------------------------------

OWN = {"views": "folder", "yaws": [-30, 0, 60], "levels": [1]}


@pytest.fixture
def with_views(copy_of: Callable[[str], Path], opened: Open) -> Path:
    folder = copy_of(NAME)
    stems = [sample.id for sample in opened(NAME, folder, levels=[1]).index.samples]
    for number, stem in enumerate(stems):
        for yaw in (-30, 0, 60, 75):
            save(folder / f"views/{stem}_{yaw}.png", np.full((20, 20, 3), (number, yaw + 90, 7), dtype=np.uint8))
    return folder


def test_own_views_are_read(with_views: Path, rows: Rows, opened: Open) -> None:
    data = rows(NAME, with_views, **OWN)
    assert len(data) == 48 * 3
    row = next(row for row in data if row["id"] == "F0001_AN01WH_-30")
    assert (row["pose"], row["subject"]) == (-30.0, "F0001")
    assert row["image"].getpixel((0, 0)) == (0, 60, 7)
    assert "views/F0001_AN01WH_60.png" in opened(NAME, with_views, **OWN).identity()["files"]


def test_a_missing_view_is_found(with_views: Path, finding: Callable[..., Finding], rows: Rows) -> None:
    (with_views / "views/F0001_AN01WH_60.png").unlink()
    one = finding(NAME, with_views, **OWN)
    assert (one.check, one.items) == ("missing-image", ("views/F0001_AN01WH_60.png",))
    with pytest.raises(DataError, match=r"views/F0001_AN01WH_60\.png"):
        rows(NAME, with_views, **OWN)


@pytest.mark.parametrize(
    "view", ["F0001_AN01WH_+60.png", "F0001_AN01WH_060.png", "F0001_AN01WH.png", "F0099_AN01WH_60.png"]
)
def test_a_misnamed_view_is_found(view: str, with_views: Path, finding: Callable[..., Finding]) -> None:
    (with_views / "views/F0001_AN01WH_75.png").rename(with_views / "views" / view)
    one = finding(NAME, with_views, **OWN)
    assert (one.check, one.items) == ("annotation", (f"views/{view}",))


# --- what can be wrong ------------------------------------------------------------------------------------------


def _move(folder: Path, old: str, new: str) -> None:
    (folder / old).rename(folder / new)


PICTURE, MODEL = "F0001/F0001_AN03WH_F2D.bmp", "F0001/F0001_AN03WH_F3D.wrl"

SPOILT: dict[str, tuple[Callable[[Path], object], dict[str, Any], str, str, str]] = {
    "an unknown expression": (
        lambda folder: _move(folder, PICTURE, "F0001/F0001_XX03WH_F2D.bmp"),
        {"levels": [1]},
        "annotation",
        "names such as F0001/F0001_AN01WH_F2D.bmp",
        "F0001/F0001_XX03WH_F2D.bmp",
    ),
    "another person's folder": (
        lambda folder: _move(folder, PICTURE, "F0002/F0001_AN03WH_F2D.bmp"),
        {"levels": [1]},
        "annotation",
        "files in the folders of their subjects",
        "F0002/F0001_AN03WH_F2D.bmp",
    ),
    "no picture": (
        lambda folder: (folder / PICTURE).unlink(),
        {},
        "missing-image",
        "an image for every annotation",
        PICTURE,
    ),
    "no model": (
        lambda folder: (folder / MODEL).unlink(),
        FEW,
        "missing-image",
        "an image for every annotation",
        MODEL,
    ),
    "neither texture nor picture": (
        lambda folder: [(folder / file).unlink() for file in (PICTURE, MODEL.replace(".wrl", ".bmp"))],
        FEW,
        "missing-image",
        "a texture for every model",
        MODEL,
    ),
}


@pytest.mark.parametrize("fault", SPOILT)
def test_each_fault_is_found(
    fault: str, copy_of: Callable[[str], Path], finding: Callable[..., Finding], rows: Rows
) -> None:
    spoil, options, check, expected, item = SPOILT[fault]
    folder = copy_of(NAME)
    spoil(folder)
    one = finding(NAME, folder, **options)
    assert one.check == check
    assert expected in one.expected
    assert one.items == (item,)
    with pytest.raises(DataError, match="ferbench data verify bu-3dfe"):
        rows(NAME, folder, counts="any", **options)


def test_a_model_is_not_needed_for_frontal_pictures(copy_of: Callable[[str], Path], opened: Open) -> None:
    folder = copy_of(NAME)
    for path in folder.rglob("*_F3D.*"):
        path.unlink()
    assert opened(NAME, folder).index.findings == []


def _rename_texture(model: Path, name: str) -> None:
    model.write_text(model.read_text().replace(model.with_suffix(".bmp").name, name))
    (model.parent / name).write_bytes(model.with_suffix(".bmp").read_bytes())


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda path: path.write_text("#VRML V1.0 ascii"), "the first line '#VRML V2.0 utf8'"),
        (lambda path: path.write_text(path.read_text()[:5000]), "one that ends within a node"),
        (lambda path: path.write_text(path.read_text().replace("_F3D.bmp", "_RAW.bmp")), "no such file"),
        (lambda path: path.with_suffix(".bmp").write_bytes(b"BM"), "a file that cannot be decoded"),
        (lambda path: _rename_texture(path, "F0001_AN01WH_F3D.bmp"), "a texture F0001_AN03WH_…"),
        (lambda path: _rename_texture(path, "texture.bmp"), "a texture F0001_AN03WH_…"),
    ],
)
def test_a_broken_model_stops_the_rendering(
    spoil: Callable[[Path], object], message: str, copy_of: Callable[[str], Path], rows: Rows
) -> None:
    folder = copy_of(NAME)
    spoil(folder / MODEL)
    with pytest.raises(DataError, match=message) as caught:
        rows(NAME, folder, **FEW)
    assert "F0001_AN03WH_" in caught.value.where or "F0001_AN03WH_" in str(caught.value)
