"""How much of the exogenous variable is left in the endogenous representation, by the measure that is trained."""

from __future__ import annotations

from ferbench.predictions import Predictions


def exogenous_similarity(predictions: Predictions) -> float:
    """Return the mean of |cos| of eq. 7 over test images and exogenous variables, in [0, 1] (Fig. 8)."""
    return float(predictions.extras["cosine"].mean())
