"""Exchanged labels are found, named, and not seen where there are none."""

from __future__ import annotations

import numpy as np
import pytest

from ferbench.metrics.label_permutation import SIGNIFICANCE, permuted_labels
from ferbench.predictions import Predictions

CLASSES = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")


def predictions(labels: np.ndarray, predicted: np.ndarray) -> Predictions:
    probabilities = np.eye(len(CLASSES), dtype=np.float32)[predicted]
    return Predictions(np.arange(len(labels)).astype(str), probabilities, labels, CLASSES)


def drawn(rng: np.random.Generator, count: int, accuracy: float) -> tuple[np.ndarray, np.ndarray]:
    """Return true labels, and predictions that are right with a probability and else any other class."""
    labels = rng.integers(len(CLASSES), size=count)
    wrong = (labels + rng.integers(1, len(CLASSES), size=count)) % len(CLASSES)
    return labels, np.where(rng.random(count) < accuracy, labels, wrong)


@pytest.mark.parametrize("accuracy", [0.3, 0.6, 0.95])
def test_an_exchanged_pair_is_named(accuracy: float) -> None:
    labels, predicted = drawn(np.random.default_rng(0), 1000, accuracy)
    swapped = np.arange(7)
    swapped[[0, 1]] = [1, 0]
    (found,) = permuted_labels(predictions(swapped[labels], predicted))
    assert found.classes == ("anger", "disgust")
    right, exchanged = (swapped[labels] == predicted).mean(), (labels == predicted).mean()
    assert found.gain == pytest.approx(exchanged - right)
    assert str(found).startswith("anger and disgust seem to be exchanged")


def test_a_cycle_of_three_and_a_pair_are_two_findings() -> None:
    labels, predicted = drawn(np.random.default_rng(1), 2000, 0.7)
    moved = np.asarray([1, 2, 0, 4, 3, 5, 6])
    found = permuted_labels(predictions(moved[labels], predicted))
    assert sorted(len(one.classes) for one in found) == [2, 3]
    assert {frozenset(one.classes) for one in found} == {
        frozenset(("anger", "disgust", "fear")),
        frozenset(("happiness", "sadness")),
    }


@pytest.mark.parametrize("accuracy", [1 / 7, 0.2, 0.5])
def test_right_labels_raise_no_alarm_more_often_than_stated(accuracy: float) -> None:
    rng = np.random.default_rng(2)
    alarms = [bool(permuted_labels(predictions(*drawn(rng, 200, accuracy)))) for _ in range(400)]
    # At the stated level 4 of 400 are expected at most; 12 would be a one in a thousand accident.
    assert sum(alarms) <= 12, SIGNIFICANCE


def test_an_honest_confusion_is_no_exchange() -> None:
    labels = np.repeat([0, 1], 100)
    predicted = np.concatenate([np.repeat([0, 1], [80, 20]), np.repeat([1, 0], [55, 45])])
    assert permuted_labels(predictions(labels, predicted)) == []


def test_a_network_that_says_one_class_of_everything_is_no_exchange() -> None:
    labels = np.repeat([0, 1, 2], [20, 200, 30])
    assert permuted_labels(predictions(labels, np.zeros_like(labels))) == []
    nearly = np.where(np.arange(len(labels)) % 9 == 0, 2, 0)
    assert permuted_labels(predictions(labels, nearly)) == []


def test_nothing_predicted_gives_nothing() -> None:
    empty = np.zeros(0, dtype=np.int64)
    assert permuted_labels(predictions(empty, empty)) == []
