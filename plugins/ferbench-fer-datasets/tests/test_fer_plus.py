"""FER+: two files joined by row, votes that become labels by a named rule, and what can be wrong with a copy."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ferbench import Site
from ferbench.data.verify import verify
from ferbench.errors import DataError
from ferbench_fer_datasets.fer_plus import CLASSES, VOTES, FerPlus, FerPlusOptions, label_of

PIXELS = "fer2013.csv"
NAMES = ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt", "unknown", "NF")

ballots = st.lists(st.integers(0, 9), min_size=1, max_size=10).map(lambda votes: [votes.count(c) for c in range(10)])
"""Each of up to ten people names one of ten."""


def lines(folder: Path, file: str = VOTES) -> list[str]:
    return (folder / file).read_text().splitlines()


def rewrite(folder: Path, lines: list[str], file: str = VOTES) -> None:
    (folder / file).write_text("".join(f"{line}\n" for line in lines))


def votes_of(folder: Path) -> list[list[int]]:
    return [[int(count) for count in row[2:]] for row in csv.reader(lines(folder)[1:])]


def test_a_replica_is_read_as_it_was_written(replica, opened, rows):
    folder = replica("fer-plus")
    data = rows("fer-plus", folder)
    assert data.column_names == ["id", "image", "label", "split", "votes", "mixture"]
    assert data.features["label"].names == list(CLASSES)
    votes, images = votes_of(folder), lines(folder, PIXELS)[1:]
    for row in data:
        number = int(row["id"])
        _, pixels, usage = images[number].split(",")
        assert np.asarray(row["image"]).ravel().tolist() == [int(value) for value in pixels.split()]
        assert row["votes"] == votes[number]
        assert row["split"] == {"Training": "train", "PublicTest": "validation", "PrivateTest": "test"}[usage]
    source = opened("fer-plus", folder)
    assert source.index.counts == json.loads((folder / "replica.json").read_text())["counts"]


def test_votes_and_mixture_are_kept_from_methods(registry):
    assert registry.dataset("fer-plus", "a test").entry.card.label_columns == ("votes", "mixture")


def test_a_replica_verifies(replica, opened, tmp_path):
    found = verify(opened("fer-plus", replica("fer-plus")), "fer-plus", site=Site(tmp_path))
    assert found.images > 80
    assert list(found.findings) == []


def test_mixtures_are_the_shares_of_the_classes_in_their_order(replica, rows):
    for row in rows("fer-plus", replica("fer-plus")):
        named = row["votes"][:8]
        assert sum(row["mixture"]) == pytest.approx(1)
        assert row["mixture"] == pytest.approx([count / sum(named) for count in named])
        assert np.argmax(row["mixture"]) == row["label"]


def test_a_replica_has_the_release_s_odd_rows(replica):
    folder = replica("fer-plus")
    ballots, table = votes_of(folder), list(csv.reader(lines(folder)[1:]))
    names = Counter(row[1] for row in table)
    assert names.pop("") == 3
    assert all(votes[-1] == 10 for votes, row in zip(ballots, table, strict=True) if not row[1])
    assert max(names.values()) == 2
    assert 9 in map(sum, ballots)
    assert any(votes.count(max(votes)) > 1 for votes in ballots)
    numbers = [int(row[1][3:-4]) for row in table if row[1]]
    assert numbers != list(range(len(numbers)))


def test_rows_without_a_label_are_left_out_and_the_others_keep_their_numbers(replica, rows):
    folder = replica("fer-plus")
    kept = [f"{number:05d}" for number, votes in enumerate(votes_of(folder)) if label_of(votes) is not None]
    data = rows("fer-plus", folder)
    assert data["id"] == kept
    assert 0 < len(kept) < len(votes_of(folder))


@pytest.mark.parametrize("rule", ["majority", "plurality", "emotions"])
@pytest.mark.parametrize("ties", ["leave-out", "first"])
def test_options_choose_the_rule_and_the_counts_stay_comparable(replica, opened, rule, ties):
    folder = replica("fer-plus")
    source = opened("fer-plus", folder, labels=rule, ties=ties)
    labels = [label_of(votes, rule, ties) for votes in votes_of(folder)]
    assert [sample.label for sample in source.index.samples] == [label for label in labels if label is not None]
    assert source.index.findings == []


def test_the_rules_differ_where_they_should():
    assert label_of([5, 5, 0, 0, 0, 0, 0, 0, 0, 0]) is None
    assert label_of([5, 5, 0, 0, 0, 0, 0, 0, 0, 0], "plurality") is None
    assert label_of([5, 5, 0, 0, 0, 0, 0, 0, 0, 0], "plurality", "first") == "neutral"
    assert label_of([0, 4, 0, 3, 0, 0, 0, 0, 3, 0]) is None
    assert label_of([0, 4, 0, 3, 0, 0, 0, 0, 3, 0], "plurality") == "happiness"
    assert label_of([0, 3, 0, 0, 0, 0, 0, 0, 7, 0]) is None
    assert label_of([0, 3, 0, 0, 0, 0, 0, 0, 7, 0], "plurality") is None
    assert label_of([0, 3, 0, 0, 0, 0, 0, 0, 7, 0], "emotions") == "happiness"
    assert (
        label_of([0, 5, 0, 3, 0, 0, 0, 0, 1, 1]) == "happiness"
    )  # more than half of the eight that are no single votes
    assert label_of([1, 1, 1, 1, 1, 1, 1, 1, 1, 1]) is None
    assert label_of([0, 0, 0, 0, 0, 0, 0, 0, 0, 10], "emotions", "first") is None


@given(ballots)
def test_a_majority_is_what_more_people_than_all_others_together_named(votes):
    people = [name for name, count in zip(NAMES, votes, strict=True) for _ in range(count)]
    heard = [name for name in people if people.count(name) > 1]
    winners = {name for name in heard if sum(other == name for other in heard) > sum(other != name for other in heard)}
    expected = winners.pop() if winners else None
    assert label_of(votes) == (expected if expected in CLASSES else None)


@given(ballots)
def test_a_plurality_is_who_beats_each_other_one_by_one(votes):
    beats = [
        name
        for place, name in enumerate(NAMES)
        if all(votes[place] > count for other, count in enumerate(votes) if other != place)
    ]
    assert label_of(votes, "plurality") == (beats[0] if beats and beats[0] in CLASSES else None)


@given(ballots)
def test_the_first_of_tied_classes_is_an_argmax(votes):
    place = int(np.argmax(votes))
    assert label_of(votes, "plurality", "first") == (CLASSES[place] if place < 8 else None)
    assume(sum(votes[:8]) > 0)
    assert label_of(votes, "emotions", "first") == CLASSES[int(np.argmax(votes[:8]))]


def test_the_release_has_the_numbers_that_were_counted_in_it():
    official = FerPlus(FerPlusOptions()).official()
    assert [official[part] for part in ("train", "validation", "test")] == [28709, 3589, 3589]
    assert official["unnamed"] == 173
    assert sum(n for name, n in official.items() if name.startswith("train/")) == 25060


def drop_votes(folder: Path) -> str:
    (folder / VOTES).unlink()
    return "expected the votes; found no such file"


def drop_pixels(folder: Path) -> str:
    (folder / PIXELS).unlink()
    return "labels and pixels; found no such file"


def other_header(folder: Path) -> str:
    rewrite(folder, [lines(folder)[0].replace("sadness,anger", "anger,sadness"), *lines(folder)[1:]])
    return "happiness,surprise,anger,sadness"


def forget_a_row(folder: Path) -> str:
    rewrite(folder, lines(folder)[:-1])
    return r"as many rows as fer2013.csv has, 116: .*; found 115;"


def move_rows(folder: Path) -> str:
    head, first, *rest = lines(folder)
    rewrite(folder, [head, *rest, first])
    return r"3: row 59: PublicTest, Training in fer2013.csv"


def vote_too_often(folder: Path) -> str:
    head, first, *rest = lines(folder)
    rewrite(folder, [head, first[:-2] + "11", *rest])
    return "1: row 0: 11 votes"


def vote_in_words(folder: Path) -> str:
    head, first, *rest = lines(folder)
    rewrite(folder, [head, first[:-2] + "all", *rest])
    return "1: row 0: the votes .*,all"


def forget_a_column(folder: Path) -> str:
    head, first, *rest = lines(folder)
    rewrite(folder, [head, first.rsplit(",", 1)[0], *rest])
    return "1: row 0: 11 values, not 12"


def spoil_pixels(folder: Path) -> str:
    head, first, *rest = lines(folder, PIXELS)
    rewrite(folder, [head, first.replace(" ", ";"), *rest], PIXELS)
    return "1: row 0: not 2304 numbers"


@pytest.mark.parametrize(
    ("spoil", "check"),
    [
        (drop_votes, "structure"),
        (drop_pixels, "structure"),
        (other_header, "structure"),
        (forget_a_row, "structure"),
        (move_rows, "annotation"),
        (vote_too_often, "annotation"),
        (vote_in_words, "annotation"),
        (forget_a_column, "annotation"),
        (spoil_pixels, "annotation"),
    ],
)
def test_one_fault_is_one_finding(copy_of, finding, rows, spoil, check):
    folder = copy_of("fer-plus")
    match = spoil(folder)
    assert finding("fer-plus", folder).check == check
    with pytest.raises(DataError, match=match):
        rows("fer-plus", folder, counts="any")


def test_votes_that_moved_within_a_part_show_in_the_counts(copy_of, opened):
    folder = copy_of("fer-plus")
    head, *data = lines(folder)
    cells = [line.split(",") for line in data]
    swapped = [",".join([*row[:2], row[3], row[2], *row[4:]]) for row in cells]
    rewrite(folder, [head, *swapped])
    found = opened("fer-plus", folder).index.findings
    assert {one.check for one in found} == {"count"}
    assert "train/neutral" in {one.where for one in found}
