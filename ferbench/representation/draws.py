"""Seeded draws among held-out images: parts that hold the same share of each group, and pairs of images."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ferbench.representation.representations import Rows

Groups = npt.NDArray[np.int64]


def ranks(groups: Groups, rng: np.random.Generator) -> Rows:
    """Return the place of each row in its group, 0 … n − 1, in an order drawn by `rng`: (N,)."""
    order = rng.permutation(len(groups))
    order = order[np.argsort(groups[order], kind="stable")]
    made = np.empty(len(groups), dtype=np.int64)
    made[order] = np.arange(len(order)) - np.searchsorted(groups[order], groups[order])
    return made


def halves(groups: Groups, rng: np.random.Generator) -> tuple[Rows, Rows]:
    """Divide rows into two halves, group by group and at random; of an odd group the first half has one more."""
    first = ranks(groups, rng) % 2 == 0
    return np.flatnonzero(first), np.flatnonzero(~first)


def pairs(groups: Groups, most: int, rng: np.random.Generator, *, within: bool) -> tuple[Rows, Rows]:
    """Draw pairs of rows, each as likely as any other and none twice.

    Args:
        groups: (N,) group of each row.
        most: how many; all there are if these are fewer.
        rng: draws.
        within: pairs of one group; else of two.

    Returns:
        (M,) first and (M,) second rows.
    """
    order = np.argsort(groups, kind="stable")
    ends = np.searchsorted(groups[order], groups[order], side="right")
    places = np.arange(len(order))
    # In order of groups, the partners of a place are a range: the rest of its group, or all that follows the group.
    begins, stops = (places + 1, ends) if within else (ends, np.full(len(order), len(order)))
    reached = np.cumsum(stops - begins)
    count = int(reached[-1]) if len(reached) else 0
    numbers = rng.choice(count, min(most, count), replace=False) if count else np.empty(0, dtype=np.int64)
    first = np.searchsorted(reached, numbers, side="right")
    second = stops[first] - (reached[first] - numbers)
    return order[first], order[second]


def partners(groups: Groups, rows: Rows, pool: Rows, each: int, rng: np.random.Generator) -> tuple[Rows, Rows]:
    """Draw for each of some rows others of its group, with equal probability.

    Args:
        groups: (N,) group of each row.
        rows: who wants partners; part of the pool.
        pool: who may be one.
        each: how many for each row; one may be drawn twice.
        rng: draws.

    Returns:
        (M,) first and (M,) second rows; rows that are alone of their group in the pool are in no pair.
    """
    order = pool[np.argsort(groups[pool], kind="stable")]
    begins = np.searchsorted(groups[order], groups[order], side="left")
    counts = np.searchsorted(groups[order], groups[order], side="right") - begins
    places = np.repeat(np.flatnonzero(np.isin(order, rows) & (counts > 1)), each)
    # A step of 1 to n − 1 around the circle of a group reaches each of the others with equal probability.
    steps = rng.integers(1, counts[places])
    second = begins[places] + (places - begins[places] + steps) % counts[places]
    return order[places], order[second]
