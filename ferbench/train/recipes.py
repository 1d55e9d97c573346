"""Batch recipes: which samples make a batch. Pure functions of (labels, columns, random generator of the epoch)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from ferbench.errors import ConfigError

Indices = npt.NDArray[np.int64]


class Recipe(Protocol):
    """How the batches of an epoch are drawn."""

    def batches(
        self, labels: Indices, columns: Mapping[str, npt.NDArray[np.generic]], rng: np.random.Generator
    ) -> Sequence[Indices]:
        """Return the batches of one epoch: each (B,) positions in the training set, or (B, G) groups.

        Args:
            labels: (N,) training labels.
            columns: (N, …) training columns.
            rng: seeded by cell, stage and epoch; nothing else may be random.
        """


def _check_size(name: str, size: int) -> None:
    if size < 1:
        raise ConfigError(expected=f"{name} of at least 1", found=str(size), where="a batch recipe", remedy="raise it")


def _cut(order: Indices, size: int, *, drop_single: bool) -> list[Indices]:
    """Cut an order into batches; a last batch of one is dropped where batch norm could not train on it."""
    batches = [order[start : start + size] for start in range(0, len(order), size)]
    if drop_single and len(batches) > 1 and len(batches[-1]) == 1:
        batches.pop()
    return batches


@dataclass(frozen=True)
class Shuffled:
    """Every sample once an epoch, in random order. A last batch of one sample is left out.

    Attributes:
        batch_size: B.
    """

    batch_size: int = 64

    def __post_init__(self) -> None:
        """Check the size."""
        _check_size("batch_size", self.batch_size)

    def batches(
        self, labels: Indices, columns: Mapping[str, npt.NDArray[np.generic]], rng: np.random.Generator
    ) -> Sequence[Indices]:
        """Return ⌈N / B⌉ batches, one fewer where the last would hold a single sample."""
        return _cut(rng.permutation(len(labels)), self.batch_size, drop_single=True)


@dataclass(frozen=True)
class ClassBalanced:
    """Equally many samples of each class; `per_class` of each an epoch, the rarest class's count by default.

    Attributes:
        batch_size: B.
        per_class: samples of each class an epoch; classes with fewer are drawn again from the start.
    """

    batch_size: int = 64
    per_class: int | None = None

    def __post_init__(self) -> None:
        """Check the size."""
        _check_size("batch_size", self.batch_size)

    def batches(
        self, labels: Indices, columns: Mapping[str, npt.NDArray[np.generic]], rng: np.random.Generator
    ) -> Sequence[Indices]:
        """Return batches in which the K classes take turns: every K samples from the first on hold each class once."""
        classes, counts = np.unique(labels, return_counts=True)
        wanted = self.per_class or int(counts.min())
        columns_of_turns = [_repeated(np.flatnonzero(labels == label), wanted, rng) for label in classes]
        turns = rng.permuted(np.stack(columns_of_turns, axis=1), axis=1)
        return _cut(turns.reshape(-1), self.batch_size, drop_single=True)


def _repeated(members: Indices, count: int, rng: np.random.Generator) -> Indices:
    rounds = -(-count // len(members))
    return np.concatenate([rng.permutation(members) for _ in range(rounds)])[:count]


@dataclass(frozen=True)
class Groups:
    """Groups of distinct samples that share a value: same-expression pairs are `Groups(size=2)`.

    Every sample is drawn at most once an epoch; what is left over of a value (fewer than `size`) is left out.

    Attributes:
        groups: groups in a batch, B.
        size: samples in a group, G.
        by: `label` or a training column.
    """

    groups: int = 16
    size: int = 2
    by: str = "label"

    def __post_init__(self) -> None:
        """Check the sizes."""
        _check_size("groups", self.groups)
        _check_size("size", self.size)

    def batches(
        self, labels: Indices, columns: Mapping[str, npt.NDArray[np.generic]], rng: np.random.Generator
    ) -> Sequence[Indices]:
        """Return batches of (B, G) positions.

        Raises:
            ConfigError: there is no such column, or no value has as many samples as a group.
        """
        if self.by != "label" and self.by not in columns:
            raise ConfigError(
                expected=f"a training column among {', '.join(['label', *sorted(columns)])}",
                found=repr(self.by),
                where="the batch recipe Groups",
                remedy="let the method's entry require that column",
            )
        values = labels if self.by == "label" else np.unique(columns[self.by], return_inverse=True)[1]
        found = []
        for value in np.unique(values):
            members = rng.permutation(np.flatnonzero(values == value))
            whole = len(members) // self.size * self.size
            found.append(members[:whole].reshape(-1, self.size))
        groups = np.concatenate(found)
        if len(groups) == 0:
            raise ConfigError(
                expected=f"at least {self.size} training samples of some {self.by}",
                found="fewer of each",
                where="the batch recipe Groups",
                remedy="use more data, or smaller groups",
            )
        order = rng.permutation(len(groups))
        return [groups[batch] for batch in _cut(order, self.groups, drop_single=False)]
