"""Five-tuples: an anchor with a positive and a negative sample of its pose, and the same of its subject."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ferbench.errors import ConfigError
from ferbench.poses import pose_classes, yaw_steps
from ferbench.train.recipes import Indices

ANCHOR, POSE_POSITIVE, POSE_NEGATIVE, SUBJECT_POSITIVE, SUBJECT_NEGATIVE = range(5)
"""Places in a tuple."""


@dataclass(frozen=True)
class FiveTuples:
    """Groups of five distinct samples, each drawn at most once an epoch: what pulls and what pushes an anchor.

    In a group (5,) stand the anchor; one with its class in another pose; one of another class in its pose; one with its
    class of another subject; one of another class of its subject. Anchors come in random order and take the others
    at random among the samples that are left, until no tuple is left. Samples without a pose or a
    subject are in none.

    Attributes:
        groups: tuples in a batch, B; a last batch may have fewer.
        yaws: centres of the pose classes, degrees; by default the steps at which the training data was taken.
        no_subject: code of samples whose subject is unknown.
    """

    groups: int = 3
    yaws: tuple[float, ...] = ()
    no_subject: int = -1

    def __post_init__(self) -> None:
        """Check the size."""
        if self.groups < 1:
            raise ConfigError(
                expected="groups of at least 1", found=str(self.groups), where="a batch recipe", remedy="raise it"
            )

    def batches(
        self, labels: Indices, columns: Mapping[str, npt.NDArray[np.generic]], rng: np.random.Generator
    ) -> Sequence[Indices]:
        """Return batches of (B, 5) positions.

        Raises:
            ConfigError: the data has no subject or pose, or there is no tuple in it.
        """
        lacking = [name for name in ("subject", "pose") if name not in columns]
        if lacking:
            raise ConfigError(
                expected="training columns subject and pose",
                found=f"no {' and no '.join(lacking)}",
                where="the batch recipe FiveTuples",
                remedy="let the method's entry require them",
            )
        yaws = columns["pose"]
        poses = pose_classes(yaws, self.yaws or yaw_steps(yaws))
        subjects = np.asarray(columns["subject"]).astype(np.int64)
        known = np.flatnonzero((poses >= 0) & (subjects != self.no_subject))
        tuples = _construct(labels[known], poses[known], subjects[known], random.Random(int(rng.integers(2**63))))
        if not len(tuples):
            raise ConfigError(
                expected="a training image beside which stand, among the others, one with its expression in another "
                "pose and one of another subject, one of another expression in its pose and one of its subject",
                found=f"none among {len(labels)} images, {len(known)} of them with a subject and a pose",
                where="the batch recipe FiveTuples",
                remedy="use data with several poses and expressions of each subject",
            )
        found = known[tuples]
        return [found[start : start + self.groups] for start in range(0, len(found), self.groups)]


def _construct(labels: Indices, poses: Indices, subjects: Indices, chance: random.Random) -> Indices:
    """Return (T, 5) positions. About N log N draws: nothing is searched."""
    kinds = {name: values.tolist() for name, values in (("label", labels), ("pose", poses), ("subject", subjects))}
    left = _Left(kinds, chance)
    order = list(range(len(labels)))
    chance.shuffle(order)
    tuples = [found for anchor in order if anchor in left and (found := left.take(anchor)) is not None]
    return np.asarray(tuples, dtype=np.int64).reshape(-1, 5)


# What the four others have in common with the anchor, and in what they differ, in the order of a tuple.
_RELATIONS = (("label", "pose"), ("pose", "label"), ("label", "subject"), ("subject", "label"))


class _Left:
    """The samples that are in no tuple yet, ready to be drawn by what they have in common with an anchor.

    Args:
        kinds: class, pose and subject of each sample.
        chance: draws.
    """

    def __init__(self, kinds: Mapping[str, list[int]], chance: random.Random) -> None:
        self._kinds, self._chance = kinds, chance
        count = len(kinds["label"])
        self._members: dict[str, dict[int, list[int]]] = {name: {} for name in kinds}
        self._places: dict[str, list[int]] = {name: [0] * count for name in kinds}
        # How many share both values of a relation: what must be taken off those that share the first.
        self._both: dict[str, dict[tuple[int, int], int]] = {"pose": {}, "subject": {}}
        self._here = [False] * count
        for sample in range(count):
            self._add(sample)

    def __contains__(self, sample: int) -> bool:
        return self._here[sample]

    def take(self, anchor: int) -> list[int] | None:
        """Return the anchor with four others and take them out; None, and leave all, where one cannot be had.

        The relation with fewer candidates draws first. Both positive relations draw from one class, both negative ones
        from others, and so whatever can be had is had.
        """
        found = [anchor, -1, -1, -1, -1]
        self._remove(anchor)
        for first, second in ((POSE_POSITIVE, SUBJECT_POSITIVE), (POSE_NEGATIVE, SUBJECT_NEGATIVE)):
            for place in sorted((first, second), key=lambda place: self._count(anchor, *_RELATIONS[place - 1])):
                chosen = self._draw(anchor, *_RELATIONS[place - 1])
                if chosen is None:
                    for sample in found:
                        if sample >= 0:
                            self._add(sample)
                    return None
                self._remove(chosen)
                found[place] = chosen
        return found

    def _count(self, anchor: int, same: str, other: str) -> int:
        values = self._kinds
        label = values["label"][anchor]
        kind = other if same == "label" else same
        alike = len(self._members[same].get(values[same][anchor], ()))
        return alike - self._both[kind].get((label, values[kind][anchor]), 0)

    def _draw(self, anchor: int, same: str, other: str) -> int | None:
        """Return a sample that has `same` in common with the anchor and differs in `other`.

        Draws until one differs. Where few do, that takes long, but each success leaves fewer: k among n cost
        n log k draws before they are used up.
        """
        if self._count(anchor, same, other) == 0:
            return None
        members, values = self._members[same][self._kinds[same][anchor]], self._kinds[other]
        while True:
            sample = members[int(self._chance.random() * len(members))]
            if values[sample] != values[anchor]:
                return sample

    def _add(self, sample: int) -> None:
        for name, values in self._kinds.items():
            members = self._members[name].setdefault(values[sample], [])
            self._places[name][sample] = len(members)
            members.append(sample)
        self._here[sample] = True
        self._tally(sample, 1)

    def _remove(self, sample: int) -> None:
        for name, values in self._kinds.items():
            members, places = self._members[name][values[sample]], self._places[name]
            last = members.pop()
            if last != sample:
                members[places[sample]], places[last] = last, places[sample]
        self._here[sample] = False
        self._tally(sample, -1)

    def _tally(self, sample: int, step: int) -> None:
        label = self._kinds["label"][sample]
        for kind, counts in self._both.items():
            key = (label, self._kinds[kind][sample])
            counts[key] = counts.get(key, 0) + step
