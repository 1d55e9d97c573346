"""How much of the exogenous variable is left in the endogenous representation, by the measure that is trained."""

from __future__ import annotations

import numpy as np

from ferbench.predictions import Predictions


def exogenous_similarity(predictions: Predictions) -> float:
    """Return the mean of |cos| of eq. 7 over test images and exogenous variables, in [0, 1] (Fig. 8).

    Images that were dropped for want of a face, which no network has seen, do not count; NaN (no value) without others.
    """
    cosine = predictions.extras["cosine"]
    seen = cosine[~np.isnan(cosine).any(axis=1)]
    return float(seen.mean()) if len(seen) else float("nan")
