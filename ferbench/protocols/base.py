"""The protocol contract: samples in, one train / validation / test division out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
import numpy.typing as npt
from pydantic import Field

from ferbench.errors import DataError
from ferbench.options import Options

Indices = npt.NDArray[np.int64]
Labels = npt.NDArray[np.int64]


class ProtocolOptions(Options):
    """What every protocol of the core understands.

    Attributes:
        validation: share of the training data held out to choose the epoch (by subject where subjects are known).
        split_seed: seed of the division, the same for every method and seed, so that all are tested alike.
    """

    validation: float = Field(default=0.1, gt=0, lt=0.5)
    split_seed: int = Field(default=0, ge=0)


OptionsT = TypeVar("OptionsT", bound=Options)


@dataclass(frozen=True)
class Samples:
    """A data set as a protocol sees it: no images.

    Attributes:
        ids: (N,) stable sample ids.
        labels: (N,) class indices into `classes`.
        classes: class names.
        subjects: (N,) subject names, or None where the data set has none.
        split: (N,) "train", "validation" or "test" of the official division, or None.
        folds: (N,) names of the folds that the data set gives, or None.
    """

    ids: npt.NDArray[np.str_]
    labels: Labels
    classes: tuple[str, ...]
    subjects: npt.NDArray[np.str_] | None = None
    split: npt.NDArray[np.str_] | None = None
    folds: npt.NDArray[np.str_] | None = None

    def __len__(self) -> int:
        """Return N."""
        return len(self.ids)

    def take(self, rows: Indices) -> Samples:
        """Return some of the samples, in the order of `rows` (M,)."""
        optional = (None if part is None else part[rows] for part in (self.subjects, self.split, self.folds))
        return Samples(self.ids[rows], self.labels[rows], self.classes, *optional)


@dataclass(frozen=True)
class Fold:
    """One train / validation / test division, with the labels a method is trained on.

    Attributes:
        classes: names that the labels below index.
        train: rows of the training data set.
        train_labels: labels as the method sees them (noisy under label noise).
        validation: rows of the training data set, disjoint from `train`.
        validation_labels: labels used for choosing the epoch.
        test: rows of the test data set.
        test_labels: true labels; they never leave the harness.
        notes: what was done (labels changed, classes dropped), for the record.
    """

    classes: tuple[str, ...]
    train: Indices
    train_labels: Labels
    validation: Indices
    validation_labels: Labels
    test: Indices
    test_labels: Labels
    notes: Mapping[str, Any] = field(default_factory=dict)


class Protocol(ABC, Generic[OptionsT]):
    """A protocol.

    Attributes:
        crosses: True when it trains on one data set and tests on another.
        needs: columns it cannot do without.
    """

    crosses: ClassVar[bool] = False
    needs: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, options: OptionsT) -> None:
        self.options = options

    @property
    @abstractmethod
    def label(self) -> str:
        """How it is printed: `official`, `10-fold`, `noise-20`."""

    @property
    def folds(self) -> int:
        """How many folds it has."""
        return 1

    @abstractmethod
    def split(self, samples: Samples, fold: int, seed: int, test_samples: Samples | None = None) -> Fold:
        """Divide the data.

        Args:
            samples: the training data set.
            fold: 0 … folds − 1.
            seed: the cell's seed, for what should vary between repetitions (which labels are noisy).
            test_samples: the other data set, for a protocol that crosses.

        Returns:
            The division. The harness checks that it is disjoint in samples and subjects.

        Raises:
            DataError: the data cannot be divided so (fewer subjects than folds, an empty class).
        """


def check_fold(fold: Fold, samples: Samples, crosses: bool, where: str) -> None:
    """Refuse a division that leaks, whoever made it.

    Raises:
        DataError: empty parts, a class without training images, samples or subjects on both sides.
    """
    _check_filled(fold, where)
    parts = {"train": fold.train, "validation": fold.validation} | ({} if crosses else {"test": fold.test})
    names = list(parts)
    for position, first in enumerate(names):
        for second in names[position + 1 :]:
            _check_disjoint(samples, (first, parts[first]), (second, parts[second]), where)


def _check_filled(fold: Fold, where: str) -> None:
    counts = np.bincount(fold.train_labels, minlength=len(fold.classes))
    empty = [name for name, count in zip(fold.classes, counts, strict=True) if count == 0]
    if empty:
        raise DataError(
            expected="training images of every class",
            found=f"none of {', '.join(empty)}",
            where=where,
            remedy="add images, or leave the empty class out of the data set",
        )
    if len(fold.validation) == 0:
        raise DataError(
            expected="at least one validation image",
            found="none",
            where=where,
            remedy="raise the protocol's 'validation' option or add training images",
        )
    if len(fold.test) == 0:
        raise DataError(
            expected="at least one test image",
            found="none",
            where=where,
            remedy="give images to the test split of the data set that is tested on",
        )


def _check_disjoint(samples: Samples, first: tuple[str, Indices], second: tuple[str, Indices], where: str) -> None:
    both = np.intersect1d(first[1], second[1])
    if len(both):
        raise DataError(
            expected=f"{first[0]} and {second[0]} without a common image",
            found=f"{len(both)} images on both sides, such as {str(samples.ids[both[0]])!r}",
            where=where,
            remedy="correct the data set's or the protocol's split",
        )
    if samples.subjects is None:
        return
    shared = np.intersect1d(samples.subjects[first[1]], samples.subjects[second[1]])
    if len(shared):
        raise DataError(
            expected=f"{first[0]} and {second[0]} without a common subject",
            found=f"{len(shared)} subjects on both sides, such as {str(shared[0])!r}",
            where=where,
            remedy="correct the data set's or the protocol's split",
        )
