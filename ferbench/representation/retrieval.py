"""Whose images lie nearest to an image: precision among the k nearest of the other test images, by cosine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from ferbench.representation.draws import Groups
from ferbench.representation.representations import Features, Measured, Representations, normalised

DEPTHS = (1, 5, 10)
MOST = 10_000
"""Images above which as many are drawn with the seed, for queries and neighbours alike."""

CHUNK = 512
DECIMALS = 6
"""Similarities that agree to so many decimals are equal: equal features must tie however their sums were rounded."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Search:
    """Who is searched, and what counts as found there.

    Attributes:
        hidden: (N,) a query never finds images of its own group of these: itself, or its own subject.
        sought: (N,) groups by name of the question; an image of the query's group is a hit.
    """

    hidden: Groups
    sought: Mapping[str, Groups]

    @cached_property
    def candidates(self) -> Groups:
        """(N,) how many images each query can find."""
        return len(self.hidden) - _sizes(self.hidden)

    def chance(self, groups: Groups) -> float:
        """Return the precision of neighbours drawn at random, over the queries that can find any."""
        joint = np.unique(np.stack([groups, self.hidden]), axis=1, return_inverse=True)[1].reshape(-1)
        some = self.candidates > 0
        right = _sizes(groups) - _sizes(joint)
        return float((right[some] / self.candidates[some]).mean()) if some.any() else float("nan")


def _sizes(groups: Groups) -> Groups:
    """Return the size of the group of each row."""
    _, inverse, counts = np.unique(groups, return_inverse=True, return_counts=True)
    sizes: Groups = counts[inverse]
    return sizes


def retrieval(given: Representations) -> Measured:
    """Return precision@k by class and by subject; an image is never its own neighbour.

    Keys: `<representation>/<by>@<k>`, where `<by>` is `label`, `subject`, or `label-across-subjects`: by class,
    with the query's own subject left out of what is searched, so that looking alike does not help. `chance/<by>`: the
    precision of neighbours drawn at random. A key is missing where no query can find k images; by subject, no more
    than a subject's other images can be right among the k.
    """
    part = given.at_most(MOST, "retrieval")
    searches = _searches(part)
    values: dict[str, float] = {}
    queries: dict[str, int] = {}
    for name, features in part.features.items():
        for (by, depth), shares in _shares(normalised(features), searches).items():
            values[f"{name}/{by}@{depth}"] = float(shares.mean())
            queries[f"{by}@{depth}"] = len(shares)
    for search in searches:
        values |= {f"chance/{by}": search.chance(groups) for by, groups in search.sought.items()}
    lacking = {} if "subject" in part.columns else {"by subject": "the test data have no column subject"}
    settings = {"similarity": "cosine", "images": len(part), "queries": queries}
    return Measured(values, settings=settings, left_out=lacking)


def _searches(part: Representations) -> list[Search]:
    itself = np.arange(len(part))
    if "subject" not in part.columns:
        return [Search(itself, {"label": part.labels})]
    subjects = np.unique(part.columns["subject"], return_inverse=True)[1]  # numbers compare faster than names
    return [
        Search(itself, {"label": part.labels, "subject": subjects}),
        Search(subjects, {"label-across-subjects": part.labels}),
    ]


def _shares(unit: Features, searches: Sequence[Search]) -> dict[tuple[str, int], Floats]:
    """Return the precision of each query that can find k images, by question and k, where there is any."""
    found: dict[tuple[str, int], list[Floats]] = {}
    for start in range(0, len(unit), CHUNK):
        rows = np.arange(start, min(start + CHUNK, len(unit)))
        whole = np.round(unit[rows] @ unit.T, DECIMALS)
        for search in searches:
            similarity = np.where(search.hidden[rows, None] == search.hidden, np.float32(-np.inf), whole)
            for depth in DEPTHS:
                enough = search.candidates[rows] >= depth
                if not enough.any():
                    continue
                for by, shares in precision(similarity[enough], rows[enough], search.sought, depth).items():
                    found.setdefault((by, depth), []).append(shares)
    return {place: np.concatenate(parts) for place, parts in found.items()}


def precision(similarity: Features, rows: Groups, sought: Mapping[str, Groups], depth: int) -> dict[str, Floats]:
    """Return the precision among the `depth` nearest of each query: (Q,) in [0, 1], for each question.

    Of several that are equally near and more than there is room for, each counts the same part: the order of the
    data, which is often that of subjects, decides nothing.

    Args:
        similarity: (Q, N), −∞ where an image may not be found; at least `depth` of a row are finite.
        rows: (Q,) which images ask.
        sought: (N,) groups by question.
        depth: k.
    """
    places = similarity.shape[1] - depth
    last = np.partition(similarity, places, axis=1)[:, places]
    query, other = np.nonzero(similarity >= last[:, None])
    level = similarity[query, other] == last[query]
    nearer, tied = (np.bincount(query[kind], minlength=len(rows)) for kind in (~level, level))
    weight = np.where(level, ((depth - nearer) / tied)[query], 1.0) / depth
    shares: dict[str, Floats] = {}
    for by, groups in sought.items():
        right = np.where(groups[rows[query]] == groups[other], weight, 0.0)
        shares[by] = np.bincount(query, weights=right, minlength=len(rows)).astype(np.float64)
    return shares
