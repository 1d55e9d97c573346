"""Five-tuples: their constraints, that none is missed, that no sample is used twice, and how long they take."""

from __future__ import annotations

import time
from itertools import permutations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ferbench.errors import ConfigError
from ferbench.train import FiveTuples

Ints = npt.NDArray[np.int64]
Data = tuple[Ints, dict[str, npt.NDArray[np.generic]]]


@st.composite
def data(draw: st.DrawFn, most: int = 40) -> Data:
    count = draw(st.integers(1, most))
    columns = [draw(st.lists(st.integers(0, top), min_size=count, max_size=count)) for top in (2, 3, 3)]
    labels, poses, subjects = (np.asarray(column, dtype=np.int64) for column in columns)
    yaws = np.asarray([np.nan, -45, 0, 45], dtype=np.float32)[poses]
    return labels, {"pose": yaws, "subject": subjects}


def drawn(given_data: Data, seed: int = 0, groups: int = 3) -> list[Ints]:
    labels, columns = given_data
    recipe = FiveTuples(groups, no_subject=0)
    try:
        return list(recipe.batches(labels, columns, np.random.default_rng(seed)))
    except ConfigError:
        return []


def fits(given_data: Data, five: tuple[int, ...]) -> bool:
    labels, columns = given_data
    e, p, s = labels, columns["pose"], columns["subject"]
    anchor, pose_positive, pose_negative, subject_positive, subject_negative = five
    return bool(
        not any(np.isnan(p[i]) or s[i] == 0 for i in five)
        and e[pose_positive] == e[anchor] == e[subject_positive]
        and e[pose_negative] != e[anchor] != e[subject_negative]
        and p[pose_positive] != p[anchor] == p[pose_negative]
        and s[subject_positive] != s[anchor] == s[subject_negative]
    )


@settings(max_examples=80, deadline=None)
@given(data(), st.integers(0, 2**32 - 1))
def test_tuples_keep_their_constraints_and_use_no_sample_twice(given_data: Data, seed: int) -> None:
    tuples = [tuple(five.tolist()) for batch in drawn(given_data, seed) for five in batch]
    assert all(fits(given_data, five) for five in tuples)
    used = [sample for five in tuples for sample in five]
    assert len(set(used)) == len(used)


@settings(max_examples=60, deadline=None)
@given(data(most=9), st.integers(0, 2**32 - 1))
def test_no_tuple_is_left_among_the_samples_that_are_left(given_data: Data, seed: int) -> None:
    used = {sample for batch in drawn(given_data, seed) for sample in batch.ravel().tolist()}
    left = [sample for sample in range(len(given_data[0])) if sample not in used]
    assert not any(fits(given_data, five) for five in permutations(left, 5))


def faces(count: int, subjects: int = 50) -> Data:
    rng = np.random.default_rng(0)
    yaws = rng.choice([-90, -45, 0, 45, 90], count).astype(np.float32)
    return rng.integers(0, 7, count), {"pose": yaws, "subject": rng.integers(1, subjects + 1, count)}


def test_the_epoch_decides_which_tuples_are_drawn() -> None:
    first, again, other = (drawn(faces(500), seed) for seed in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[0], other[0])
    assert [len(batch) for batch in first[:-1]] == [3] * (len(first) - 1)
    assert sum(map(len, first)) > 0.9 * 500 / 5


def test_anchors_of_a_class_take_any_candidate_alike() -> None:
    """A hundred candidates, and each is drawn about as often as any other over many epochs."""
    labels = np.asarray([0, *[0] * 100, 1, 1, *[1] * 100])
    poses = np.asarray([0.0, *[45.0] * 100, 0.0, 0.0, *[45.0] * 100], dtype=np.float32)
    subjects = np.asarray([1, *[2] * 100, 1, 1, *[3] * 100])
    counts = np.zeros(len(labels))
    for seed in range(400):
        for batch in drawn((labels, {"pose": poses, "subject": subjects}), seed):
            for five in batch:
                if five[0] == 0:
                    counts[five[1]] += 1
    assert counts[1:101].sum() > 100
    assert counts[1:101].max() <= 12


def test_yaws_belong_to_the_nearest_centre() -> None:
    labels = np.asarray([0, 0, 1, 0, 1])
    columns = {
        "pose": np.asarray([1.0, 28.0, -3.0, 2.0, 0.0], dtype=np.float32),
        "subject": np.asarray([0, 0, 1, 1, 0]),
    }
    recipe = FiveTuples(yaws=(0.0, 30.0))
    (batch,) = recipe.batches(labels, columns, np.random.default_rng(0))
    assert sorted(batch[0].tolist()) == [0, 1, 2, 3, 4]
    with pytest.raises(ConfigError, match="none among 5 images"):
        FiveTuples(yaws=(0.0, 90.0)).batches(labels, columns, np.random.default_rng(0))


def test_data_without_poses_or_tuples_is_refused() -> None:
    labels, columns = faces(20)
    with pytest.raises(ConfigError, match="no pose"):
        FiveTuples().batches(labels, {"subject": columns["subject"]}, np.random.default_rng(0))
    alone = {**columns, "pose": np.zeros(20, dtype=np.float32)}
    with pytest.raises(ConfigError, match=r"none among 20 images, 20 of them with a subject and a pose"):
        FiveTuples().batches(labels, alone, np.random.default_rng(0))
    with pytest.raises(ConfigError, match="groups of at least 1"):
        FiveTuples(0)


def seconds(given_data: Data) -> float:
    before = time.process_time()
    drawn(given_data)
    return time.process_time() - before


def test_many_samples_take_no_quadratic_search() -> None:
    few, many = seconds(faces(4_000)), seconds(faces(64_000, subjects=800))
    assert many < 16 * few * 3, "16 times as many samples; a search would take 256 times as long"


def test_rare_poses_do_not_make_it_slow() -> None:
    labels, columns = faces(30_000)
    rare = np.where(np.arange(30_000) % 3000 == 0, 45.0, 0.0).astype(np.float32)
    assert seconds((labels, {**columns, "pose": rare})) < 10 * seconds((labels, columns)) + 1
