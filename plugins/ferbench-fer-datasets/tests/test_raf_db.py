"""RAF-DB: its list of labels, both kinds of images, and what can be wrong with a copy."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferbench import Site
from ferbench.data.verify import verify
from ferbench.errors import DataError
from ferbench_fer_datasets.raf_db import BOXES, CODES, LIST, RafDb, RafDbOptions
from ferbench_fer_datasets.wild import cast

ALIGNED = "Image/aligned"


def lines(folder: Path) -> list[str]:
    return (folder / LIST).read_text().splitlines()


def rewrite(folder: Path, lines: list[str]) -> None:
    (folder / LIST).write_text("\n".join(lines))


def test_a_replica_is_read_as_it_was_written(replica, opened, rows):
    folder = replica("raf-db")
    data, listed = rows("raf-db", folder), lines(folder)
    assert data.column_names == ["id", "image", "label", "split"]
    assert [f"{row['id']} {row['label'] + 1}" for row in data.remove_columns("image")] == listed
    assert set(data["split"]) == {"train", "test"}
    assert data[0]["image"].size == (100, 100)
    assert opened("raf-db", folder).index.counts == json.loads((folder / "replica.json").read_text())["counts"]


def test_a_replica_verifies(replica, opened, tmp_path):
    found = verify(opened("raf-db", replica("raf-db")), "raf-db", site=Site(tmp_path))
    assert found.images > 80
    assert list(found.findings) == []


def test_the_last_line_has_no_end(replica):
    assert not (replica("raf-db") / LIST).read_text().endswith("\n")


def test_original_images_on_request_with_the_box_of_the_labelled_face(replica, opened, rows):
    folder = replica("raf-db")
    data = rows("raf-db", folder, images="original")
    assert data.column_names == ["id", "image", "label", "split", "box"]
    assert data[0]["image"].size == (150, 130)
    for row in data.remove_columns("image"):
        path = folder / BOXES / row["id"].replace(".jpg", "_boundingbox.txt")
        assert row["box"] == [float(edge) for edge in path.read_text().split()]
    annotations = set(opened("raf-db", folder, images="original").index.annotations)
    assert annotations == {LIST, *(f"{BOXES}{path.name}" for path in (folder / BOXES).iterdir())}
    assert set(opened("raf-db", folder).index.annotations) == {LIST}  # an aligned image is cut to its face
    found = verify(opened("raf-db", folder, images="original"), "raf-db", site=Site(folder.parent))
    assert list(found.findings) == []


def test_boxes_came_with_version_1_1(copy_of, opened, rows):
    folder = copy_of("raf-db")
    shutil.rmtree(folder / "Annotation")
    assert opened("raf-db", folder, images="original").index.findings == []
    assert "box" not in rows("raf-db", folder, images="original").column_names


def test_the_archive_s_own_folder_may_stand_between(copy_of, opened):
    folder = copy_of("raf-db")
    before = opened("raf-db", folder, images="original").index.samples
    (folder / "basic").mkdir()
    for name in ("EmoLabel", "Image", "Annotation"):
        (folder / name).rename(folder / "basic" / name)
    # Whoever asked for both has the compound set beside it.
    (folder / "compound" / "EmoLabel").mkdir(parents=True)
    (folder / "compound" / LIST).write_text("train_00001.jpg 11")
    for images in ("original", "aligned"):
        index = opened("raf-db", folder, images=images).index
        assert index.findings == []
        assert [(one.id, one.label) for one in index.samples] == [(one.id, one.label) for one in before]
    assert [one.columns for one in opened("raf-db", folder, images="original").index.samples] == [
        one.columns for one in before
    ]
    assert all(one.file.startswith("basic/Image/aligned/") for one in index.samples)


def test_two_copies_in_one_folder_are_a_finding(copy_of, finding):
    folder = copy_of("raf-db")
    (folder / "old" / "EmoLabel").mkdir(parents=True)
    shutil.copy(folder / LIST, folder / "old" / LIST)
    found = finding("raf-db", folder)
    assert found.check == "structure"
    assert set(found.items) == {".", "old/"}


def test_the_release_has_the_numbers_that_its_makers_state():
    official = RafDb(RafDbOptions()).official()
    assert sum(n for name, n in official.items() if name.startswith("train/")) == 12271
    assert sum(n for name, n in official.items() if name.startswith("test/")) == 3068
    assert official["train/happiness"] == 4772
    assert official["test/disgust"] == 160


def test_classes_that_changed_places_show_in_the_counts(replica):
    counts = json.loads((replica("raf-db") / "replica.json").read_text())["counts"]
    assert len({counts[f"train/{label}"] for label in CODES}) >= 4


@given(
    sizes=st.dictionaries(
        st.sampled_from(["train", "validation", "test"]),
        st.dictionaries(st.sampled_from(CODES), st.integers(1, 9), min_size=1),
        min_size=1,
    ),
    people=st.integers(1, 30),
    seed=st.integers(0, 99),
)
def test_people_of_replicas_are_in_one_part_only(sizes, people, seed):
    roles = cast(sizes, people, seed)
    assert [role.person for role in roles] == sorted(role.person for role in roles)
    for part, wanted in sizes.items():
        inside = [role for role in roles if role.part == part]
        assert Counter(role.label for role in inside) == wanted
        assert [role.number for role in inside] == list(range(1, len(inside) + 1))
        assert not {role.person for role in inside} & {role.person for role in roles if role.part != part}


def drop_list(folder: Path) -> str:
    (folder / LIST).unlink()
    return "no such file"


def break_a_line(folder: Path) -> str:
    rewrite(folder, ["train_00001.jpg", *lines(folder)[1:]])
    return "1: train_00001.jpg"


def exceed_the_codes(folder: Path) -> str:
    rewrite(folder, ["train_00001.jpg 8", *lines(folder)[1:]])
    return "1: train_00001.jpg 8"


def list_an_image_twice(folder: Path) -> str:
    rewrite(folder, [*lines(folder), lines(folder)[0]])
    return "1: train_00001.jpg"


def compound(folder: Path) -> str:
    rewrite(folder, [f"{line.split()[0]} {number % 11 + 1}" for number, line in enumerate(lines(folder))])
    return "the list of the compound set"


def lose_an_image(folder: Path) -> str:
    (folder / ALIGNED / "train_00002_aligned.jpg").unlink()
    return "1: Image/aligned/train_00002_aligned.jpg"


def add_an_image(folder: Path) -> str:
    shutil.copy(folder / ALIGNED / "train_00002_aligned.jpg", folder / ALIGNED / "train_99999_aligned.jpg")
    return "1: Image/aligned/train_99999_aligned.jpg"


@pytest.mark.parametrize(
    ("spoil", "check"),
    [
        (drop_list, "structure"),
        (break_a_line, "annotation"),
        (exceed_the_codes, "annotation"),
        (list_an_image_twice, "annotation"),
        (compound, "structure"),
        (lose_an_image, "missing-image"),
        (add_an_image, "unannotated-image"),
    ],
)
def test_one_fault_is_one_finding(copy_of, finding, rows, spoil, check):
    folder = copy_of("raf-db")
    match = spoil(folder)
    found = finding("raf-db", folder)
    assert found.check == check
    with pytest.raises(DataError, match=match):
        rows("raf-db", folder, counts="any")


def box_of(folder: Path, stem: str) -> Path:
    return folder / BOXES / f"{stem}_boundingbox.txt"


def forget_a_box(folder: Path) -> str:
    box_of(folder, "train_00002").unlink()
    return "a box for every image.*; found 1: train_00002.jpg"


def spoil_a_box(folder: Path) -> str:
    box_of(folder, "train_00002").write_text("10 20 nan 140")
    return "four numbers.*; found 1: .*train_00002_boundingbox.txt"


def turn_a_box(folder: Path) -> str:
    box_of(folder, "test_0003").write_text("110 20 10 140")
    return "four numbers.*; found 1: .*test_0003_boundingbox.txt"


def cut_a_box(folder: Path) -> str:
    box_of(folder, "test_0003").write_text("110 20 130")
    return "four numbers.*; found 1: .*test_0003_boundingbox.txt"


@pytest.mark.parametrize("spoil", [forget_a_box, spoil_a_box, turn_a_box, cut_a_box])
def test_one_wrong_box_is_one_finding_where_boxes_are_read(copy_of, finding, opened, rows, spoil):
    folder = copy_of("raf-db")
    match = spoil(folder)
    assert finding("raf-db", folder, images="original").check == "annotation"
    with pytest.raises(DataError, match=match):
        rows("raf-db", folder, images="original")
    assert opened("raf-db", folder).index.findings == []


def test_other_numbers_stop_a_run_unless_they_are_accepted(copy_of, opened, rows):
    folder = copy_of("raf-db")
    gone, *kept = lines(folder)
    rewrite(folder, kept)
    (folder / ALIGNED / gone.split()[0].replace(".jpg", "_aligned.jpg")).unlink()
    found = opened("raf-db", folder).index.findings
    assert [one.check for one in found] == ["count"]
    assert found[0].where == f"train/{CODES[int(gone.split()[1]) - 1]}"
    with pytest.raises(DataError, match="expected"):
        rows("raf-db", folder)
    assert len(rows("raf-db", folder, counts="any")) == len(kept)


def test_of_a_real_copy_the_official_numbers_are_expected(copy_of, opened):
    folder = copy_of("raf-db")
    (folder / "replica.json").unlink()
    found = opened("raf-db", folder).index.findings
    assert {one.where for one in found} == {f"{part}/{label}" for part in ("train", "test") for label in CODES}
    assert next(one for one in found if one.where == "train/happiness").expected == "4772"
