"""LFW: the person is the label; the pairs for verification, checked against the images."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from ferbench import Site
from ferbench.data.files import FileOptions
from ferbench.data.verify import verify
from ferbench.errors import DataError
from ferbench_fer_datasets.lfw import Lfw, read_pairs

LIST = "pairs.txt"


def lines(folder: Path) -> list[str]:
    return (folder / LIST).read_text().splitlines()


def rewrite(folder: Path, lines: list[str]) -> None:
    (folder / LIST).write_text("".join(f"{line}\n" for line in lines))


def test_a_replica_is_read_as_it_was_written(replica, opened, rows):
    folder = replica("lfw")
    data = rows("lfw", folder)
    people = sorted(path.name for path in (folder / "lfw").iterdir())
    assert data.column_names == ["id", "image", "label", "subject"]
    assert data.features["label"].names == people
    for row in data.remove_columns("image"):
        assert row["subject"] == people[row["label"]]
        assert (folder / "lfw" / row["subject"] / f"{row['id']}.jpg").is_file()
    assert data[0]["image"].size == (250, 250)
    assert opened("lfw", folder).index.counts == json.loads((folder / "replica.json").read_text())["counts"]


def test_a_replica_verifies(replica, opened, tmp_path):
    found = verify(opened("lfw", replica("lfw")), "lfw", site=Site(tmp_path))
    assert found.images > 80
    assert list(found.findings) == []


def test_some_people_have_one_image(replica, opened):
    images = Counter(sample.label for sample in opened("lfw", replica("lfw")).index.samples)
    assert min(images.values()) == 1
    assert max(images.values()) > 3


def test_the_release_has_the_numbers_that_its_makers_state():
    assert Lfw(FileOptions()).official() == {"images": 13233, "subjects": 5749, "pairs": 6000}


def test_pairs_come_in_ten_folds_with_as_many_of_either_kind(replica, opened):
    folder = replica("lfw")
    pairs = read_pairs(folder)
    subjects = {sample.id: sample.label for sample in opened("lfw", folder).index.samples}
    assert len(pairs.folds) == 10
    for fold in pairs.folds:
        assert [pair.same for pair in fold] == [True] * 3 + [False] * 3
        for pair in fold:
            assert pair.first != pair.second
            assert (subjects[pair.first] == subjects[pair.second]) == pair.same
    people = [{subjects[name] for pair in fold for name in (pair.first, pair.second)} for fold in pairs.folds]
    assert sum(map(len, people)) == len(set().union(*people))  # nobody is in two folds
    name, one, two = lines(folder)[1].split()
    assert pairs.folds[0][0].first == f"{name}_{int(one):04d}"
    assert pairs.folds[0][0].second == f"{name}_{int(two):04d}"


def test_only_the_pairs_need_the_list(copy_of, opened, rows):
    folder = copy_of("lfw")
    (folder / LIST).unlink()
    (found,) = opened("lfw", folder).index.findings
    assert (found.check, found.expected, found.found, found.where) == ("count", "60", "0", "pairs")
    with pytest.raises(DataError, match="pairs"):
        rows("lfw", folder)
    assert len(rows("lfw", folder, counts="any")) > 80
    with pytest.raises(DataError, match="the list of pairs; found no such file"):
        read_pairs(folder)


def forget_a_pair(folder: Path) -> str:
    rewrite(folder, lines(folder)[:-1])
    return "60 lines, the first '10 3'"


def empty_the_list(folder: Path) -> str:
    rewrite(folder, [])
    return "0 lines"


def break_a_pair(folder: Path) -> str:
    rewrite(folder, [lines(folder)[0], lines(folder)[1].replace("\t1\t", "\tone\t"), *lines(folder)[2:]])
    return "1: .* one 2"


def swap_kinds(folder: Path) -> str:
    head, *pairs = lines(folder)
    rewrite(folder, [head, *pairs[:2], pairs[3], pairs[2], *pairs[4:]])
    return "^.*2: "


def pair_with_nobody(folder: Path) -> str:
    head, first, *rest = lines(folder)
    rewrite(folder, [head, f"{first.split()[0]}\t1\t9", *rest])
    return "1: .*_0009"


@pytest.mark.parametrize(
    ("spoil", "check"),
    [
        (forget_a_pair, "annotation"),
        (empty_the_list, "annotation"),
        (break_a_pair, "annotation"),
        (swap_kinds, "annotation"),
        (pair_with_nobody, "missing-image"),
    ],
)
def test_a_fault_in_the_pairs_is_one_finding(copy_of, finding, rows, spoil, check):
    folder = copy_of("lfw")
    match = spoil(folder)
    assert finding("lfw", folder).check == check
    with pytest.raises(DataError, match=match):
        rows("lfw", folder, counts="any")
    with pytest.raises(DataError, match=match):
        read_pairs(folder)


def test_an_image_that_is_named_after_nobody_is_a_finding(copy_of, finding):
    folder = copy_of("lfw")
    person = min((folder / "lfw").iterdir())
    last = max(person.iterdir())
    last.rename(person / "portrait.jpg")
    found = finding("lfw", folder)
    assert found.check == "structure"
    assert found.items == (f"lfw/{person.name}/portrait.jpg",)


def test_the_folders_of_people_may_lie_one_level_up(copy_of, opened):
    folder = copy_of("lfw")
    before = opened("lfw", folder).index
    for person in list((folder / "lfw").iterdir()):
        person.rename(folder / person.name)
    after = opened("lfw", folder).index
    assert after.findings == []
    assert [sample.id for sample in after.samples] == [sample.id for sample in before.samples]
