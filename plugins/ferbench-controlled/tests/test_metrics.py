"""The metrics, on numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferbench.metrics.evaluate import evaluate
from ferbench.predictions import Predictions
from ferbench_controlled.factors import ROTATION
from ferbench_controlled.intervals import bin_of
from ferbench_controlled.metrics import range_accuracy, within_one_class

TENS = ("[0, 10)", "[10, 20)", "[20, 30)", "[30, 40)")


def predictions(predicted, labels, classes, target=None) -> Predictions:
    columns = {} if target is None else {"target": np.asarray(target, dtype=np.float32)}
    return Predictions(
        np.arange(len(labels)).astype(str),
        np.eye(len(classes), dtype=np.float32)[predicted],
        np.asarray(labels, dtype=np.int64),
        tuple(classes),
        columns,
    )


def test_golden_within_one_class() -> None:
    # 0 off, 1 off, 2 off, 3 off (the last is not next to the first).
    assert within_one_class(predictions([0, 1, 3, 0], [0, 2, 1, 3], TENS)) == 0.5


def test_golden_range_accuracy() -> None:
    # Centres 5, 15, 25, 35 of a range of 40; off by 5, 0, 12 and 31.
    made = predictions([0, 1, 2, 0], [0, 1, 3, 3], TENS, [0, 15, 37, 36])
    assert range_accuracy(made) == pytest.approx(1 - (5 + 0 + 12 + 31) / 4 / 40)


def test_golden_range_accuracy_of_single_values() -> None:
    made = predictions([0, 2, 1], [0, 2, 2], ("0.5", "0.6", "1.0"), [0.5, 1.0, 1.0])
    assert range_accuracy(made) == pytest.approx(1 - 0.4 / 3 / 0.5)


def test_the_order_of_the_classes_is_that_of_their_intervals() -> None:
    shuffled = ("[30, 40)", "[0, 10)", "[20, 30)", "[10, 20)")
    # Neighbours by number, but [30, 40) and [0, 10) are three classes apart; [20, 30) and [30, 40) are neighbours.
    assert within_one_class(predictions([0, 2], [1, 0], shuffled)) == 0.5
    assert range_accuracy(predictions([0], [0], shuffled, [35])) == 1


def test_names_without_intervals_have_no_value() -> None:
    made = predictions([0, 1], [0, 1], ("[0, 10)", "ten"), [1, 2])
    assert np.isnan(within_one_class(made))
    assert np.isnan(range_accuracy(made))


def test_they_are_taken_where_there_is_a_target_only(registry) -> None:
    assert evaluate(predictions([0, 1], [0, 1], TENS), registry) == {}
    assert evaluate(predictions([0, 1], [0, 1], TENS, [5, 15]), registry) == {
        "within-one-class": 1.0,
        "range-accuracy": 1.0,
    }
    none = dict.fromkeys(("within-one-class", "range-accuracy"))
    assert evaluate(predictions([0, 1], [0, 1], ("zero", "one"), [5, 15]), registry) == none


@given(st.lists(st.floats(-90, 89.75, width=32), min_size=1, max_size=50))
def test_right_classes_are_half_a_class_off_at_most(values) -> None:
    labels = bin_of(values, ROTATION.intervals)
    made = predictions(labels, labels, ROTATION.classes, values)
    assert within_one_class(made) == 1
    assert 1 - 5 / 180 - 1e-6 <= range_accuracy(made) <= 1
