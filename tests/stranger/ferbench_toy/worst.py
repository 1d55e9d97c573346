"""A stranger's metric."""

from __future__ import annotations

import numpy as np

from ferbench.predictions import Predictions


def worst_subject(predictions: Predictions) -> float:
    """Return the lowest accuracy over subjects."""
    subjects, right = predictions.columns["subject"], predictions.predicted == predictions.labels
    return min(float(right[subjects == subject].mean()) for subject in np.unique(subjects))
