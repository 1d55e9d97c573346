"""The metric of dispelling, on numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from ferbench.predictions import Predictions
from ferbench_thin.similarity import exogenous_similarity, exogenous_similarity_quantiles


def predictions(cosine: list[list[float]]) -> Predictions:
    count = len(cosine)
    known = np.full((count, 2), 0.5, np.float32), np.zeros(count, np.int64)
    return Predictions(np.arange(count).astype(str), *known, ("a", "b"), {}, {"cosine": np.array(cosine, np.float32)})


def test_the_mean_is_over_images_and_variables() -> None:
    assert exogenous_similarity(predictions([[0.1, 0.3], [0.5, 0.7]])) == pytest.approx(0.4)


def test_images_that_no_network_has_seen_do_not_count() -> None:
    """Such test images, without a face, have NaN for what a method says beside its answer."""
    assert exogenous_similarity(predictions([[0.1], [np.nan], [0.5]])) == pytest.approx(0.3)
    assert np.isnan(exogenous_similarity(predictions([[np.nan]])))


def test_its_quantiles_are_of_images_that_were_seen() -> None:
    found = exogenous_similarity_quantiles(predictions([[0.1, 0.3], [np.nan, 0.5], [0.5, 0.7], [1.0, 1.0]]))
    assert list(found) == ["10 %", "25 %", "50 %", "75 %", "90 %"]
    assert list(found.values()) == pytest.approx(np.quantile([0.2, 0.6, 1.0], [0.1, 0.25, 0.5, 0.75, 0.9]))
    assert exogenous_similarity_quantiles(predictions([[np.nan]])) == {}
