"""Some test images with the images that lie nearest to them: what a representation holds, to be looked at."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ferbench.representation.options import NeighboursOptions
from ferbench.representation.representations import Measured, NotMeasured, Representations, Rows, normalised


def neighbours(given: Representations, options: NeighboursOptions) -> Measured:
    """Return queries and their nearest test images by cosine, of every representation.

    Keys: a representation, the share of the shown neighbours that have the query's class. Arrays: `queries` (Q,) and
    `<representation>` (Q, k), sample ids, nearest first.

    Raises:
        NotMeasured: there are no k other test images, or images have no ids.
    """
    if len(given.ids) != len(given):
        raise NotMeasured("the test images have no ids")
    if len(given) <= options.nearest:
        raise NotMeasured(f"{options.nearest} neighbours need more than {len(given)} test images")
    queries = _queries(given, options.queries)
    values: dict[str, float] = {}
    arrays: dict[str, Sequence[object]] = {"queries": given.ids[queries].tolist()}
    for name, features in given.features.items():
        unit = normalised(features)
        similarity = unit[queries] @ unit.T
        similarity[np.arange(len(queries)), queries] = -np.inf
        found = np.argsort(-similarity, axis=1, kind="stable")[:, : options.nearest]
        values[name] = float((given.labels[found] == given.labels[queries][:, None]).mean())
        arrays[name] = given.ids[found].tolist()
    return Measured(values, arrays, {"similarity": "cosine", "nearest": options.nearest})


def _queries(given: Representations, count: int) -> Rows:
    """Return test images drawn with the seed, classes taking turns."""
    order = given.rng("neighbours").permutation(len(given))
    labels = given.labels[order]
    turn = np.empty(len(order), dtype=np.int64)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        turn[members] = np.arange(len(members))
    chosen: Rows = order[np.lexsort((labels, turn))[:count]]
    return chosen
