"""Preparing: every image decoded once, ever; faces that are not found are handled as stated; landmarks move along."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import datasets as hf
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from toyfaces.data import Toy
from toyfaces.options import ToyOptions

from ferbench import DataSource, Options, Site
from ferbench.data.image_folder import ImageFolder, ImageFolderOptions
from ferbench.data.prepare import Preparation, prepare
from ferbench.data.preprocess import (
    TEMPLATE,
    Align,
    AlignOptions,
    NoFace,
    Prepared,
    Preprocessor,
    Resize,
    ResizeOptions,
    similarity,
)
from ferbench.data.store import Store, store_folder
from ferbench.errors import DataError
from ferbench.spec import PreparedSpec

SPEC = PreparedSpec("toy", {}, "identity", "resize", {}, "1", "error", "source")


class Given(DataSource[Options]):
    """A data set of the rows a test gives."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        super().__init__(Options())
        self.rows = rows

    def identity(self) -> Mapping[str, Any]:
        return {}

    def columns(self) -> frozenset[str]:
        return frozenset(self.rows[0])

    def load(self, site: Site) -> hf.Dataset:
        data = hf.Dataset.from_list(self.rows)
        for name, kind in (("image", hf.Image()), ("label", hf.ClassLabel(names=["a", "b"]))):
            if name in data.column_names:
                data = data.cast_column(name, kind)
        return data


def rows(count: int, **more: Any) -> list[dict[str, Any]]:
    pixels = [np.full((10, 20, 3), number, dtype=np.uint8) for number in range(count)]
    return [
        {"id": f"i{n}", "image": Image.fromarray(pixels[n]), "label": n % 2, **{k: v[n] for k, v in more.items()}}
        for n in range(count)
    ]


def resize(size: int = 16, *, grey: bool = False) -> Resize:
    return Resize(ResizeOptions(size=size, grey=grey))


def made(given_: list[dict[str, Any]], preprocessor: Preprocessor | None = None, no_face: str = "error") -> Store:
    """Prepare, and return the store in the order of the ids: its own order is one that tells nothing."""
    store = prepare(Preparation(replace(SPEC, no_face=no_face), Given(given_), lambda: preprocessor or resize()))
    order = np.argsort(store.strings("id"))
    assert not store.images.flags.writeable
    ordered = Store(store.folder, store.info, store.table.take(order))
    vars(ordered)["images"] = store.images[order]
    return ordered


class Counting:
    """Counts the images it is given; finds no face in those of some values."""

    def __init__(self, faceless: tuple[int, ...] = (), *, fallback: bool = True) -> None:
        self.seen: list[int] = []
        self.faceless, self.fallback = faceless, fallback

    def __call__(self, image: Any, landmarks: Any, box: Any) -> Prepared | NoFace:
        value = int(image[0, 0, 0])
        self.seen.append(value)
        crop = Prepared(np.full((4, 4, 1), 200 + value, dtype=np.uint8))
        if value in self.faceless:
            return NoFace("too dark", crop if self.fallback else None)
        return Prepared(np.full((4, 4, 1), value, dtype=np.uint8))


def test_a_store_holds_images_and_attributes_in_order() -> None:
    store = made(rows(5, subject=list("ppqqr"), pose=[0.0, 10.0, -20.0, 30.0, 45.0], age=[1, 2, 3, 4, 5]), Counting())
    assert store.images.shape == (5, 4, 4, 1)
    assert store.images[:, 0, 0, 0].tolist() == [0, 1, 2, 3, 4]
    assert store.classes == ("a", "b")
    assert store.column("pose").tolist() == [0.0, 10.0, -20.0, 30.0, 45.0]
    samples = store.samples()
    assert samples.ids.tolist() == ["i0", "i1", "i2", "i3", "i4"]
    assert samples.labels.tolist() == [0, 1, 0, 1, 0]
    assert samples.subjects is not None
    assert samples.subjects.tolist() == list("ppqqr")
    assert samples.split is None
    assert set(store.info["columns"]) == {"subject", "pose", "age"}


