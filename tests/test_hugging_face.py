"""Hugging Face data sets: columns and classes mapped by name, pinned on the hub, read from local folders."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import datasets as hf
import numpy as np
import pytest
from PIL import Image

from ferbench.data.hugging_face import HuggingFace, HuggingFaceOptions
from ferbench.datasource import Site
from ferbench.errors import ConfigError, DataError
from ferbench.options import parse_options

COMMIT = "0123456789abcdef0123456789abcdef01234567"
COLUMNS = {"image": "img", "label": "emotion", "subject": "person"}
CLASSES = {"3": "happiness", "4": "sadness"}


def table(count: int, first: int = 0) -> hf.Dataset:
    """Return images whose grey value is their number, labelled by bare codes 3 and 4."""
    numbers = range(first, first + count)
    pictures = [Image.fromarray(np.full((8, 8, 3), number, dtype=np.uint8)) for number in numbers]
    rows = {
        "img": pictures,
        "emotion": [3 + n % 2 for n in numbers],
        "person": [f"p{n % 3}" for n in numbers],
        "junk": list(numbers),
    }
    return hf.Dataset.from_dict(rows, hf.Features({
        "img": hf.Image(), "emotion": hf.Value("int64"), "person": hf.Value("string"), "junk": hf.Value("int64"),
    }))  # fmt: skip


@pytest.fixture(params=["parquet", "saved to disk"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Return a local folder of either format: train and test."""
    parts = {"train": table(6), "test": table(4, 100)}
    if request.param == "parquet":
        (tmp_path / "faces" / "data").mkdir(parents=True)
        for name, part in parts.items():
            part.to_parquet(tmp_path / "faces" / "data" / f"{name}-00000-of-00001.parquet")
    else:
        hf.DatasetDict(parts).save_to_disk(tmp_path / "faces")
    return tmp_path / "faces"


def source(path: Path | str, **options: Any) -> HuggingFace:
    given = {"path": str(path), "columns": COLUMNS, "classes": CLASSES, **options}
    return HuggingFace(parse_options(HuggingFaceOptions, given, "test"))


def test_columns_and_classes_are_mapped(folder: Path, tmp_path: Path) -> None:
    faces = source(folder)
    data = faces.load(Site(tmp_path / "cache"))
    assert set(data.column_names) == set(faces.columns()) == {"id", "image", "label", "subject", "split"}
    assert data.features["label"].names == ["happiness", "sadness"]
    assert data["label"] == [0, 1, 0, 1, 0, 1, 0, 1, 0, 1]
    assert data["split"] == ["train"] * 6 + ["test"] * 4
    assert data["id"][0] == "train-0000000"
    assert data["subject"][4] == "p1"
    assert np.asarray(data[7]["image"])[0, 0].tolist() == [101, 101, 101]


def test_one_split_is_no_division(folder: Path, tmp_path: Path) -> None:
    data = source(folder, splits={"test": "train"}).load(Site(tmp_path / "cache"))
    assert len(data) == 4
    assert "split" not in data.column_names


def test_the_identity_is_the_content_of_a_folder_and_the_commit_on_the_hub(folder: Path) -> None:
    before = source(folder).identity()
    (folder / "more.txt").write_text("x")
    assert source(folder).identity() != before
    hub = source("user/faces", revision=COMMIT).identity()
    assert hub == {"hub": "user/faces", "config": None, "revision": COMMIT}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"columns": {**COLUMNS, "label": "emotio"}}, r"the column 'emotio'; found .*did you mean 'emotion'"),
        ({"classes": {}}, r"a name in 'classes' for every label; found without: 3, 4"),
        ({"classes": {"3": "happiness"}}, r"a name in 'classes' for every label; found without: 4"),
        ({"splits": {"train": "train", "dev": "test"}}, r"the split 'dev'; found train, test"),
    ],
)
def test_what_does_not_fit_is_told(folder: Path, tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        source(folder, **options).load(Site(tmp_path / "cache"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"path": "user/faces"}, "a revision of 40 hexadecimal digits"),
        ({"path": "user/faces", "revision": "main"}, "a revision of 40 hexadecimal digits"),
        ({"path": "./faces", "columns": {"image": "img"}}, "a column for label as well"),
        ({"path": "./faces", "splits": {"train": "training"}}, "train, validation or test"),
    ],
)
def test_options_that_pin_nothing_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_options(HuggingFaceOptions, options, "test")


def labelled(folder: Path, labels: list[int | None], names: list[str]) -> Path:
    """Write a local data set whose labels are of named classes."""
    features = hf.Features({"img": hf.Image(), "emotion": hf.ClassLabel(names=names)})
    pictures = [Image.fromarray(np.zeros((8, 8, 3), dtype=np.uint8)) for _ in labels]
    data = hf.Dataset.from_dict({"img": pictures, "emotion": labels}, features)
    hf.DatasetDict({"train": data}).save_to_disk(folder / "named")
    return folder / "named"


def test_named_classes_are_kept_or_renamed(tmp_path: Path) -> None:
    path = labelled(tmp_path, [0, 1, 2], ["joy", "fear", "calm"])
    given = {"columns": {"image": "img", "label": "emotion"}, "classes": {"joy": "happiness"}}
    data = source(path, **given).load(Site(tmp_path / "cache"))
    assert data.features["label"].names == ["happiness", "fear", "calm"]
    assert data["label"] == [0, 1, 2]


@pytest.mark.parametrize(
    ("labels", "message"),
    [([0, -1], "a name in 'classes' for every label; found without: -1"), ([0, None], "a label for every image")],
)
def test_images_without_a_label_are_told(tmp_path: Path, labels: list[int | None], message: str) -> None:
    path = labelled(tmp_path, labels, ["joy", "fear"])
    with pytest.raises(DataError, match=message):
        source(path, columns={"image": "img", "label": "emotion"}, classes={}).load(Site(tmp_path / "cache"))


def test_a_folder_that_has_moved_is_the_same_data(folder: Path, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere"
    shutil.copytree(folder, moved)
    assert source(folder).identity() == source(moved).identity()
    assert source(folder).deciding_options() == source(moved).deciding_options()
    assert source(folder).origin() != source(moved).origin()


def test_without_a_network_the_message_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(DataError, match=r"the data set user/faces at 0123.*download it elsewhere"):
        source("user/faces", revision=COMMIT).load(Site(tmp_path / "cache"))
