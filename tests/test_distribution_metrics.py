"""Measures of label distributions against SciPy and by hand; what has no truth is left out, no shape is guessed."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial import distance
from scipy.stats import entropy

from ferbench.errors import MethodError
from ferbench.labels import restricted
from ferbench.metrics import distributions as own
from ferbench.metrics.evaluate import evaluate
from ferbench.plugins import Registry
from ferbench.predictions import Predictions

ALL = ("kl", "chebyshev", "clark", "canberra", "cosine", "intersection")


def predictions(truth: Any, estimate: Any, label_distribution: Any = None) -> Predictions:
    made = np.asarray(estimate, dtype=np.float32)
    extras = {} if label_distribution is None else {"label_distribution": np.asarray(label_distribution)}
    count, classes = made.shape
    return Predictions(
        ids=np.asarray([f"i{row}" for row in range(count)]),
        probabilities=made,
        labels=np.zeros(count, dtype=np.int64),
        classes=tuple(f"c{number}" for number in range(classes)),
        columns={} if truth is None else {"mixture": np.asarray(truth)},
        extras=extras,
    )


def shares(rows: int = 5, classes: int = 4) -> st.SearchStrategy[npt.NDArray[np.float64]]:
    positive = arrays(np.float64, (rows, classes), elements=st.floats(1e-3, 1))
    return positive.map(lambda values: values / values.sum(axis=1, keepdims=True))


@pytest.mark.parametrize(
    ("measure", "oracle"),
    [
        (own.kl_divergence, entropy),
        (own.chebyshev, distance.chebyshev),
        (own.canberra, distance.canberra),
        (own.cosine, lambda truth, estimate: 1 - distance.cosine(truth, estimate)),
        (own.clark, lambda truth, estimate: math.sqrt((((truth - estimate) / (truth + estimate)) ** 2).sum())),
        (own.intersection, lambda truth, estimate: 1 - distance.cityblock(truth, estimate) / 2),
    ],
)
@given(truth=shares(), estimate=shares())
def test_a_measure_is_the_mean_of_what_scipy_says_of_each_sample(
    measure: Callable[[Predictions], float],
    oracle: Callable[[Any, Any], float],
    truth: npt.NDArray[np.float64],
    estimate: npt.NDArray[np.float64],
) -> None:
    expected = np.mean([oracle(one, other) for one, other in zip(truth, estimate, strict=True)])
    assert measure(predictions(truth, estimate)) == pytest.approx(expected, abs=1e-5)


def test_an_ambiguous_face_worked_out_by_hand() -> None:
    made = predictions([[0.5, 0.5, 0.0]], [[0.25, 0.75, 0.0]])
    assert own.chebyshev(made) == pytest.approx(0.25)
    assert own.intersection(made) == pytest.approx(0.75)
    assert own.canberra(made) == pytest.approx(1 / 3 + 1 / 5)  # the class that nobody claims counts 0
    assert own.clark(made) == pytest.approx(math.sqrt(1 / 9 + 1 / 25))
    assert own.kl_divergence(made) == pytest.approx(0.5 * math.log(2) + 0.5 * math.log(2 / 3))
    assert own.cosine(made) == pytest.approx(0.5 / (math.sqrt(0.5) * math.sqrt(0.625)))


def test_a_perfect_estimate_is_at_the_end_of_every_scale() -> None:
    made = predictions([[0.25, 0.75], [1.0, 0.0]], [[0.25, 0.75], [1.0, 0.0]])
    assert own.kl_divergence(made) == own.chebyshev(made) == own.clark(made) == own.canberra(made) == 0
    assert own.cosine(made) == pytest.approx(1)
    assert own.intersection(made) == 1


def test_a_share_estimated_as_zero_stays_finite() -> None:
    assert own.kl_divergence(predictions([[1.0, 0.0]], [[0.0, 1.0]])) == pytest.approx(-math.log(own.FLOOR))


def test_a_methods_own_label_distributions_go_before_its_probabilities() -> None:
    made = predictions([[0.5, 0.5]], [[1.0, 0.0]], label_distribution=[[0.5, 0.5]])
    assert own.chebyshev(made) == 0


def test_samples_without_votes_are_left_out() -> None:
    truth = [[0.5, 0.5], [math.nan, math.nan]]
    assert own.chebyshev(predictions(truth, [[0.5, 0.5], [1.0, 0.0]])) == 0
    assert math.isnan(own.chebyshev(predictions(truth[1:], [[1.0, 0.0]])))


def test_distributions_over_other_classes_are_refused() -> None:
    with pytest.raises(MethodError, match=r"shape \(1, 3\).*found \(1, 2\).*the probabilities"):
        own.clark(predictions([[0.2, 0.2, 0.6]], [[0.5, 0.5]]))
    with pytest.raises(MethodError, match="the extra 'label_distribution'"):
        own.clark(predictions([[0.4, 0.6]], [[0.5, 0.5]], label_distribution=[[0.2, 0.2, 0.6]]))


def test_they_are_evaluated_where_the_data_has_mixtures_and_nowhere_else(registry: Registry) -> None:
    with_truth = evaluate(predictions([[0.5, 0.5]], [[0.25, 0.75]]), registry)
    assert {f"distribution-{name}" for name in ALL} <= with_truth.keys()
    assert with_truth["distribution-chebyshev"] == pytest.approx(0.25)
    without = evaluate(predictions(None, [[0.25, 0.75]]), registry)
    assert not [name for name in without if name.startswith("distribution")]


@pytest.mark.parametrize("name", ALL)
def test_which_way_is_better(registry: Registry, name: str) -> None:
    entry = registry.metric(f"distribution-{name}", "test").entry
    near = evaluate(predictions([[0.5, 0.5]], [[0.45, 0.55]]), registry)[f"distribution-{name}"]
    far = evaluate(predictions([[0.5, 0.5]], [[0.1, 0.9]]), registry)[f"distribution-{name}"]
    assert near is not None
    assert far is not None
    assert (near > far) == entry.higher_is_better


def test_a_mixture_follows_the_classes_of_the_fold() -> None:
    shares_of = np.asarray([[0.5, 0.25, 0.25], [0.0, 1.0, 0.0]])
    made = restricted(shares_of, ["anger", "fear", "neutral"], ["neutral", "anger"])
    assert made[0].tolist() == pytest.approx([1 / 3, 2 / 3])
    assert np.isnan(made[1]).all()  # nothing of it is left
    assert restricted(shares_of, ["a", "b", "c"], ["a", "b", "c"]).tolist() == shares_of.tolist()


def test_an_image_without_a_face_counts_with_its_wrong_answer() -> None:
    truth = [[0.5, 0.5], [1.0, 0.0]]
    made = predictions(truth, [[0.9, 0.1], [0.0, 1.0]], [[0.5, 0.5], [math.nan, math.nan]])
    assert own.chebyshev(made) == pytest.approx((0 + 1) / 2)
    assert math.isfinite(own.kl_divergence(made))
