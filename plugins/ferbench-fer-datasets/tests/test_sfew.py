"""SFEW 2.0: folders are labels, the validation set is the test part, the unlabelled set is not read."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path

import pytest

from ferbench import Site
from ferbench.data.files import FileOptions
from ferbench.data.verify import verify
from ferbench.errors import DataError
from ferbench_fer_datasets.sfew import CLASSES, FOLDERS, Sfew


def test_a_replica_is_read_as_it_was_written(replica, opened, rows):
    folder = replica("sfew")
    data = rows("sfew", folder)
    assert data.column_names == ["id", "image", "label", "split", "film"]
    there = sorted(
        path.relative_to(folder).as_posix() for top in ("Train", "Val") for path in (folder / top).glob("[A-Z]*/*.png")
    )
    assert data["id"] == there
    for row in data.remove_columns("image"):
        top, name, file = row["id"].split("/")
        assert FOLDERS[name] == CLASSES[row["label"]]
        assert row["split"] == {"Train": "train", "Val": "test"}[top]
        assert row["film"] == "_".join(file.split("_")[:-2])
    assert opened("sfew", folder).index.counts == json.loads((folder / "replica.json").read_text())["counts"]


def test_a_replica_verifies(replica, opened, tmp_path):
    found = verify(opened("sfew", replica("sfew")), "sfew", site=Site(tmp_path))
    assert found.images > 80
    assert list(found.findings) == []


def test_the_unlabelled_test_set_is_there_and_not_read(replica, rows):
    folder = replica("sfew")
    assert list((folder / "Test").iterdir())
    assert not any(name.startswith("Test") for name in rows("sfew", folder)["id"])


def test_aligned_faces_that_were_unpacked_in_place_are_not_read(replica, copy_of, opened):
    aligned = {path.parent.parent.name for path in replica("sfew").glob("*/*/*/*.png")}
    assert aligned == {"Train_Aligned_Faces", "Val_Aligned_Faces_new"}
    folder = copy_of("sfew")
    before = opened("sfew", folder).index
    inner = folder / "Val" / "Val_Aligned_Faces_new" / "Val_Aligned_Faces"
    inner.mkdir()
    for name in FOLDERS:
        (inner.parent / name).mkdir(exist_ok=True)
        (inner.parent / name).rename(inner / name)
    after = opened("sfew", folder).index
    assert (after.findings, after.samples) == ([], before.samples)
    assert not any("Aligned" in sample.file for sample in after.samples)


def test_the_release_has_the_numbers_that_its_makers_state():
    official = Sfew(FileOptions()).official()
    assert official["train"] == 958
    assert sum(count for name, count in official.items() if name.startswith("test/")) == 436
    # 54.36 % of Val, as a confusion matrix in print has it: right answers of each class, from its rounded shares.
    shares = {"anger": 0.675, "disgust": 0.087, "fear": 0.085, "happiness": 0.835, "neutral": 0.709}
    for label, share in (shares | {"sadness": 0.397, "surprise": 0.491}).items():
        right = share * official[f"test/{label}"]
        assert right == pytest.approx(round(right), abs=0.05)


def test_a_film_is_told_only_where_the_name_tells_it(copy_of, rows):
    folder = copy_of("sfew")
    first = min((folder / "Val" / "Sad").iterdir())
    first.rename(first.with_name("unnamed.png"))
    data = rows("sfew", folder)
    assert data["film"][data["id"].index("Val/Sad/unnamed.png")] == ""


def lose_a_part(folder: Path) -> str:
    shutil.rmtree(folder / "Val")
    return "the folder Val with a folder for each class"


def rename_a_class(folder: Path) -> str:
    (folder / "Train" / "Angry").rename(folder / "Train" / "Anger")
    return r"8: Train/Anger/.* and 5 more"


def nest_a_class(folder: Path) -> str:
    (folder / "Val" / "Sad").rename(folder / "Val" / "Old")
    (folder / "Val" / "Sad").mkdir()
    (folder / "Val" / "Old").rename(folder / "Val" / "Sad" / "Sad")
    return r"6: Val/Sad/Sad/"


@pytest.mark.parametrize("spoil", [lose_a_part, rename_a_class, nest_a_class])
def test_one_fault_is_one_finding(copy_of, finding, rows, spoil):
    folder = copy_of("sfew")
    match = spoil(folder)
    assert finding("sfew", folder).check == "structure"
    with pytest.raises(DataError, match=match):
        rows("sfew", folder, counts="any")


def test_an_image_in_another_class_shows_in_the_counts(copy_of, opened):
    folder = copy_of("sfew")
    moved = min((folder / "Val" / "Sad").iterdir())
    moved.rename(folder / "Val" / "Happy" / moved.name)
    found = opened("sfew", folder).index.findings
    assert Counter(one.check for one in found) == {"count": 2}
    assert {one.where for one in found} == {"test/sadness", "test/happiness"}
