"""AffectNet: two releases, seven or eight classes, five points of sixty-eight, and what can be wrong with a copy."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from ferbench import Site
from ferbench.data.verify import verify
from ferbench.errors import DataError
from ferbench_fer_datasets.affectnet import HEADER, LACKING, AffectNet7, AffectNet8, AffectNetOptions
from ferbench_fer_datasets.arrays import read_array

TRAINING = "Manually_Annotated_file_lists/training.csv"
VALIDATION = "Manually_Annotated_file_lists/validation.csv"
NAMES = ("neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger", "contempt")


def lines(folder: Path, file: str = TRAINING) -> list[str]:
    return (folder / file).read_text().splitlines()


def rated(folder: Path) -> int:
    """Return which line is the first happy face."""
    return next(number for number, line in enumerate(lines(folder)) if line.split(",")[6] == "1")


def change(folder: Path, column: str, value: str) -> None:
    """Change a value in the line of the first happy face."""
    table = [line.split(",") for line in lines(folder)]
    table[rated(folder)][HEADER.index(column)] = value
    (folder / TRAINING).write_text("".join(f"{','.join(row)}\n" for row in table))


def stem(folder: Path, code: int) -> Path:
    """Return the path of a training image's annotations but for their ending."""
    files = sorted((folder / "train_set" / "annotations").glob("*_exp.npy"))
    first = next(file for file in files if np.load(file) == str(code))
    return first.with_name(first.name.removesuffix("_exp.npy"))


def test_the_lists_are_read_as_they_were_written(replica, opened, rows):
    folder = replica("affectnet-7")
    data = rows("affectnet-7", folder)
    assert data.column_names == ["id", "image", "label", "split", "valence", "arousal", "landmarks", "box"]
    assert data.features["label"].names == list(NAMES[:7])
    table = list(csv.reader([*lines(folder)[1:], *lines(folder, VALIDATION)]))
    kept = [row for row in table if int(row[6]) < 7 and row[0] not in LACKING]
    assert {int(row[6]) for row in table} == set(range(11))
    for row, values in zip(data.remove_columns("image"), kept, strict=True):
        assert row["id"] == values[0]
        assert row["label"] == int(values[6])
        x, y, width, height = map(float, values[1:5])
        assert row["box"] == [x, y, x + width, y + height]
        assert [row["valence"], row["arousal"]] == pytest.approx([float(values[7]), float(values[8])], abs=1e-6)
        marks = np.asarray(values[5].split(";"), dtype=float).reshape(68, 2)
        assert row["landmarks"][0] == pytest.approx(marks[36:42].mean(axis=0), abs=1e-3)
        assert row["landmarks"][4] == pytest.approx(marks[54], abs=1e-3)
    training = {row[0] for row in csv.reader(lines(folder))}
    train = sum(row[0] in training for row in kept)
    assert data["split"] == ["train"] * train + ["test"] * (len(kept) - train)
    source = opened("affectnet-7", folder)
    assert source.index.counts == json.loads((folder / "replica.json").read_text())["counts"]


def test_the_folders_are_read_as_they_were_written(replica, opened, rows):
    folder = replica("affectnet-8")
    data = rows("affectnet-8", folder)
    assert data.column_names == ["id", "image", "label", "split", "valence", "arousal", "landmarks"]
    assert data.features["label"].names == list(NAMES)
    for row in data.remove_columns("image"):
        part, name = row["id"].split("/")
        assert row["split"] == {"train_set": "train", "val_set": "test"}[part]
        exp, val, aro, lnd = (
            np.load(folder / part / "annotations" / f"{name}_{k}.npy") for k in ("exp", "val", "aro", "lnd")
        )
        assert row["label"] == int(exp)
        assert [row["valence"], row["arousal"]] == pytest.approx([float(val), float(aro)], abs=1e-6)
        marks = lnd.reshape(68, 2)
        derived = [marks[36:42].mean(axis=0), marks[42:48].mean(axis=0), marks[30], marks[48], marks[54]]
        assert np.asarray(row["landmarks"]) == pytest.approx(np.asarray(derived), abs=1e-4)
    there = len(list(folder.glob("*/images/*.jpg")))
    assert there - len(data) == 2 * 3 * 2  # two images of each of the codes 8, 9, 10 in both parts
    source = opened("affectnet-8", folder)
    assert source.index.counts == json.loads((folder / "replica.json").read_text())["counts"]


@pytest.mark.parametrize("name", ["affectnet-7", "affectnet-8"])
def test_valence_and_arousal_are_kept_from_methods(registry, name):
    assert registry.dataset(name, "a test").entry.card.label_columns == ("valence", "arousal")


