"""The core's protocols: official split, k-fold, label noise, cross-dataset, and all data (for weights recipes)."""

from __future__ import annotations

import hashlib
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from ferbench.errors import DataError
from ferbench.labels import shared_classes
from ferbench.protocols.base import Fold, Indices, Labels, Protocol, ProtocolOptions, Samples
from ferbench.protocols.division import assign_folds, carve_validation, given_folds


def _official_parts(samples: Samples, options: ProtocolOptions) -> tuple[Indices, Indices, Indices]:
    """Return (train, validation, test) rows; validation is carved from train unless the data set has its own."""
    split = samples.split
    if split is None:
        raise DataError(
            expected="a data set with an official split",
            found="no column 'split'",
            where="the protocol's data",
            remedy="use the protocol 'k-fold', or give the images a split",
        )
    train, validation, test = (np.flatnonzero(split == part) for part in ("train", "validation", "test"))
    for name, rows in (("train", train), ("test", test)):
        if len(rows) == 0:
            raise DataError(
                expected=f"images of the official {name} split",
                found="none",
                where="column 'split'",
                remedy="mark each image 'train', 'validation' or 'test'",
            )
    if len(validation) == 0:
        train, validation = carve_validation(samples, train, options.validation, options.split_seed)
    return train, validation, test


def _plain_fold(samples: Samples, train: Indices, validation: Indices, test: Indices) -> Fold:
    labels = samples.labels
    return Fold(samples.classes, train, labels[train], validation, labels[validation], test, labels[test])


class Official(Protocol[ProtocolOptions]):
    """The data set's own division into train and test."""

    label = "official"
    needs: ClassVar[frozenset[str]] = frozenset({"split"})

    def split(self, samples: Samples, fold: int, seed: int, test_samples: Samples | None = None) -> Fold:
        """Return the official division with a validation part out of its training data."""
        return _plain_fold(samples, *_official_parts(samples, self.options))


class KFoldOptions(ProtocolOptions):
    """Options of k-fold cross-validation.

    Attributes:
        k: how many folds.
        folds: drawn here, or given by the data set's column `fold`: another laboratory's, to the letter.
    """

    k: int = Field(default=10, ge=2, le=1000)
    folds: Literal["drawn", "given"] = "drawn"


class KFold(Protocol[KFoldOptions]):
    """k folds over all images: by subject where the data set has subjects, stratified otherwise; or the data set's."""

    @property
    def label(self) -> str:
        """Return such as `10-fold`; folds that the data set gives are told."""
        return f"{self.options.k}-fold" + ("-given" if self.options.folds == "given" else "")

    @property
    def needs(self) -> frozenset[str]:  # type: ignore[override]  # what it needs depends on its options
        """Return the column of given folds."""
        return frozenset({"fold"} if self.options.folds == "given" else ())

    @property
    def folds(self) -> int:
        """Return k."""
        return self.options.k

    def split(self, samples: Samples, fold: int, seed: int, test_samples: Samples | None = None) -> Fold:
        """Test on fold number `fold`, train on the others."""
        rows = np.arange(len(samples))
        if self.options.folds == "given":
            numbers = given_folds(samples, self.options.k)
        else:
            numbers = assign_folds(samples, rows, self.options.k, self.options.split_seed)
        train, validation = carve_validation(
            samples, rows[numbers != fold], self.options.validation, self.options.split_seed
        )
        return _plain_fold(samples, train, validation, rows[numbers == fold])


class LabelNoiseOptions(ProtocolOptions):
    """Options of symmetric label noise."""

    rate: float = Field(gt=0, lt=1)
    clean_validation: bool = False


def noisy_labels(ids: npt.NDArray[np.str_], labels: Labels, classes: int, rate: float, seed: int) -> Labels:
    """Replace each label with probability `rate` by one of the other classes, uniformly.

    Independent draws as in SCN (Wang et al., CVPR 2020) and EAC (Zhang et al., ECCV 2022). Each draw is a hash
    of sample id and seed: the same on every machine, in any order, and nested in the rate (a label changed at
    10 % is changed to the same class at 20 %).

    Args:
        ids: (N,) sample ids.
        labels: (N,) true labels.
        classes: number of classes K, at least 2.
        rate: probability of a change.
        seed: of the draw.

    Returns:
        (N,) labels.
    """
    result = labels.copy()
    for row, sample in enumerate(ids):
        bits = hashlib.sha256(f"label-noise\0{seed}\0{sample}".encode()).digest()
        if int.from_bytes(bits[:8], "big") / 2**64 < rate:
            shift = 1 + int.from_bytes(bits[8:16], "big") % (classes - 1)
            result[row] = (labels[row] + shift) % classes
    return result


