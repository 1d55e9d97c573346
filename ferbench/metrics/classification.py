"""The core's metrics of classification. scikit-learn computes what scikit-learn has."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from ferbench.predictions import Predictions


def accuracy(predictions: Predictions) -> float:
    """Return the share of samples whose most probable class is the true one (FER papers: WAR)."""
    return float((predictions.predicted == predictions.labels).mean())


def confusion_matrix(predictions: Predictions) -> npt.NDArray[np.int64]:
    """Return the (K, K) counts: rows true classes, columns predicted ones."""
    from sklearn.metrics import confusion_matrix as counts

    matrix: npt.NDArray[np.int64] = counts(
        predictions.labels, predictions.predicted, labels=np.arange(len(predictions.classes))
    )
    return matrix


def confusion(predictions: Predictions) -> Mapping[str, float]:
    """Return the confusion matrix as `true/predicted` → count."""
    matrix, names = confusion_matrix(predictions), predictions.classes
    return {f"{true}/{made}": float(matrix[i, j]) for i, true in enumerate(names) for j, made in enumerate(names)}


def class_recall(predictions: Predictions) -> Mapping[str, float]:
    """Return the recall of each class that occurs in the test data."""
    matrix = confusion_matrix(predictions)
    totals = matrix.sum(axis=1)
    return {name: float(matrix[i, i] / totals[i]) for i, name in enumerate(predictions.classes) if totals[i] > 0}


def mean_class_accuracy(predictions: Predictions) -> float:
    """Return the mean recall over the classes that occur (FER papers: UAR, average accuracy)."""
    return float(np.mean(list(class_recall(predictions).values())))


def _macro(predictions: Predictions) -> tuple[float, float, float]:
    from sklearn.metrics import precision_recall_fscore_support

    present = np.unique(predictions.labels)
    precision, recall, f1, _ = precision_recall_fscore_support(
        predictions.labels, predictions.predicted, labels=present, average="macro", zero_division=0
    )
    return float(precision), float(recall), float(f1)


def macro_precision(predictions: Predictions) -> float:
    """Return the precision averaged over the classes that occur; a class never predicted counts 0."""
    return _macro(predictions)[0]


def macro_recall(predictions: Predictions) -> float:
    """Return the recall averaged over the classes that occur."""
    return _macro(predictions)[1]


def macro_f1(predictions: Predictions) -> float:
    """Return the F1 averaged over the classes that occur."""
    return _macro(predictions)[2]


BINS = 15
"""Of confidence, equally wide."""


def confidence_bins(predictions: Predictions, bins: int = BINS) -> npt.NDArray[np.float64]:
    """Return (bins, 3) by bin of confidence: samples, summed confidence, correct ones; of several tests they add up."""
    confidence = predictions.probabilities.max(axis=1).astype(np.float64)
    correct = (predictions.predicted == predictions.labels).astype(np.float64)
    rows = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    sums = [np.bincount(rows, weights=weights, minlength=bins) for weights in (None, confidence, correct)]
    return np.stack(sums, axis=1).astype(np.float64)


def expected_calibration_error(bins: npt.NDArray[np.float64]) -> float:
    """Return the expected calibration error (Guo et al., ICML 2017) of bins of confidence (bins, 3).

    The mean over samples of |accuracy − confidence| of their bin.
    """
    return float(np.abs(bins[:, 2] - bins[:, 1]).sum() / bins[:, 0].sum())


def calibration_error(predictions: Predictions, bins: int = BINS) -> float:
    """Return the expected calibration error, in 15 bins by default."""
    return expected_calibration_error(confidence_bins(predictions, bins))