@pytest.mark.parametrize("name", ["affectnet-7", "affectnet-8"])
def test_a_replica_verifies_boxes_included(replica, opened, tmp_path, name):
    found = verify(opened(name, replica(name)), name, site=Site(tmp_path))
    assert found.images > 60
    assert list(found.findings) == []


def test_contempt_is_one_class_more_and_nothing_else(copy_of, opened):
    folder = copy_of("affectnet-7")
    seven = opened("affectnet-7", folder).index.samples
    (folder / "replica.json").unlink()
    eight = opened("affectnet-8", folder, counts="any").index.samples
    assert [sample for sample in eight if sample.label != "contempt"] == seven
    assert len(eight) > len(seven)


def test_a_replica_of_seven_classes_is_none_of_eight(replica, opened):
    with pytest.raises(DataError, match="a replica of affectnet-7"):
        _ = opened("affectnet-8", replica("affectnet-7")).index


def test_the_newer_release_has_the_numbers_that_its_makers_state():
    for kind, train, test in ((AffectNet7, 283901, 3500), (AffectNet8, 287651, 3999)):
        official = kind(AffectNetOptions(release="folders")).official()
        assert sum(n for name, n in official.items() if name.startswith("train/")) == train
        assert sum(n for name, n in official.items() if name.startswith("test/")) == test
        assert ("train/contempt" in official) == (kind is AffectNet8)


def test_of_the_older_release_only_the_certain_numbers_are_stated():
    official = AffectNet8(AffectNetOptions(release="lists")).official()
    assert official == {f"test/{label}": 500 for label in NAMES}


def test_images_that_the_release_itself_lacks_are_left_out(replica, rows, registry):
    folder = replica("affectnet-7")
    listed = [line.split(",")[0] for line in lines(folder)]
    assert {*LACKING} <= {*listed}
    absent, empty = (folder / "Manually_Annotated_Images" / file for file in LACKING)
    assert not absent.exists()
    assert empty.stat().st_size == 0
    assert not {*LACKING} & {*rows("affectnet-7", folder)["id"]}
    for name in ("affectnet-7", "affectnet-8"):
        notes = registry.dataset(name, "a test").entry.card.notes
        assert all(f"{file} ({what})" in notes for file, what in LACKING.items())


def test_a_training_list_may_be_off_by_the_images_that_the_release_lacks(copy_of, opened, monkeypatch):
    folder = copy_of("affectnet-7")
    (folder / "replica.json").unlink()
    written = Counter(line.split(",")[6] for line in lines(folder)[1:] if line.split(",")[0] not in LACKING)
    actual = [written[str(code)] for code in range(8)]

    def off(number: int) -> list[str]:
        printed = (actual[0] + number, *actual[1:])
        monkeypatch.setattr("ferbench_fer_datasets.affectnet.TRAIN", printed)
        found = opened("affectnet-7", folder).index.findings
        assert {one.check for one in found} == {"count"}
        return [one.where for one in found if one.where.startswith("train/")]

    assert [off(number) for number in (-3, -2, 0, 2, 3)] == [["train/neutral"], [], [], [], ["train/neutral"]]
    monkeypatch.undo()
    found = {one.where: one.expected for one in opened("affectnet-7", folder).index.findings}
    assert found["train/happiness"] == "134415, give or take 2"


def test_the_newer_release_is_identified_by_what_its_annotations_say(copy_of, opened):
    folder = copy_of("affectnet-8")
    source = opened("affectnet-8", folder)
    before = source.identity()
    assert not any(file.endswith(".npy") for file in before["files"])
    assert source.annotation_hashes() == {}
    path = Path(f"{stem(folder, 2)}_val.npy")
    np.save(path, np.asarray(float(np.load(path))))  # the same number, no longer as a text
    assert opened("affectnet-8", folder).identity() == before
    np.save(path, np.asarray("0.125"))
    changed = opened("affectnet-8", folder)
    assert changed.identity()["annotations"] != before["annotations"]
    assert changed.identity()["files"] == before["files"]
    assert opened("affectnet-8", folder, annotations="expression").identity()["annotations"] not in {
        before["annotations"],
        changed.identity()["annotations"],
    }


def test_the_lists_are_identified_by_their_bytes(replica, opened):
    identity = opened("affectnet-7", replica("affectnet-7")).identity()
    assert {TRAINING, VALIDATION} <= set(identity["files"])
    assert "annotations" not in identity