def test_the_order_of_the_store_depends_on_the_ids_alone_and_tells_no_class() -> None:
    given_ = sorted(rows(40), key=lambda row: row["label"])
    stores = [
        prepare(Preparation(replace(SPEC, identity=name), Given(some), resize))
        for name, some in (("as released", given_), ("reversed", given_[::-1]))
    ]
    assert stores[0].strings("id").tolist() == stores[1].strings("id").tolist()
    assert (stores[0].images == stores[1].images).all()
    labels = stores[0].column("label")
    assert (labels[1:] != labels[:-1]).sum() > 8  # sorted by class there would be one change


def test_every_image_is_prepared_once_ever() -> None:
    first, second = Counting(), Counting()
    made(rows(5), first)
    made(rows(5), second)
    assert sorted(first.seen) == [0, 1, 2, 3, 4]
    assert second.seen == []


@pytest.mark.parametrize("change", [{"identity": "other"}, {"preprocessor_version": "2"}, {"source": "edited"}])
def test_whatever_changes_the_pixels_makes_another_store(change: dict[str, str]) -> None:
    first, second = Counting(), Counting()
    made(rows(3), first)
    prepare(Preparation(replace(SPEC, **change), Given(rows(3)), lambda: second))
    assert len(second.seen) == 3


SCRIPT = """
import sys
from functools import partial
from pathlib import Path
from toyfaces.data import Toy
from toyfaces.options import ToyOptions
from ferbench.data.prepare import Preparation, prepare
from ferbench.data.preprocess import Resize, ResizeOptions
from ferbench.spec import PreparedSpec
toy = Toy(ToyOptions(log=sys.argv[1], subjects=40))
spec = PreparedSpec("toy", {}, "identity", "resize", {}, "1", "error", "source")
sys.stdin.readline()
print(prepare(Preparation(spec, toy, partial(Resize, ResizeOptions(size=16)))).images.sum())
"""


