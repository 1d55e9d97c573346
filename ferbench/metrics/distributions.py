"""How far an estimated label distribution is from the true one: six measures of label distribution learning.

Geng, "Label distribution learning", IEEE TKDE 28(7), 2016, table 2. Truth: the column `mixture` of the test data.
Estimate: the method's extra `label_distribution` where it gives one, else its probabilities. Each measure is the
mean over the samples whose distribution is known. Where the estimate is 0 and the truth is 0 too, a term counts 0.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ferbench.errors import MethodError
from ferbench.labels import MIXTURE
from ferbench.predictions import Predictions

ESTIMATE = "label_distribution"
FLOOR = 1e-12
"""Estimates below this count as this, or a probability that underflowed to 0 would make the divergence infinite."""

Shares = npt.NDArray[np.float64]


def distributions(predictions: Predictions) -> tuple[Shares, Shares]:
    """Return the true and the estimated distributions, (M, K) each, of the samples whose true one is known.

    Raises:
        MethodError: the estimate has another shape than the truth.
    """
    truth = np.asarray(predictions.columns[MIXTURE], dtype=np.float64)
    estimate = np.array(predictions.extras.get(ESTIMATE, predictions.probabilities), dtype=np.float64)
    if truth.shape != estimate.shape:
        raise MethodError(
            expected=f"label distributions of shape {truth.shape}, as the column {MIXTURE!r} has them",
            found=str(estimate.shape),
            where=f"the extra {ESTIMATE!r}" if ESTIMATE in predictions.extras else "the probabilities",
            remedy="give one share for each sample and class",
        )
    # An image without a face has no estimate, but an answer that is wrong: it counts like any other.
    unseen = ~np.isfinite(estimate).all(axis=1)
    estimate[unseen] = predictions.probabilities[unseen]
    known = np.isfinite(truth).all(axis=1)
    return truth[known], estimate[known]


def _mean(values: Shares) -> float:
    return float(values.mean()) if len(values) else float("nan")


def kl_divergence(predictions: Predictions) -> float:
    """Return the mean Kullback–Leibler divergence of the estimate p from the truth d: Σ d ln(d / p), in nats."""
    truth, estimate = distributions(predictions)
    ratio = np.where(truth > 0, truth, 1) / np.maximum(estimate, FLOOR)
    return _mean((truth * np.log(ratio)).sum(axis=1))


def chebyshev(predictions: Predictions) -> float:
    """Return the mean Chebyshev distance, max |d − p|, in [0, 1]."""
    truth, estimate = distributions(predictions)
    return _mean(np.abs(truth - estimate).max(axis=1))


def clark(predictions: Predictions) -> float:
    """Return the mean Clark distance, √Σ ((d − p) / (d + p))², in [0, √K]."""
    truth, estimate = distributions(predictions)
    return _mean(np.sqrt(np.square(_relative(truth, estimate)).sum(axis=1)))


def canberra(predictions: Predictions) -> float:
    """Return the mean Canberra metric, Σ |d − p| / (d + p), in [0, K]."""
    truth, estimate = distributions(predictions)
    return _mean(np.abs(_relative(truth, estimate)).sum(axis=1))


def _relative(truth: Shares, estimate: Shares) -> Shares:
    total = truth + estimate
    relative: Shares = np.divide(truth - estimate, total, out=np.zeros_like(total), where=total > 0)
    return relative


def cosine(predictions: Predictions) -> float:
    """Return the mean cosine of the angle between truth and estimate, in [0, 1]; 1 is best."""
    truth, estimate = distributions(predictions)
    return _mean((truth * estimate).sum(axis=1) / (np.linalg.norm(truth, axis=1) * np.linalg.norm(estimate, axis=1)))


def intersection(predictions: Predictions) -> float:
    """Return the mean intersection, Σ min(d, p), in [0, 1]; 1 is best."""
    truth, estimate = distributions(predictions)
    return _mean(np.minimum(truth, estimate).sum(axis=1))
