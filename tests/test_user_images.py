"""A user's own images: every layout, and what is wrong in a folder or its CSV is told with the file's name."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ferbench.canonical import file_digest
from ferbench.data import manifest
from ferbench.data.image_folder import ImageFolder, ImageFolderOptions
from ferbench.data.manifest import content_hashes
from ferbench.datasource import Site
from ferbench.errors import DataError


def draw(path: Path, value: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((12, 10, 3), value, dtype=np.uint8)).save(path)


PLAIN = ("fear/1.png", "fear/deep/2.jpg", "anger/1.PNG", "anger/2.png")
DIVIDED = ("train/fear/1.png", "train/anger/1.png", "val/fear/2.png", "test/fear/3.png", "test/anger/3.png")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "faces"
    for number, name in enumerate(PLAIN):
        draw(folder / name, number)
    return folder


def source(root: Path, **options: str) -> ImageFolder:
    return ImageFolder(ImageFolderOptions(**options), root)


def load(root: Path, **options: str) -> tuple[list[dict[str, Any]], list[str]]:
    data = source(root, **options).load(Site(root.parent / "site"))
    return list(data), data.features["label"].names


def test_folders_are_classes(root: Path) -> None:
    rows, classes = load(root)
    assert classes == ["anger", "fear"]
    assert {(row["id"], classes[row["label"]]) for row in rows} == {(name, name.split("/")[0]) for name in PLAIN}
    assert rows[0]["image"].size == (10, 12)
    assert source(root).columns() == {"id", "image", "label"}


def test_folders_may_divide_the_images(tmp_path: Path) -> None:
    for number, name in enumerate(DIVIDED):
        draw(tmp_path / "faces" / name, number)
    rows, classes = load(tmp_path / "faces")
    assert {(row["id"], row["split"], classes[row["label"]]) for row in rows} == {
        (name, {"val": "validation"}.get(name.split("/")[0], name.split("/")[0]), name.split("/")[1])
        for name in DIVIDED
    }
    assert source(tmp_path / "faces").columns() == {"id", "image", "label", "split"}


def test_a_class_called_train_beside_others_is_a_class(tmp_path: Path) -> None:
    for name in ("train/1.png", "car/1.png"):
        draw(tmp_path / "faces" / name)
    assert load(tmp_path / "faces")[1] == ["car", "train"]


def put_csv(root: Path, text: str, name: str = "images.csv") -> None:
    (root / name).write_text(text, encoding="utf-8")


CSV = "file,subject,split,pose,age,mood\n" + "".join(
    f"{name},p{number},{'test' if number == 0 else 'train'},{number * 10},{number},ok\n"
    for number, name in enumerate(PLAIN)
)


def test_a_csv_gives_attributes(root: Path) -> None:
    put_csv(root, CSV)
    rows = {row["id"]: row for row in load(root)[0]}
    assert source(root).columns() == {"id", "image", "label", "subject", "split", "pose", "age", "mood"}
    first = rows[PLAIN[0]]
    assert (first["subject"], first["split"], first["pose"], first["age"], first["mood"]) == (
        "p0",
        "test",
        0.0,
        0.0,
        "ok",
    )
    assert rows[PLAIN[3]]["pose"] == 30.0


def test_a_csv_from_a_spreadsheet_is_read(root: Path) -> None:
    (root / "images.csv").write_bytes(b"\xef\xbb\xbf" + CSV.replace("\n", "\r\n").encode())
    assert load(root)[0][0]["subject"] in {"p0", "p1", "p2", "p3"}


def test_subjects_that_look_like_numbers_stay_names(root: Path) -> None:
    put_csv(root, "file,subject\n" + "".join(f"{name},007\n" for name in PLAIN))
    assert {row["subject"] for row in load(root)[0]} == {"007"}


def test_a_column_that_is_not_all_numbers_holds_names(root: Path) -> None:
    put_csv(root, line("fear/1.png", "p0,train,0,unknown,ok"))
    assert {row["age"] for row in load(root)[0]} == {"unknown", "1", "2", "3"}


def line(name: str, rest: str) -> str:
    return CSV.replace(next(row for row in CSV.splitlines() if row.startswith(name)), f"{name},{rest}")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("\n".join(CSV.splitlines()[:-1]), r"found 1 without partner, such as 'anger/2.png' .an image only"),
        (CSV + "fear/9.png,p,train,0,0,ok\n", "such as 'fear/9.png' .in the CSV only"),
        (CSV + CSV.splitlines()[1] + "\n", "exactly one row for every image; found .*fear/1.png.* twice"),
        (CSV.replace("file,", "image_file,"), "a column 'file' with exactly one row for every image"),
        (line("fear/1.png", "p0,tset,0,0,ok"), "train, validation or test; found 'tset'; .*images.csv, fear/1.png"),
        (line("fear/1.png", "p0,,0,0,ok"), "split: train, validation or test; found ''"),
        (line("fear/1.png", "p0,train,left,0,ok"), "pose: yaw in degrees; found 'left'; .*fear/1.png"),
        (line("fear/1.png", "p0,train,0"), "as many values as columns, 6; .*fear/1.png"),
        (line("fear/1.png", "p0,train,0,0,ok,more"), "as many values as columns, 6; .*fear/1.png"),
        (CSV.replace("mood", "label"), "columns other than .*; found 'label'"),
        (CSV.replace("mood", "id"), "columns other than .*; found 'id'"),
        (CSV.replace("mood", "mood,mood").replace("ok", "ok,ok"), "every column once; found 'mood' twice"),
        ("", "a column 'file'"),
    ],
)  # fmt: skip
def test_a_csv_that_does_not_fit_is_refused(root: Path, text: str, message: str) -> None:
    put_csv(root, text)
    with pytest.raises(DataError, match=message):
        load(root)


def test_a_csv_that_is_no_text_is_refused(root: Path) -> None:
    (root / "images.csv").write_bytes(b"file,subject\n\xff\xfe\n")
    with pytest.raises(DataError, match=r"UTF-8.*images\.csv"):
        load(root)


def test_a_csv_that_contradicts_the_folders_is_refused(tmp_path: Path) -> None:
    for name in DIVIDED:
        draw(tmp_path / "faces" / name)
    put_csv(tmp_path / "faces", "file,split\n" + "".join(f"{name},train\n" for name in DIVIDED))
    with pytest.raises(DataError, match=r"one split for each image; found train for (val|test)/"):
        load(tmp_path / "faces")


def test_a_csv_of_another_name_is_used_when_named_and_must_exist(root: Path) -> None:
    put_csv(root, CSV, "more.csv")
    assert source(root).columns() == {"id", "image", "label"}
    assert "pose" in source(root, csv="more.csv").columns()
    with pytest.raises(DataError, match=r"the CSV that the option 'csv' names; found no such file; .*mroe.csv"):
        source(root, csv="mroe.csv").columns()


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ((), "at least two class-named folders of images"),
        (("fear/1.png",), "at least two class-named folders of images"),
        (("fear/1.png", "anger/.hidden"), "at least one image in every class folder; found an empty class; .*anger"),
        (("fear/1.png", "anger/1.png", "anger/2.heic"), "1 other files, such as '2.heic'; .*anger"),
        (("fear/1.png", "anger/1.png", "2.png"), "every image in a folder named after its class; found 1 beside them"),
    ],
)
def test_a_folder_without_classes_is_refused(tmp_path: Path, names: tuple[str, ...], message: str) -> None:
    folder = tmp_path / "faces"
    folder.mkdir()
    for name in names:
        path = folder / name
        draw(path.with_suffix(".png"))
        path.with_suffix(".png").rename(path)
    with pytest.raises(DataError, match=message):
        source(folder).identity()


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="a folder of class-named folders of images; found no such folder"):
        source(tmp_path / "nowhere").identity()


def identity(root: Path) -> Mapping[str, Any]:
    return source(root).identity()


def test_the_identity_follows_the_content_and_nothing_else(root: Path, tmp_path: Path) -> None:
    first = identity(root)
    (root / "notes.txt").write_text("notes")
    assert identity(root) == first
    os.utime(root / PLAIN[0])
    assert identity(root) == first
    copy = tmp_path / "elsewhere"
    root.rename(copy)
    assert identity(copy) == first
    draw(copy / PLAIN[0], 200)
    changed = identity(copy)
    assert changed != first
    put_csv(copy, CSV)
    assert identity(copy) != changed


def test_unchanged_files_are_not_read_again(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []

    def counted(path: Path) -> str:
        read.append(path.name)
        return file_digest(path)

    monkeypatch.setattr(manifest, "file_digest", counted)
    files = list(PLAIN)
    first = content_hashes(root, files)
    assert len(read) == 4
    assert content_hashes(root, reversed(files)) == first
    assert len(read) == 4
    draw(root / files[1], 77)
    second = content_hashes(root, files)
    assert read[4:] == ["2.jpg"]
    assert {name for name in first if first[name] != second[name]} == {PLAIN[1]}
    (root / files[0]).unlink()
    assert set(content_hashes(root, files[1:])) == set(PLAIN[1:])
    content_hashes(root, files[2:])
    content_hashes(root, files[1:])
    assert len(read) == 5  # asking for fewer files forgets nothing of the others


def test_a_damaged_memory_of_hashes_is_made_anew(root: Path, cache: Path) -> None:
    files = list(PLAIN)
    first = content_hashes(root, files)
    (memory,) = (cache / "manifests").iterdir()
    memory.write_text("{")
    assert content_hashes(root, files) == first