def test_what_was_remembered_of_the_annotations_is_forgotten_when_one_changes(copy_of, opened, monkeypatch):
    monkeypatch.setattr("ferbench.data.index_memory.WORTH_SECONDS", -1.0)
    folder = copy_of("affectnet-8")
    before = opened("affectnet-8", folder).identity()
    with monkeypatch.context() as patch:
        patch.setattr("ferbench_fer_datasets.affectnet.AffectNet.read", None)  # not called: it is remembered
        assert opened("affectnet-8", folder).identity() == before
    path = Path(f"{stem(folder, 2)}_aro.npy")
    np.save(path, np.asarray("0.125"))
    assert opened("affectnet-8", folder).identity() != before


def test_the_expression_alone_on_request(replica, opened, rows):
    for name in ("affectnet-7", "affectnet-8"):
        everything, less = opened(name, replica(name)), opened(name, replica(name), annotations="expression")
        assert rows(name, replica(name), annotations="expression").column_names == ["id", "image", "label", "split"]
        assert [(s.id, s.label) for s in less.index.samples] == [(s.id, s.label) for s in everything.index.samples]
    read = [file for file in less.index.annotations if file.endswith(".npy")]
    assert read
    assert all(file.endswith("_exp.npy") for file in read)


def test_a_folder_with_both_releases_needs_a_choice(copy_of, replica, finding, opened):
    folder = copy_of("affectnet-7")
    for part in ("train_set", "val_set"):
        (folder / part).symlink_to(replica("affectnet-8") / part)
    found = finding("affectnet-7", folder)
    assert found.check == "structure"
    assert found.found == "both; the option 'release' says which to read"
    lists = opened("affectnet-7", folder, release="lists").index
    folders = opened("affectnet-7", folder, release="folders").index
    assert lists.findings == []
    assert lists.samples[0].id.endswith(".jpg")
    assert folders.samples[0].id.startswith("train_set/")


def test_the_second_list_may_have_a_header_too(copy_of, opened):
    folder = copy_of("affectnet-7")
    assert not lines(folder, VALIDATION)[0].startswith(HEADER[0])
    (folder / VALIDATION).write_text("\n".join([",".join(HEADER), *lines(folder, VALIDATION)]))
    assert opened("affectnet-7", folder).index.findings == []


def test_images_may_lie_where_the_archives_unpack(copy_of, opened):
    folder = copy_of("affectnet-7")
    before = opened("affectnet-7", folder).index.samples
    (folder / "Manually_Annotated").mkdir()
    (folder / "Manually_Annotated_Images").rename(folder / "Manually_Annotated" / "Manually_Annotated_Images")
    index = opened("affectnet-7", folder).index
    assert index.findings == []
    assert [sample.id for sample in index.samples] == [sample.id for sample in before]


def test_what_was_not_rated_or_not_located_is_missing(copy_of, rows):
    folder = copy_of("affectnet-7")
    table, number = [line.split(",") for line in lines(folder)], rated(folder)
    table[number][1:6], table[number][7:] = ["NULL"] * 5, ["-2", "-2"]
    (folder / TRAINING).write_text("".join(f"{','.join(row)}\n" for row in table))
    data = rows("affectnet-7", folder)
    row = data[data["id"].index(table[number][0])]
    assert np.isnan([row["valence"], row["arousal"], *row["box"], *np.ravel(row["landmarks"])]).all()


LISTS_FAULTS = {
    "no list": (lambda f: (f / VALIDATION).unlink(), "structure", "the list of the test part; found no such file"),
    "code": (lambda f: change(f, "expression", "11"), "annotation", "1: line .*: the expression 11"),
    "half a code": (lambda f: change(f, "expression", "1.5"), "annotation", "1: line .*: the expression 1.5"),
    "word": (lambda f: change(f, "expression", "happy"), "annotation", "1: line .*: could not convert"),
    "points": (lambda f: change(f, "facial_landmarks", "1.0;2.0"), "annotation", "1: line .*: 1 points, not 68"),
    "nan": (
        lambda f: change(f, "facial_landmarks", ";".join(["nan"] * 136)),
        "annotation",
        "1: line .*: points without a place",
    ),
    "valence": (lambda f: change(f, "valence", "1.5"), "annotation", "1: line .*: the valence 1.5"),
    "arousal": (lambda f: change(f, "arousal", "nan"), "annotation", "1: line .*: the arousal nan"),
    "box": (lambda f: change(f, "face_width", "0"), "annotation", "1: line .*: a face of 0 × "),
    "columns": (lambda f: change(f, "arousal", "0.1,0.2"), "annotation", "1: line .*: 10 values, not 9"),
    "image": (
        lambda f: (f / "Manually_Annotated_Images" / lines(f)[rated(f)].split(",")[0]).unlink(),
        "missing-image",
        "1: Manually_Annotated_Images/1",
    ),
}


