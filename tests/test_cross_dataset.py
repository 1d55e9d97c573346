"""Training on one data set and testing on another: classes are matched by name, what is lost is told."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferbench.errors import DataError
from ferbench.labels import EXPRESSIONS, shared_classes
from ferbench.protocols import Fold, ProtocolOptions, Samples
from ferbench.protocols.standard import CrossDataset

orders = st.lists(st.sampled_from(EXPRESSIONS), min_size=2, unique=True)


def faces(classes: tuple[str, ...], prefix: str, *, split: bool = True, subjects: bool = False) -> Samples:
    """Return twenty images of each class; the id tells the true class."""
    labels = np.tile(np.arange(len(classes)), 20)
    ids = np.asarray([f"{prefix}-{classes[label]}-{row}" for row, label in enumerate(labels)])
    turns = np.arange(len(labels)) // len(classes)
    parts = np.where(turns % 4 == 0, "test", "train") if split else None
    people = np.asarray([f"{prefix}{turn}" for turn in turns]) if subjects else None
    return Samples(ids, labels, classes, people, parts)


def crossed(first: Samples, second: Samples) -> Fold:
    return CrossDataset(ProtocolOptions()).split(first, 0, 0, second)


@given(first=orders, second=orders, split=st.booleans())
def test_every_label_names_the_class_its_image_has(first: list[str], second: list[str], split: bool) -> None:
    a, b = faces(tuple(first), "a", split=split), faces(tuple(second), "b", split=split)
    common = set(first) & set(second)
    if len(common) < 2:
        with pytest.raises(DataError, match="at least two classes in common"):
            crossed(a, b)
        return
    fold = crossed(a, b)
    assert set(fold.classes) == common
    for samples, rows, labels in (
        (a, fold.train, fold.train_labels),
        (a, fold.validation, fold.validation_labels),
        (b, fold.test, fold.test_labels),
    ):
        named = [fold.classes[label] for label in labels]
        assert named == [samples.ids[row].split("-")[1] for row in rows]
    dropped = fold.notes["classes_dropped"]
    assert set(dropped["train"]) == set(first) - common
    assert set(dropped["test"]) == set(second) - common


def test_training_uses_the_training_split_and_testing_the_test_split() -> None:
    a, b = faces(("anger", "fear"), "a"), faces(("fear", "anger"), "b")
    fold = crossed(a, b)
    assert a.split is not None
    assert b.split is not None
    assert set(a.split[fold.train]) == set(a.split[fold.validation]) == {"train"}
    assert set(b.split[fold.test]) == {"test"}
    assert len(fold.test) == 10


def test_a_test_data_set_without_a_split_is_tested_in_full() -> None:
    fold = crossed(faces(("anger", "fear"), "a"), faces(("fear", "anger"), "b", split=False))
    assert len(fold.test) == 40


def test_validation_comes_from_other_subjects_of_the_training_data() -> None:
    a = faces(("anger", "fear"), "a", subjects=True)
    fold = crossed(a, faces(("fear", "anger"), "b"))
    assert a.subjects is not None
    assert not set(a.subjects[fold.train]) & set(a.subjects[fold.validation])


def test_shared_classes_are_in_the_order_of_the_first() -> None:
    shared = shared_classes(["neutral", "fear", "anger"], ["anger", "contempt", "neutral"])
    assert shared.names == ("neutral", "anger")
    assert shared.dropped_first == ("fear",)
    assert shared.dropped_second == ("contempt",)
