"""How data is divided: every image tested once, no subject on two sides, the same division for everybody."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferbench.errors import DataError
from ferbench.protocols import Fold, ProtocolOptions, Samples
from ferbench.protocols.base import check_fold
from ferbench.protocols.standard import AllData, KFold, KFoldOptions, Official


def made(subjects: int | None, images: int = 240, classes: int = 4, seed: int = 0) -> Samples:
    """Return samples of unequal classes, with as many subjects of unequal size as asked for."""
    rng = np.random.default_rng(seed)
    weights = np.arange(1, classes + 1, dtype=float)
    labels = np.concatenate([np.arange(classes).repeat(12), rng.choice(classes, images, p=weights / weights.sum())])
    names = None
    if subjects is not None:
        names = np.asarray([f"p{number}" for number in rng.integers(0, subjects, len(labels))])
        names[:subjects] = [f"p{number}" for number in range(subjects)]
    ids = np.asarray([f"i{number}" for number in range(len(labels))])
    return Samples(ids, labels, tuple(f"c{number}" for number in range(classes)), names)


def kfold(k: int = 5, **options: object) -> KFold:
    return KFold(KFoldOptions.model_validate({"k": k, **options}))


def rows_of(fold: Fold) -> list[set[int]]:
    return [set(part.tolist()) for part in (fold.train, fold.validation, fold.test)]


@given(subjects=st.none() | st.integers(5, 40), k=st.integers(2, 5), seed=st.integers(0, 10**6))
def test_folds_test_every_image_once_and_share_nothing(subjects: int | None, k: int, seed: int) -> None:
    samples = made(subjects, seed=seed)
    protocol = kfold(k, split_seed=seed)
    tested: list[int] = []
    for number in range(protocol.folds):
        fold = protocol.split(samples, number, seed=0)
        train, validation, test = rows_of(fold)
        assert train | validation | test == set(range(len(samples)))
        assert len(train) + len(validation) + len(test) == len(samples)
        assert test
        assert validation
        if samples.subjects is not None:
            sides = [set(samples.subjects[sorted(part)]) for part in (train, validation, test)]
            assert not sides[0] & sides[1]
            assert not sides[0] & sides[2]
            assert not sides[1] & sides[2]
        for rows, labels in (
            (fold.train, fold.train_labels),
            (fold.validation, fold.validation_labels),
            (fold.test, fold.test_labels),
        ):
            assert (labels == samples.labels[rows]).all()
        tested += sorted(test)
    assert sorted(tested) == list(range(len(samples)))


def test_folds_without_subjects_have_the_classes_in_equal_shares() -> None:
    samples = made(None, images=1000)
    counts = np.stack([np.bincount(kfold().split(samples, n, 0).test_labels, minlength=4) for n in range(5)])
    assert (counts.max(axis=0) - counts.min(axis=0) <= 1).all()


def test_folds_by_subject_are_stratified_as_far_as_subjects_allow() -> None:
    samples = made(60, images=3000)
    shares = []
    for number in range(5):
        counts = np.bincount(kfold().split(samples, number, 0).test_labels, minlength=4)
        shares.append(counts / counts.sum())
    whole = np.bincount(samples.labels) / len(samples)
    assert np.abs(np.stack(shares) - whole).max() < 0.05


def test_the_validation_part_has_about_the_size_asked_for() -> None:
    for samples in (made(None, images=2000), made(50, images=2000)):
        fold = kfold(validation=0.2).split(samples, 0, 0)
        share = len(fold.validation) / (len(fold.validation) + len(fold.train))
        assert share == pytest.approx(0.2, abs=0.03)


def test_a_class_rarer_than_the_folds_does_not_stop_a_division_by_subject() -> None:
    samples = made(20)
    labels = samples.labels.copy()
    labels[labels == 0] = 1
    labels[:2] = 0
    tested = [kfold().split(replace(samples, labels=labels), number, 0).test for number in range(5)]
    assert sorted(np.concatenate(tested)) == list(range(len(samples)))


def test_fewer_subjects_than_folds_is_refused() -> None:
    with pytest.raises(DataError, match=r"at least 10 subjects for 10 folds; found 4; .* set k to at most 4"):
        kfold(10).split(made(4), 0, 0)


def test_fewer_images_of_a_class_than_folds_is_refused_without_subjects() -> None:
    with pytest.raises(DataError, match="at least 100 images in the smallest class for 100 folds"):
        kfold(100).split(made(None), 0, 0)


@given(split_seed=st.integers(0, 1000), cell_seed=st.integers(0, 1000))
def test_a_division_is_the_same_for_every_cell_seed(split_seed: int, cell_seed: int) -> None:
    samples = made(20)
    protocol = kfold(split_seed=split_seed)
    assert rows_of(protocol.split(samples, 1, seed=0)) == rows_of(protocol.split(samples, 1, seed=cell_seed))


@pytest.mark.parametrize("subjects", [None, 20])
def test_a_division_differs_with_the_split_seed(subjects: int | None) -> None:
    samples = made(subjects)
    tests = {tuple(kfold(split_seed=seed).split(samples, 1, seed=0).test) for seed in range(5)}
    assert len(tests) == 5


def official(samples: Samples, **options: object) -> Fold:
    return Official(ProtocolOptions.model_validate(options)).split(samples, 0, 0)


def test_the_official_split_keeps_its_own_validation_part() -> None:
    samples = made(None)
    split = np.where(
        np.arange(len(samples)) % 5 == 0, "test", np.where(np.arange(len(samples)) % 5 == 1, "validation", "train")
    )
    fold = official(replace(samples, split=split))
    assert set(fold.validation) == set(np.flatnonzero(split == "validation"))
    assert set(fold.train) == set(np.flatnonzero(split == "train"))
    assert set(fold.test) == set(np.flatnonzero(split == "test"))


def test_the_official_split_without_validation_gets_one_carved_from_train_by_subject() -> None:
    samples = made(30)
    assert samples.subjects is not None
    split = np.where(np.isin(samples.subjects, ["p0", "p1", "p2"]), "test", "train")
    fold = official(replace(samples, split=split))
    assert set(fold.test) == set(np.flatnonzero(split == "test"))
    assert not set(samples.subjects[fold.train]) & set(samples.subjects[fold.validation])
    assert len(fold.train) + len(fold.validation) + len(fold.test) == len(samples)
    assert len(fold.validation)


def test_the_official_protocol_needs_a_split() -> None:
    with pytest.raises(DataError, match=r"no column 'split'.*use the protocol 'k-fold'"):
        official(made(None))


@pytest.mark.parametrize("part", ["train", "test"])
def test_an_official_split_without_a_part_is_refused(part: str) -> None:
    samples = made(None)
    other = "test" if part == "train" else "train"
    with pytest.raises(DataError, match=f"images of the official {part} split; found none"):
        official(replace(samples, split=np.full(len(samples), other)))


def test_a_single_training_subject_leaves_nothing_to_validate_on() -> None:
    samples = made(2)
    assert samples.subjects is not None
    split = np.where(samples.subjects == "p0", "test", "train")
    with pytest.raises(DataError, match="at least two training subjects, one of them for validation; found 1"):
        official(replace(samples, split=split))


def test_weights_recipes_train_on_all_data_and_test_on_none() -> None:
    samples = made(None)
    fold = AllData(ProtocolOptions()).split(samples, 0, 0)
    assert len(fold.test) == 0
    assert set(fold.train) | set(fold.validation) == set(range(len(samples)))
    assert set(fold.validation_labels) == {0, 1, 2, 3}


SIX = Samples(
    ids=np.asarray(list("abcdef")),
    labels=np.asarray([0, 1, 0, 1, 0, 1]),
    classes=("sad", "glad"),
    subjects=np.asarray(["p", "p", "q", "q", "r", "r"]),
)


def fold_of(train: list[int], validation: list[int], test: list[int]) -> Fold:
    parts = [np.asarray(rows, dtype=np.int64) for rows in (train, validation, test)]
    arguments = [array for rows in parts for array in (rows, SIX.labels[rows])]
    return Fold(SIX.classes, *arguments)


def test_a_sound_fold_passes() -> None:
    check_fold(fold_of([0, 1], [2, 3], [4, 5]), SIX, crosses=False, where="here")


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (([0, 1], [2, 3], [1, 4, 5]), r"train and test without a common image; found 1 images .* such as 'b'"),
        (([0, 1], [1, 2, 3], [4, 5]), "train and validation without a common image"),
        (([0, 1], [2, 3, 4], [4, 5]), "validation and test without a common image"),
        (([0, 1, 4], [2, 3], [5]), r"train and test without a common subject; found 1 subjects .* such as 'r'"),
        (([0, 1, 2], [3], [4, 5]), "train and validation without a common subject"),
        (([0, 1], [2, 4], [3, 5]), "validation and test without a common subject"),
        (([0], [2, 3], [4, 5]), "training images of every class; found none of glad"),
        (([0, 1], [], [4, 5]), "at least one validation image; found none"),
        (([0, 1], [2, 3], []), "at least one test image; found none"),
    ],
)
def test_a_fold_that_leaks_or_lacks_is_refused(parts: tuple[list[int], list[int], list[int]], message: str) -> None:
    with pytest.raises(DataError, match=message):
        check_fold(fold_of(*parts), SIX, crosses=False, where="here")


def test_rows_of_another_data_set_may_have_equal_numbers() -> None:
    check_fold(fold_of([0, 1], [2, 3], [0, 1]), SIX, crosses=True, where="here")


def test_given_folds_are_used_to_the_letter() -> None:
    samples = replace(made(None), folds=np.asarray([f"part {number % 3}" for number in range(288)]))
    protocol = kfold(3, folds="given")
    assert protocol.label == "3-fold-given"
    assert protocol.needs == {"fold"}
    for number in range(3):
        fold = protocol.split(samples, number, seed=0)
        assert samples.folds is not None
        assert fold.test.tolist() == np.flatnonzero(samples.folds == f"part {number}").tolist()
    with pytest.raises(DataError, match="5 folds in the column 'fold'; found 3: part 0, part 1, part 2"):
        kfold(5, folds="given").split(samples, 0, seed=0)


def test_given_folds_that_split_a_subject_are_refused() -> None:
    samples = made(20)
    samples = replace(samples, folds=np.asarray([str(number % 2) for number in range(len(samples))]))
    fold = kfold(2, folds="given").split(samples, 0, seed=0)
    with pytest.raises(DataError, match="train and test without a common subject"):
        check_fold(fold, samples, crosses=False, where="test")