@pytest.mark.parametrize("fault", LISTS_FAULTS)
def test_one_fault_of_the_lists_is_one_finding(copy_of, finding, rows, fault):
    folder = copy_of("affectnet-7")
    spoil, check, match = LISTS_FAULTS[fault]
    spoil(folder)
    assert finding("affectnet-7", folder).check == check
    with pytest.raises(DataError, match=match):
        rows("affectnet-7", folder, counts="any")


def save(folder: Path, kind: str, value: object, code: int = 2) -> None:
    np.save(f"{stem(folder, code)}_{kind}.npy", np.asarray(value))


def cut_off(folder: Path) -> None:
    path = Path(f"{stem(folder, 2)}_lnd.npy")
    path.write_bytes(path.read_bytes()[:-5])


def lose_an_image(folder: Path) -> None:
    (folder / "train_set" / "images" / f"{stem(folder, 2).name}.jpg").unlink()


def add_an_image(folder: Path) -> None:
    images = folder / "val_set" / "images"
    (images / "99999.jpg").write_bytes(next(images.glob("*.jpg")).read_bytes())


FOLDERS_FAULTS = {
    "code": (lambda f: save(f, "exp", "11"), "annotation", "1: train_set/annotations/.*: the expression 11"),
    "word": (lambda f: save(f, "exp", "sad"), "annotation", "1: train_set/annotations/.*: could not convert"),
    "several": (lambda f: save(f, "val", [0.1, 0.2]), "annotation", "2 values in val.npy"),
    "points": (lambda f: save(f, "lnd", np.zeros(10)), "annotation", "5 points, not 68"),
    "arousal": (lambda f: save(f, "aro", "1.2"), "annotation", "the arousal 1.2"),
    "cut off": (cut_off, "annotation", "not 136 values of float64"),
    "no valence": (lambda f: Path(f"{stem(f, 2)}_val.npy").unlink(), "annotation", "no val.npy"),
    "no expression": (lambda f: Path(f"{stem(f, 2)}_exp.npy").unlink(), "unannotated-image", "1: train_set/images/"),
    "one more": (add_an_image, "unannotated-image", "1: val_set/images/99999.jpg"),
    "one less": (lose_an_image, "missing-image", "1: train_set/images/"),
    "no part": (lambda f: (f / "val_set").rename(f / "validation_set"), "structure", "val_set/annotations/0_exp.npy"),
}


@pytest.mark.parametrize("fault", FOLDERS_FAULTS)
def test_one_fault_of_the_folders_is_one_finding(copy_of, finding, rows, fault):
    folder = copy_of("affectnet-8")
    spoil, check, match = FOLDERS_FAULTS[fault]
    spoil(folder)
    assert finding("affectnet-8", folder).check == check
    with pytest.raises(DataError, match=match):
        rows("affectnet-8", folder, counts="any")


def test_a_folder_with_neither_release(tmp_path, finding):
    (tmp_path / "readme.txt").write_text("")
    found = finding("affectnet-7", tmp_path)
    assert (found.check, found.found) == ("structure", "neither")


@given(
    arrays.arrays(
        st.sampled_from([np.dtype("<f8"), np.dtype("<f4"), np.dtype("<i8"), np.dtype("<U5"), np.dtype(">f8")]),
        arrays.array_shapes(min_dims=0, max_dims=3, max_side=4),
    ),
    st.booleans(),
)
def test_arrays_are_read_as_numpy_reads_them(tmp_path_factory, array, fortran):
    path = tmp_path_factory.mktemp("arrays") / "array.npy"
    np.save(path, np.asfortranarray(array) if fortran else array)
    expected, found = np.load(path), read_array(str(path))
    assert found.dtype == expected.dtype
    assert found.shape == expected.shape
    np.testing.assert_array_equal(found, expected)


def test_python_objects_are_never_unpickled(tmp_path):
    stream = io.BytesIO()
    np.save(stream, np.asarray([{"a": 1}], dtype=object), allow_pickle=True)
    (tmp_path / "array.npy").write_bytes(stream.getvalue())
    with pytest.raises(ValueError, match="object"):
        read_array(str(tmp_path / "array.npy"))
    (tmp_path / "text.npy").write_text("no array")
    with pytest.raises(ValueError, match="pickle"):
        read_array(str(tmp_path / "text.npy"))
