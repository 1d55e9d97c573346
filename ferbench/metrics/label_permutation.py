"""Permuted labels: predictions that fit the test labels better when some class names are exchanged.

A code read wrongly (2 for disgust where the release means fear) costs accuracy in silence. It shows in the confusion
matrix: another assignment of predicted to true classes is right more often than the names are, by more than chance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import lgamma, log

import numpy as np
import numpy.typing as npt

from ferbench.metrics.classification import confusion_matrix
from ferbench.predictions import Predictions

SIGNIFICANCE = 0.01
"""Probability of a false alarm on a test set with right labels, at most, over all exchanges that are looked at."""

EACH = 0.05
"""The same for each class of an exchange by itself."""


@dataclass(frozen=True)
class Permutation:
    """Classes that seem to be exchanged.

    Attributes:
        classes: in a cycle: what is predicted as the first seems to be labelled as the second, and so on.
        gain: test accuracy that the exchange would add, 0 … 1.
        probability: of such a gain or a greater one if the labels were right.
    """

    classes: tuple[str, ...]
    gain: float
    probability: float

    def __str__(self) -> str:
        """Say which classes, and what makes one think so."""
        names = f"{', '.join(self.classes[:-1])} and {self.classes[-1]}"
        return (
            f"{names} seem to be exchanged: exchanging them would raise test accuracy by {100 * self.gain:.1f} points "
            f"(p = {self.probability:.1g}); a code read wrongly on one side, or a systematic confusion"
        )


def permuted_labels(predictions: Predictions) -> list[Permutation]:
    """Find the exchanges of classes under which the predictions are right more often than chance explains.

    The assignment of predicted to true classes that is right most often (Kuhn 1955, the Hungarian method) is divided
    into cycles. Each cycle is tested as McNemar (1947) does: of the samples that are right under one of the two
    readings only, as many should be right under either. The level is divided by the number of cycles that could have
    been found (Bonferroni). Every class of a cycle must fit its new name better by itself.

    Args:
        predictions: on a test set.

    Returns:
        Exchanges, the greatest gain first; empty as a rule.
    """
    from scipy.optimize import linear_sum_assignment

    if len(predictions.ids) == 0:
        return []
    matrix = confusion_matrix(predictions)
    _, assigned = linear_sum_assignment(-matrix.T)  # assigned[p]: the true class that prediction p fits best
    found = [_tested(cycle, matrix, predictions.classes) for cycle in _cycles(assigned)]
    return sorted((one for one in found if one is not None), key=lambda one: -one.gain)


def _cycles(assigned: npt.NDArray[np.int64]) -> list[list[int]]:
    """Return the cycles of a permutation that are longer than one, each from its smallest member on."""
    cycles: list[list[int]] = []
    seen: set[int] = set()
    for start in range(len(assigned)):
        cycle, place = [], start
        while place not in seen:
            seen.add(place)
            cycle.append(place)
            place = int(assigned[place])
        if len(cycle) > 1:
            cycles.append(cycle)
    return cycles


def _log_possible(length: int, classes: int) -> float:
    """Return the logarithm of how many cycles of a length there are, times the lengths there are."""
    ordered = lgamma(classes + 1) - lgamma(classes - length + 1)  # choices in order; a cycle has `length` beginnings
    return ordered - log(length) + log(classes - 1)


def _tested(cycle: Sequence[int], matrix: npt.NDArray[np.int64], classes: Sequence[str]) -> Permutation | None:
    links = [(int(matrix[true, made]), int(matrix[made, made])) for made, true in zip(cycle, _next(cycle), strict=True)]
    # A network that says one class of everything fits another one better too: each class must give evidence.
    if any(_probability(*link) > EACH for link in links):
        return None
    exchanged, as_named = (sum(values) for values in zip(*links, strict=True))
    probability = _probability(exchanged, as_named)
    if log(max(probability, 1e-300)) + _log_possible(len(cycle), len(matrix)) > log(SIGNIFICANCE):
        return None
    gain = (exchanged - as_named) / int(matrix.sum())
    return Permutation(tuple(classes[place] for place in cycle), gain, probability)


def _next(cycle: Sequence[int]) -> list[int]:
    return [*cycle[1:], cycle[0]]


def _probability(exchanged: int, as_named: int) -> float:
    """Return how likely so many of both, or more, would be right under the exchange, if either were as likely."""
    from scipy.stats import binomtest

    if exchanged + as_named == 0:
        return 1.0
    return float(binomtest(exchanged, exchanged + as_named, 0.5, alternative="greater").pvalue)