def test_two_processes_at_once_make_it_once(tmp_path: Path) -> None:
    log = tmp_path / "log"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    twins = [
        subprocess.Popen(
            [sys.executable, "-c", SCRIPT, str(log)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment,
        )
        for _ in range(2)
    ]  # fmt: skip
    for twin in twins:
        assert twin.stdin is not None
        twin.stdin.write("go\n")
        twin.stdin.flush()
    said = [twin.communicate(timeout=60)[0] for twin in twins]
    assert [twin.returncode for twin in twins] == [0, 0]
    assert log.read_text() == "loaded\n"
    assert said[0] == said[1] != ""


def test_a_preparation_that_fails_leaves_no_store(cache: Path) -> None:
    with pytest.raises(DataError, match="too dark"):
        made(rows(5), Counting(faceless=(3,)))
    left = [path.name for path in (cache / "prepared").iterdir() if path.suffix != ".lock"]
    assert left == []
    with pytest.raises(DataError, match=r"the prepared data of toy; .*ferbench data prepare toy"):
        Store.open(SPEC)


def test_a_damaged_store_is_refused(cache: Path) -> None:
    made(rows(3))
    (store_folder(SPEC) / "table.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataError, match=r"the prepared data of toy; .*remove that folder and run"):
        Store.open(SPEC)


def test_a_face_that_is_not_found_is_an_error_unless_said_otherwise() -> None:
    with pytest.raises(DataError, match=r'a face; found too dark; in image i3 of toy, by resize; .*no_face = "drop"'):
        made(rows(5), Counting(faceless=(3,)))


def test_images_without_a_face_are_dropped_and_listed() -> None:
    store = made(rows(5, pose=[0.0, 1.0, 2.0, 3.0, 4.0]), Counting(faceless=(1, 3)), "drop")
    assert store.images[:, 0, 0, 0].tolist() == [0, 0, 2, 0, 4]  # they keep their place, and have no pixels
    assert store.dropped.tolist() == store.faceless.tolist() == [False, True, False, True, False]
    assert store.info["no_face"]["policy"] == "drop"
    assert sorted(store.info["no_face"]["ids"]) == ["i1", "i3"]
    assert store.info["no_face"]["count"] == 2


def test_a_centre_crop_takes_the_place_of_a_face_and_is_listed() -> None:
    store = made(rows(4), Counting(faceless=(2,)), "center-crop")
    assert store.images[:, 0, 0, 0].tolist() == [0, 1, 202, 3]
    assert store.info["no_face"]["ids"] == ["i2"]


def test_no_face_anywhere_is_refused() -> None:
    with pytest.raises(DataError, match="at least one image with a face; found none in 4 images"):
        made(rows(4), Counting(faceless=(0, 1, 2, 3)), "drop")


def test_a_crop_that_the_preprocessor_does_not_offer_is_refused() -> None:
    with pytest.raises(DataError, match="expected a face; found too dark"):
        made(rows(4), Counting(faceless=(2,), fallback=False), "center-crop")


def test_landmarks_missing_in_some_images_do_not_hide_the_others() -> None:
    points = (TEMPLATE * [20, 10]).tolist()
    store = made(rows(3, landmarks=[points, None, points]), Align(AlignOptions(size=16)), "center-crop")
    found = store.column("landmarks")
    assert found.shape == (3, 5, 2)
    assert np.isnan(found[1]).all()
    assert np.isfinite(found[[0, 2]]).all()


def test_what_a_preprocessor_does_not_know_is_missing_in_every_row() -> None:
    given_ = rows(3, box=[[1.0, 2.0, 3.0, 4.0]] * 3, landmarks=[(TEMPLATE * [20, 10]).tolist()] * 3)
    store = made(given_, Counting())
    assert store.column("box").shape == (3, 4)
    assert store.column("landmarks").shape == (3, 5, 2)
    assert np.isnan(store.column("box")).all()
    assert np.isnan(store.column("landmarks")).all()
    kept = prepare(Preparation(replace(SPEC, identity="other"), Given(given_), partial(resize, 10)))
    assert np.abs(kept.column("box") - [0.5, 2.0, 1.5, 4.0]).max() < 1e-6


def test_a_repeated_id_is_refused() -> None:
    twice = rows(4)
    twice[3]["id"] = "i0"
    with pytest.raises(DataError, match="a different id for every image; found 1 repeated ids; in the data set toy"):
        made(twice)


@pytest.mark.parametrize("column", ["id", "image", "label"])
def test_a_missing_column_is_refused(column: str) -> None:
    with pytest.raises(DataError, match=f"columns missing: {column}"):
        made([{k: v for k, v in row.items() if k != column} for row in rows(3)])


def test_a_label_without_names_is_refused() -> None:
    class Numbers(Given):
        def load(self, site: Site) -> hf.Dataset:
            return super().load(site).cast_column("label", hf.Value("int64"))

    with pytest.raises(DataError, match="class names for the column 'label'"):
        prepare(Preparation(SPEC, Numbers(rows(3)), resize))


def test_preprocessed_images_must_have_one_size() -> None:
    def uneven(image: Any, landmarks: Any, box: Any) -> Prepared:
        return Prepared(image[: 10 - image[0, 0, 0]])

    with pytest.raises(
        DataError, match=r"uint8 images of \(\d+, 20, 3\) .*found uint8 of \(\d+, 20, 3\); in image i\d"
    ):
        made(rows(3), uneven)


# datasets leaves the file of an image that it cannot decode to the garbage collector.
@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
@pytest.mark.filterwarnings("ignore:Exception ignored in.*FileIO:pytest.PytestUnraisableExceptionWarning")
def test_a_truncated_image_is_named(tmp_path: Path) -> None:
    for name in ("a/1.png", "a/2.png", "b/1.png"):
        path = tmp_path / "faces" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng(0).integers(0, 255, (40, 40, 3), dtype=np.uint8)
        Image.fromarray(noise).save(path)
    victim = tmp_path / "faces" / "a" / "2.png"
    victim.write_bytes(victim.read_bytes()[:900])
    source = ImageFolder(ImageFolderOptions(), tmp_path / "faces")
    with pytest.raises(DataError, match=r"a readable image; .*faces/a/2\.png of the data set toy; restore that file"):
        prepare(Preparation(SPEC, source, resize))


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "1", "CMYK"])
def test_every_mode_of_image_becomes_rgb(mode: str) -> None:
    given_ = rows(2)
    given_[0]["image"] = Image.fromarray(np.full((10, 20, 3), 255, dtype=np.uint8)).convert(mode)
    assert made(given_).images.shape == (2, 16, 16, 3)


