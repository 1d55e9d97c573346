"""Distances between features of length 1: do they tell subjects apart, do they hold classes together."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ferbench.representation.draws import pairs
from ferbench.representation.representations import Features, Measured, NotMeasured, Representations, normalised

MOST_PAIRS = 5000
BINS = 40
EDGES = np.linspace(0, 2, BINS + 1)
"""Two vectors of length 1 are at most 2 apart."""

RESOLUTION = 1e-7
"""Of single precision: a mean distance below it is rounding."""

Counts = npt.NDArray[np.int64]


def distance_overlap(given: Representations) -> Measured:
    """Return how much the distances within subjects and between subjects overlap, for each representation.

    Intersection over union of two histograms of Euclidean distances between features of length 1, 40 bins over
    [0, 2], of equally many pairs of either kind: 0 where a threshold would tell all pairs, 1 where distances say
    nothing of who is who. The histograms are stored as `<representation>/same` and `<representation>/different`.

    Raises:
        NotMeasured: there are no pairs of one of the kinds.
    """
    subjects = np.unique(given.columns["subject"], return_inverse=True)[1]
    same = pairs(subjects, MOST_PAIRS, given.rng("distance", "same"), within=True)
    different = pairs(subjects, MOST_PAIRS, given.rng("distance", "different"), within=False)
    count = min(len(same[0]), len(different[0]))
    if count == 0:
        raise NotMeasured("the test images are of one subject, or no subject has two of them")
    values: dict[str, float] = {}
    arrays: dict[str, Counts] = {}
    for name, features in given.features.items():
        unit = normalised(features)
        for kind, (first, second) in (("same", same), ("different", different)):
            arrays[f"{name}/{kind}"] = _histogram(unit, first[:count], second[:count])
        values[name] = intersection_over_union(arrays[f"{name}/same"], arrays[f"{name}/different"])
    settings = {"pairs_of_each_kind": count, "bins": BINS, "range": [0, 2]}
    return Measured(values, arrays, settings)


def _histogram(unit: Features, first: npt.NDArray[np.int64], second: npt.NDArray[np.int64]) -> Counts:
    apart = np.linalg.norm(unit[first] - unit[second], axis=1)
    counts: Counts = np.histogram(np.clip(apart, 0, 2), bins=EDGES)[0]  # rounding may pass 2 by a hair
    return counts


def intersection_over_union(first: Counts, second: Counts) -> float:
    """Return Σ min / Σ max of two histograms over the same bins, in [0, 1].

    >>> intersection_over_union(np.asarray([2, 2, 0]), np.asarray([0, 2, 2]))
    0.3333333333333333
    """
    return float(np.minimum(first, second).sum() / np.maximum(first, second).sum())


def class_scatter(given: Representations) -> Measured:
    """Return how far classes lie apart, measured by how far they spread, for each representation.

    The mean Euclidean distance between the centroids of two classes (over all pairs of classes that occur), divided
    by the mean distance of an image to the centroid of its class (over all images); features of length 1.

    Raises:
        NotMeasured: a single class occurs.
    """
    present, classes = np.unique(given.labels, return_inverse=True)
    if len(present) < 2:
        raise NotMeasured("the test images are of one class")
    values = {name: scatter(normalised(features), classes) for name, features in given.features.items()}
    return Measured(values, settings={"images": len(given), "classes": len(present)})


def scatter(features: Features, classes: npt.NDArray[np.int64]) -> float:
    """Return the mean distance between centroids over the mean distance to the own centroid.

    Args:
        features: (N, D).
        classes: (N,) 0 … K − 1, each at least once.

    Returns:
        A ratio; infinite where every image lies on its centroid.
    """
    counts = np.bincount(classes)
    members = (classes == np.arange(len(counts))[:, None]).astype(np.float64)
    centroids = members @ features / counts[:, None]
    first, second = np.triu_indices(len(counts), k=1)
    between = np.linalg.norm(centroids[first] - centroids[second], axis=1).mean()
    within = np.linalg.norm(features - centroids[classes], axis=1).mean()
    return float(between / within) if within > RESOLUTION else float("inf")
