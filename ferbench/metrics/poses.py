"""Recognition across poses: accuracy at each yaw, of each class at each yaw, and how well the pose itself is told."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from ferbench.poses import pose_classes, yaw_steps
from ferbench.predictions import Predictions

FRONTAL = 5.0
"""Degrees of yaw up to which a face looks straight ahead."""


def _by_yaw(predictions: Predictions) -> Mapping[str, npt.NDArray[np.bool_]]:
    """Return which samples (N,) are of each pose class, by its yaw in whole degrees."""
    yaws = predictions.columns["pose"]
    centres = yaw_steps(yaws)
    if not centres:
        return {}
    places = pose_classes(yaws, centres)
    return {f"{centre:.0f}": places == place for place, centre in enumerate(centres) if (places == place).any()}


def accuracy_by_yaw(predictions: Predictions) -> Mapping[str, float]:
    """Return the accuracy at each yaw, by its degrees; of yaws without steps, in steps of 30°."""
    right = predictions.predicted == predictions.labels
    return {yaw: float(right[here].mean()) for yaw, here in _by_yaw(predictions).items()}


def recall_by_yaw(predictions: Predictions) -> Mapping[str, float]:
    """Return the recall of each class at each yaw, as `class/degrees`."""
    right = predictions.predicted == predictions.labels
    table: dict[str, float] = {}
    for number, name in enumerate(predictions.classes):
        for yaw, here in _by_yaw(predictions).items():
            chosen = here & (predictions.labels == number)
            if chosen.any():
                table[f"{name}/{yaw}"] = float(right[chosen].mean())
    return table


def frontal_accuracy(predictions: Predictions) -> float:
    """Return the accuracy on faces turned by 5° at most; NaN (no value) where there are none."""
    yaws = np.asarray(predictions.columns["pose"], dtype=np.float64)
    frontal = np.abs(yaws) <= FRONTAL
    if not frontal.any():
        return float("nan")
    return float((predictions.predicted == predictions.labels)[frontal].mean())


def pose_accuracy(predictions: Predictions) -> float:
    """Return the share of samples whose pose class is the most probable one.

    The extras `pose_probabilities` (N, P) and `pose_yaws` (N, P), the centres of the classes in degrees, come from the
    method; the true class is the centre nearest to the column `pose`.
    """
    yaws = np.asarray(predictions.columns["pose"], dtype=np.float64)
    centres = np.asarray(predictions.extras["pose_yaws"], dtype=np.float64)[0]
    order = np.argsort(centres)
    true = pose_classes(yaws, centres[order].tolist())
    told = np.asarray(predictions.extras["pose_probabilities"])[:, order].argmax(axis=1)
    known = true >= 0
    return float((told == true)[known].mean()) if known.any() else float("nan")
