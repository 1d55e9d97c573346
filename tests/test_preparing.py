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

import datasets as hf
import numpy as np
import pytest
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