def test_a_rotated_photograph_is_turned_upright() -> None:
    tall = Image.new("RGB", (20, 10))
    tall.paste((255, 255, 255), (0, 0, 10, 10))
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise to view
    import io

    stream = io.BytesIO()
    tall.save(stream, "png", exif=exif)
    given_ = rows(2)
    given_[0]["image"] = {"bytes": stream.getvalue(), "path": None}
    image = made(given_).images[0]
    assert image[2, 8, 0] == 255
    assert image[13, 8, 0] == 0


def dot(at: npt.NDArray[np.floating[Any]], shape: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """Paint a soft dot; its centre of mass is where it was put."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    bell = np.exp(-((x - at[0]) ** 2 + (y - at[1]) ** 2) / (2 * 4.0**2))
    return np.repeat((255 * bell).astype(np.uint8)[..., None], 3, axis=2)


def centre(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """Find the centre of mass of what is bright."""
    weight = image.astype(np.float64).mean(axis=2)
    weight[weight < 20] = 0
    y, x = np.mgrid[: weight.shape[0], : weight.shape[1]]
    return np.asarray([(x * weight).sum(), (y * weight).sum()]) / weight.sum()


FACE = np.asarray([[60, 70], [110, 68], [86, 95], [66, 120], [104, 121]], dtype=np.float32)


@pytest.mark.parametrize("size", [64, 100, 180, 333])
def test_landmarks_move_with_a_resized_image(size: int) -> None:
    for number in range(5):
        result = resize(size)(dot(FACE[number], (200, 160)), FACE, np.asarray([10, 20, 30, 40], dtype=np.float32))
        assert result.landmarks is not None
        assert np.abs(centre(result.image) - result.landmarks[number]).max() < 0.15
        assert result.box is not None
        assert result.box == pytest.approx(np.asarray([10 / 160, 20 / 200, 30 / 160, 40 / 200]) * size)


@pytest.mark.parametrize(("size", "margin"), [(112, 0.0), (48, 0.1), (224, 0.2)])
def test_landmarks_move_with_an_aligned_image(size: int, margin: float) -> None:
    align = Align(AlignOptions(size=size, margin=margin))
    for number in range(5):
        result = align(dot(FACE[number], (200, 160)), FACE, None)
        assert isinstance(result, Prepared)
        assert result.landmarks is not None
        assert np.abs(centre(result.image) - result.landmarks[number]).max() < 0.25


@pytest.mark.parametrize("angle", [0.0, 0.5, -1.0])
def test_the_box_moves_with_an_aligned_image(angle: float) -> None:
    turn = np.asarray([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    face = ((FACE - [80, 100]) @ turn.T + [80, 100]).astype(np.float32)
    image = np.zeros((200, 160, 3), dtype=np.uint8)
    image[60:130, 50:120] = 255
    result = Align(AlignOptions(size=160, margin=0.3))(image, face, np.asarray([50, 60, 120, 130], dtype=np.float32))
    assert isinstance(result, Prepared)
    assert result.box is not None
    y, x = np.nonzero(result.image[..., 0] > 127)
    assert np.abs(result.box - [x.min(), y.min(), x.max() + 1, y.max() + 1]).max() < 1.5


@given(
    angle=st.floats(-3.1, 3.1), scale=st.floats(0.2, 5), dx=st.floats(-300, 300), dy=st.floats(-300, 300),
    size=st.integers(16, 300), margin=st.floats(0, 0.3),
)  # fmt: skip
def test_alignment_undoes_any_similarity(
    angle: float, scale: float, dx: float, dy: float, size: int, margin: float
) -> None:
    target = (TEMPLATE * (1 - 2 * margin) + margin) * size
    turn = np.asarray([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved = target.astype(np.float64) @ (scale * turn).T + [dx, dy]
    matrix = similarity(moved, size, margin)  # type: ignore[arg-type]  # double precision, to test the arithmetic
    assert np.abs(moved @ matrix[:, :2].T + matrix[:, 2] - target).max() < 1e-3
    assert np.linalg.det(matrix[:, :2]) == pytest.approx(1 / scale**2, rel=1e-4)


@given(seed=st.integers(0, 10**6), mirrored=st.booleans())
def test_alignment_never_mirrors_a_face(seed: int, mirrored: bool) -> None:
    rng = np.random.default_rng(seed)
    points = (TEMPLATE * 100 + rng.normal(0, 6, (5, 2))).astype(np.float32)
    if mirrored:
        points[:, 0] = 100 - points[:, 0]
    assert np.linalg.det(similarity(points, 112, 0.0)[:, :2]) >= 0


@pytest.mark.parametrize("points", [None, np.full((5, 2), np.nan, np.float32), np.full((5, 2), 30, np.float32)])
def test_without_five_landmarks_there_is_no_face_to_align(points: Any) -> None:
    result = Align(AlignOptions(size=32))(dot(FACE[0], (200, 160)), points, None)
    assert isinstance(result, NoFace)
    assert result.fallback is not None
    assert result.fallback.image.shape == (32, 32, 3)


def test_grey_is_the_luma_in_one_channel() -> None:
    image = np.zeros((20, 20, 3), dtype=np.uint8)
    image[..., 0], image[..., 1], image[..., 2] = 200, 100, 50
    luma = round(0.299 * 200 + 0.587 * 100 + 0.114 * 50)
    for prepared in (
        resize(grey=True)(image, None, None),
        Align(AlignOptions(size=16, grey=True))(image, TEMPLATE * 20, None),
    ):
        assert isinstance(prepared, Prepared)
        assert prepared.image.shape == (16, 16, 1)
        assert np.abs(prepared.image.astype(int) - luma).max() <= 1


def test_shrinking_averages() -> None:
    checks = (np.indices((64, 64)).sum(axis=0) % 2 * 255).astype(np.uint8)[..., None].repeat(3, axis=2)
    assert np.abs(resize(16)(checks, None, None).image.astype(int) - 127).max() <= 1
    aligned = Align(AlignOptions(size=16))(
        cv2.copyMakeBorder(checks, 8, 8, 8, 8, cv2.BORDER_WRAP), TEMPLATE * 64 + 8, None
    )
    assert isinstance(aligned, Prepared)
    assert np.abs(aligned.image[2:-2, 2:-2].astype(int) - 127).max() < 40


def test_targets_other_than_the_label(cache: Path) -> None:
    toy = Toy(ToyOptions(subjects=3, per_subject=2))
    store = prepare(Preparation(SPEC, toy, resize))
    by_subject = store.samples("subject")
    assert by_subject.classes == ("s0", "s1", "s2")
    assert [by_subject.classes[label] for label in by_subject.labels] == [name.split("-")[0] for name in by_subject.ids]
    by_pose = store.samples("pose", (-10.0, 10.0))
    assert by_pose.classes == ("pose ..-10", "pose -10..10", "pose 10..")
    pose = store.column("pose")
    assert (by_pose.labels == (pose >= -10).astype(int) + (pose >= 10)).all()
    with pytest.raises(DataError, match=r"the continuous column 'pose'; .*target_edges"):
        store.samples("pose")
    with pytest.raises(DataError, match=r"a target among .*; found 'posse'"):
        store.samples("posse")