class LabelNoise(Protocol[LabelNoiseOptions]):
    """Symmetric noise on the training labels of the official split."""

    needs: ClassVar[frozenset[str]] = frozenset({"split"})

    @property
    def label(self) -> str:
        """Return such as `noise-20`; a clean validation part is told."""
        return f"noise-{self.options.rate * 100:g}" + ("-clean-validation" if self.options.clean_validation else "")

    def split(self, samples: Samples, fold: int, seed: int, test_samples: Samples | None = None) -> Fold:
        """Change training labels; validation labels too, unless `clean_validation`; test labels never."""
        train, validation, test = _official_parts(samples, self.options)
        count, rate = len(samples.classes), self.options.rate
        train_labels = noisy_labels(samples.ids[train], samples.labels[train], count, rate, seed)
        validation_labels = samples.labels[validation]
        if not self.options.clean_validation:
            validation_labels = noisy_labels(samples.ids[validation], validation_labels, count, rate, seed)
        changed = int((train_labels != samples.labels[train]).sum())
        notes = {"labels_changed": changed, "labels": len(train), "clean_validation": self.options.clean_validation}
        return Fold(
            samples.classes,
            train,
            train_labels,
            validation,
            validation_labels,
            test,
            samples.labels[test],
            notes,
        )


class CrossDataset(Protocol[ProtocolOptions]):
    """Train on one data set's training split, test on another's test split, on the classes both have."""

    label = "cross-dataset"
    crosses: ClassVar[bool] = True

    def split(self, samples: Samples, fold: int, seed: int, test_samples: Samples | None = None) -> Fold:
        """Train on `samples`' training part (all, where there is no split), test on `test_samples`' test part."""
        assert test_samples is not None  # the harness gives it to a protocol that crosses
        shared = shared_classes(samples.classes, test_samples.classes)
        if len(shared.names) < 2:
            raise DataError(
                expected="two data sets with at least two classes in common",
                found=f"{list(samples.classes)} and {list(test_samples.classes)}",
                where="the cross-dataset protocol",
                remedy="choose data sets of one label space",
            )
        train = self._rows(samples, "train", shared.names)
        validation = self._rows(samples, "validation", shared.names) if samples.split is not None else train[:0]
        if len(validation) == 0:
            train, validation = carve_validation(samples, train, self.options.validation, self.options.split_seed)
        test = self._rows(test_samples, "test", shared.names)
        own, other = (_renumbered(s.classes, shared.names) for s in (samples, test_samples))
        notes = {"classes_dropped": {"train": list(shared.dropped_first), "test": list(shared.dropped_second)}}
        return Fold(
            shared.names,
            train,
            own[samples.labels[train]],
            validation,
            own[samples.labels[validation]],
            test,
            other[test_samples.labels[test]],
            notes,
        )

    @staticmethod
    def _rows(samples: Samples, part: str, names: tuple[str, ...]) -> Indices:
        wanted = np.isin(np.asarray(samples.classes)[samples.labels], names)
        if samples.split is not None:
            wanted &= samples.split == part
        return np.flatnonzero(wanted)


def _renumbered(classes: tuple[str, ...], names: tuple[str, ...]) -> Labels:
    return np.asarray([names.index(name) if name in names else -1 for name in classes], dtype=np.int64)


class AllData(Protocol[ProtocolOptions]):
    """Train on everything but a stratified validation part; no test. For weights recipes."""

    label = "all"

    def split(self, samples: Samples, fold: int, seed: int, test_samples: Samples | None = None) -> Fold:
        """Hold out a validation part stratified by the target (subjects are often the target here)."""
        anonymous = Samples(samples.ids, samples.labels, samples.classes)
        rows = np.arange(len(samples))
        train, validation = carve_validation(anonymous, rows, self.options.validation, self.options.split_seed)
        return _plain_fold(anonymous, train, validation, rows[:0])
