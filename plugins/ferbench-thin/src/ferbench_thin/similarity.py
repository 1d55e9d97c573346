"""How much of the exogenous variable is left in the endogenous representation, by the measure that is trained."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ferbench.predictions import Predictions

QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)


def exogenous_similarity(predictions: Predictions) -> float:
    """Return the mean of |cos| of eq. 7 over test images and exogenous variables, in [0, 1] (Fig. 8).

    Images that were dropped for want of a face, which no network has seen, do not count; NaN (no value) without others.
    """
    cosine = _of_each(predictions)
    return float(cosine.mean()) if len(cosine) else float("nan")


def exogenous_similarity_quantiles(predictions: Predictions) -> dict[str, float]:
    """Return how |cos| of eq. 7 is distributed over test images (Fig. 8): its quantiles, by such as `25 %`.

    Of several exogenous variables an image counts with their mean. No values where no image was seen.
    """
    cosine = _of_each(predictions)
    return {f"{share:.0%}".replace("%", " %"): float(np.quantile(cosine, share)) for share in QUANTILES if len(cosine)}


def _of_each(predictions: Predictions) -> npt.NDArray[np.float64]:
    cosine = predictions.extras["cosine"].astype(np.float64)
    seen = cosine[~np.isnan(cosine).any(axis=1)]
    return np.asarray(seen.mean(axis=1))
