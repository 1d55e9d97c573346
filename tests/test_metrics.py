"""Metrics against scikit-learn and against loops that anybody can check; what is no probability is refused."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk

from ferbench.errors import MethodError
from ferbench.metrics import classification as own
from ferbench.metrics.evaluate import evaluate
from ferbench.plugins import Registry
from ferbench.predictions import Predictions, check_probabilities


def predictions(labels: list[int], probabilities: npt.NDArray[Any], **columns: Any) -> Predictions:
    count = probabilities.shape[1]
    return Predictions(
        ids=np.asarray([f"i{row}" for row in range(len(labels))]),
        probabilities=probabilities.astype(np.float32),
        labels=np.asarray(labels, dtype=np.int64),
        classes=tuple(f"c{number}" for number in range(count)),
        columns=columns,
    )


@st.composite
def random_predictions(draw: st.DrawFn) -> Predictions:
    """Draw predictions in which classes may be absent from the test data and may never be predicted."""
    classes = draw(st.integers(2, 6))
    count = draw(st.integers(1, 40))
    present = draw(st.lists(st.integers(0, classes - 1), min_size=1, max_size=classes, unique=True))
    labels = draw(st.lists(st.sampled_from(present), min_size=count, max_size=count))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    logits = rng.normal(size=(count, classes)) * draw(st.sampled_from([0.1, 1.0, 8.0]))
    never = draw(st.lists(st.integers(0, classes - 1), max_size=classes - 1))
    logits[:, never] -= 30
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return predictions(labels, powers / powers.sum(axis=1, keepdims=True))


def counts(given_: Predictions) -> list[list[int]]:
    """Count true against predicted by hand."""
    table = [[0] * len(given_.classes) for _ in given_.classes]
    for row, label in zip(given_.probabilities.tolist(), given_.labels.tolist(), strict=True):
        table[label][row.index(max(row))] += 1
    return table


def by_class(given_: Predictions) -> list[tuple[float, float, float]]:
    """Return precision, recall and F1 of every class that occurs, by hand."""
    table, found = counts(given_), []
    for label, row in enumerate(table):
        if sum(row) == 0:
            continue
        hits, said = row[label], sum(other[label] for other in table)
        precision, recall = hits / said if said else 0.0, hits / sum(row)
        f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
        found.append((precision, recall, f1))
    return found


@given(random_predictions())
def test_accuracy_and_confusion_are_counts(given_: Predictions) -> None:
    table = counts(given_)
    assert own.accuracy(given_) == pytest.approx(sum(table[i][i] for i in range(len(table))) / len(given_.ids))
    assert own.confusion_matrix(given_).tolist() == table
    named = own.confusion(given_)
    assert {key: int(value) for key, value in named.items()} == {
        f"c{i}/c{j}": table[i][j] for i in range(len(table)) for j in range(len(table))
    }


@given(random_predictions())
def test_class_averages_are_over_the_classes_that_occur(given_: Predictions) -> None:
    means = [sum(column) / len(column) for column in zip(*by_class(given_), strict=True)]
    assert own.macro_precision(given_) == pytest.approx(means[0])
    assert own.macro_recall(given_) == pytest.approx(means[1])
    assert own.mean_class_accuracy(given_) == pytest.approx(means[1])
    assert own.macro_f1(given_) == pytest.approx(means[2])
    assert list(own.class_recall(given_).values()) == pytest.approx([recall for _, recall, _ in by_class(given_)])


@given(random_predictions())
def test_they_agree_with_scikit_learn_where_all_classes_occur(given_: Predictions) -> None:
    said, classes = given_.probabilities.argmax(axis=1), len(given_.classes)
    labels = np.concatenate([given_.labels, np.arange(classes)])
    whole = predictions(labels.tolist(), np.concatenate([given_.probabilities, np.eye(classes)[::-1]]))
    said = np.concatenate([said, np.arange(classes)[::-1]])
    assert own.accuracy(whole) == pytest.approx(sk.accuracy_score(labels, said))
    assert own.mean_class_accuracy(whole) == pytest.approx(sk.balanced_accuracy_score(labels, said))
    assert own.macro_f1(whole) == pytest.approx(sk.f1_score(labels, said, average="macro", zero_division=0))
    assert own.macro_precision(whole) == pytest.approx(
        sk.precision_score(labels, said, average="macro", zero_division=0)
    )


def calibration_by_hand(given_: Predictions, bins: int) -> float:
    """Put each sample into the bin (low, high] of its confidence, one after the other."""
    total = 0.0
    for number in range(bins):
        low, high = number / bins, (number + 1) / bins
        inside = []
        for row, label in zip(given_.probabilities.astype(np.float64).tolist(), given_.labels.tolist(), strict=True):
            if low < max(row) <= high:
                inside.append((row.index(max(row)) == label, max(row)))
        if inside:
            right = sum(hit for hit, _ in inside) / len(inside)
            sure = sum(confidence for _, confidence in inside) / len(inside)
            total += len(inside) / len(given_.labels) * abs(right - sure)
    return total


@given(random_predictions(), st.integers(1, 20))
def test_the_calibration_error_is_that_of_a_loop_over_bins(given_: Predictions, bins: int) -> None:
    assert own.calibration_error(given_, bins) == pytest.approx(calibration_by_hand(given_, bins), abs=1e-6)


def test_calibration_of_known_cases() -> None:
    sure = np.asarray([[1.0, 0.0]] * 4)
    assert own.calibration_error(predictions([0, 0, 0, 0], sure)) == pytest.approx(0.0)
    assert own.calibration_error(predictions([1, 1, 1, 1], sure)) == pytest.approx(1.0)
    assert own.calibration_error(predictions([0, 0, 1, 1], sure)) == pytest.approx(0.5)


def test_a_confidence_on_an_edge_belongs_to_the_bin_below() -> None:
    given_ = predictions([0, 1], np.asarray([[0.5, 0.5], [0.625, 0.375]]))
    assert own.calibration_error(given_, bins=2) == pytest.approx((abs(1 - 0.5) + abs(0 - 0.625)) / 2)
    sure = predictions([1, 0], np.asarray([[1.0, 0.0], [0.96875, 0.03125]]))
    assert own.calibration_error(sure) == pytest.approx(abs(0.5 - (1 + 0.96875) / 2))


def test_equal_probabilities_predict_the_first_class() -> None:
    assert predictions([0], np.full((1, 3), 1 / 3)).predicted.tolist() == [0]


def test_all_metrics_of_the_core_are_numbers_and_warn_of_nothing(registry: Registry) -> None:
    given_ = predictions([0, 0, 2], np.asarray([[0.1, 0.8, 0.1], [0.7, 0.2, 0.1], [0.2, 0.5, 0.3]]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        values = evaluate(given_, registry)
    assert values["accuracy"] == pytest.approx(1 / 3)
    assert values["class-recall.c0"] == pytest.approx(0.5)
    assert "class-recall.c1" not in values, "no such sample: its recall is undefined"
    assert values["confusion.c2/c1"] == 1
    assert all(math.isfinite(value) for value in values.values())


def rows(*values: list[float]) -> npt.NDArray[np.float32]:
    return np.asarray(values, dtype=np.float32)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda p: p[:1], r"shape \(1, 2\)"),
        (lambda p: p[:, :1], r"shape \(2, 1\)"),
        (lambda p: p[0], r"shape \(2,\)"),
        (lambda p: p * np.nan, "2 rows with NaN or infinity"),
        (lambda p: rows([1.5, -0.5], [0.5, 0.5]), "rows that are no distributions"),
        (lambda p: p * 2, "rows that are no distributions"),
        (lambda p: rows([float("inf"), 0.0], [0.5, 0.5]), "1 rows with NaN or infinity"),
    ],
)
def test_what_is_no_probability_is_refused(change: Callable[[Any], Any], found: str) -> None:
    with pytest.raises(MethodError, match=rf"\(2, 2\) probabilities; found {found}; in here"):
        check_probabilities(change(rows([0.25, 0.75], [0.5, 0.5])), 2, 2, "here")


def test_probabilities_pass() -> None:
    check_probabilities(rows([0.25, 0.75], [0.5, 0.5]), 2, 2, "here")
