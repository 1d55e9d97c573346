"""Features laid out in a plane, to be looked at: where classes, subjects and poses come to lie."""

from __future__ import annotations

from math import isnan
from typing import Any

import numpy as np
import numpy.typing as npt

from ferbench.representation.options import FeatureMapOptions
from ferbench.representation.representations import Features, Measured, NotMeasured, Representations

DECIMALS = 3
NEIGHBOURS = 10


def feature_map(given: Representations, options: FeatureMapOptions) -> Measured:
    """Return points of the plane for some test images, and how far they can be trusted.

    Keys: a representation, the trustworthiness of its map (Venna & Kaski, 2001): 1 where the ten nearest in the plane
    are near in the features too, about 0.5 where they are any images. Arrays: `at/<representation>` (M, 2), scaled to
    [0, 1]; `label` (M,) classes; `subject` (M,) numbers and `yaw` (M,) degrees, None where unknown, where the test
    data have them. A representation may be called as one of these.

    Raises:
        NotMeasured: fewer than ten images, or NaN among the features.
    """
    from sklearn.manifold import trustworthiness

    part = given.at_most(options.images, "feature-map")
    if len(part) < NEIGHBOURS:
        raise NotMeasured(f"a map needs at least {NEIGHBOURS} test images")
    arrays: dict[str, list[Any]] = {"label": part.labels.tolist()}
    if "subject" in part.columns:
        arrays["subject"] = np.unique(part.columns["subject"], return_inverse=True)[1].tolist()
    if "pose" in part.columns:
        yaws = np.asarray(part.columns["pose"], dtype=np.float64).round(1).tolist()
        arrays["yaw"] = [None if isnan(yaw) else yaw for yaw in yaws]  # a record has no NaN
    values = {}
    for name, features in part.features.items():
        points = _laid_out(features, options, part.seed_of("feature-map", name))
        near = min(NEIGHBOURS, (len(part) - 1) // 2)
        values[name] = float(trustworthiness(features, points, n_neighbors=near))
        arrays[f"at/{name}"] = _scaled(points).tolist()
    settings = {"images": len(part), "layout": options.layout, "classes": list(part.classes)}
    return Measured(values, arrays, settings)


def _laid_out(features: Features, options: FeatureMapOptions, seed: int) -> npt.NDArray[np.float64]:
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE

    width = features.shape[1]
    if width < 3:
        points = np.pad(features, ((0, 0), (0, 2 - width)))
    elif options.layout == "pca":
        points = PCA(n_components=2, random_state=seed).fit_transform(features)
    else:
        perplexity = min(options.perplexity, (len(features) - 1) / 3)
        points = TSNE(perplexity=perplexity, init="pca", random_state=seed, n_jobs=1).fit_transform(features)
    return np.asarray(points, dtype=np.float64)


def _scaled(points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return points in [0, 1], both axes by the same factor."""
    low = points.min(axis=0)
    extent = float((points.max(axis=0) - low).max()) or 1.0
    scaled: npt.NDArray[np.float64] = ((points - low) / extent).round(DECIMALS)
    return scaled
