"""What every protocol must do: disjoint parts of the data it is given, the same each time, test labels untouched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ferbench.entries import ProtocolEntry
from ferbench.protocols.base import Fold, Protocol, Samples, check_fold
from ferbench.testing.configured import Configured
from ferbench.testing.findings import Failed
from ferbench.testing.running import Check

SUBJECTS, CLASSES, EACH = 24, 4, 3


@dataclass(frozen=True)
class ProtocolSubject(Configured[ProtocolEntry]):
    """A protocol under test."""

    def build(self) -> Protocol[Any]:
        """Return it."""
        protocol: Protocol[Any] = self.made()
        return protocol

    def samples(self, name: str = "toy") -> Samples:
        """Return 24 people, each with 3 images of each of 4 classes; the last quarter is the official test split."""
        person, label, _ = (axis.ravel() for axis in np.indices((SUBJECTS, CLASSES, EACH)))
        count = len(person)
        return Samples(
            ids=np.asarray([f"{name}-{number}" for number in range(count)]),
            labels=label.astype(np.int64),
            classes=tuple(f"class-{number}" for number in range(CLASSES)),
            subjects=np.asarray([f"{name}-person-{one}" for one in person]),
            split=np.where(person >= SUBJECTS * 3 // 4, "test", "train"),
            folds=np.asarray([f"fold-{one % 4}" for one in person]),
        )

    def split(self, fold: int = 0, seed: int = 0) -> Fold:
        """Return a division."""
        protocol = self.build()
        other = self.samples("other") if protocol.crosses else None
        return protocol.split(self.samples(), fold, seed, other)


def loads(subject: ProtocolSubject) -> None:
    """Have a label and at least one fold, and divide."""
    protocol = subject.build()
    if not protocol.label or protocol.folds < 1:
        raise Failed(f"label {protocol.label!r}, {protocol.folds} folds", "give it a label that says its options")
    subject.split()


def keeps_its_parts_apart(subject: ProtocolSubject) -> None:
    """Leave no image and no subject on two sides, and no class out of the training part.

    Raises:
        DataError: it does.
    """
    protocol = subject.build()
    for fold in range(protocol.folds):
        check_fold(subject.split(fold), subject.samples(), protocol.crosses, f"{protocol.label}, fold {fold}")


def gives_the_same_twice(subject: ProtocolSubject) -> None:
    """Divide alike when it is asked again."""
    one, other = subject.split(), subject.split()
    arrays = ("train", "train_labels", "validation", "validation_labels", "test", "test_labels")
    if any(not np.array_equal(getattr(one, name), getattr(other, name)) for name in arrays):
        raise Failed(
            "two divisions of the same data differ", "draw from a generator made of the seed, or from a hash of ids"
        )


def does_not_depend_on_the_order(subject: ProtocolSubject) -> None:
    """Put the same images on the same sides when the data come in another order."""
    protocol, samples = subject.build(), subject.samples()
    order = np.random.default_rng(0).permutation(len(samples))
    other = subject.samples("other") if protocol.crosses else None
    one = protocol.split(samples, 0, 0, other)
    turned = samples.take(order)
    two = protocol.split(turned, 0, 0, other)
    for name in ("train", "validation", *(() if protocol.crosses else ("test",))):
        if set(samples.ids[getattr(one, name)]) != set(turned.ids[getattr(two, name)]):
            raise Failed(
                f"the {name} part depends on the order of the data",
                "sort by id, or draw for each id by a hash of it: another machine lists files otherwise",
            )


def leaves_test_labels_true(subject: ProtocolSubject) -> None:
    """Test on the labels that the data have."""
    protocol = subject.build()
    tested = subject.samples("other") if protocol.crosses else subject.samples()
    fold = subject.split()
    names = np.asarray(fold.classes)
    if not np.array_equal(names[fold.test_labels], np.asarray(tested.classes)[tested.labels[fold.test]]):
        raise Failed("test labels are not those of the data", "change training labels alone")


PROTOCOL_CHECKS: tuple[Check[ProtocolSubject], ...] = (
    loads,
    keeps_its_parts_apart,
    gives_the_same_twice,
    does_not_depend_on_the_order,
    leaves_test_labels_true,
)
"""All checks of a protocol."""
