"""Seeded divisions shared by the protocols: folds and a validation part, by subject where subjects are known."""

from __future__ import annotations

import numpy as np

from ferbench.errors import DataError
from ferbench.protocols.base import Indices, Samples


def assign_folds(samples: Samples, rows: Indices, count: int, seed: int) -> Indices:
    """Assign each of `rows` to one of `count` folds, stratified by class and never splitting a subject.

    Args:
        samples: the data set.
        rows: (M,) rows to divide.
        count: number of folds, at least 2.
        seed: of the shuffling.

    Returns:
        (M,) fold numbers.

    Raises:
        DataError: fewer subjects than folds, or a class with fewer images than folds.
    """
    labels = samples.labels[rows]
    if samples.subjects is not None:
        names, subjects = np.unique(samples.subjects[rows], return_inverse=True)
        _require(len(names), count, "subjects")
        return _deal_subjects(subjects, labels, count, np.random.default_rng(seed))[subjects]
    from sklearn.model_selection import StratifiedKFold  # a second to import

    _require(int(np.bincount(labels)[np.unique(labels)].min()), count, "images in the smallest class")
    folds = np.full(len(rows), -1, dtype=np.int64)
    for number, (_, held_out) in enumerate(StratifiedKFold(count, shuffle=True, random_state=seed).split(rows, labels)):
        folds[held_out] = number
    return folds


def given_folds(samples: Samples, count: int) -> Indices:
    """Return the (N,) numbers of the folds that the data set gives.

    Raises:
        DataError: it gives another number of folds.
    """
    assert samples.folds is not None  # the protocol needs the column
    names, numbers = np.unique(samples.folds, return_inverse=True)
    if len(names) != count:
        raise DataError(
            expected=f"{count} folds in the column 'fold'",
            found=f"{len(names)}: {', '.join(names[:12])}",
            where="the data set's own folds",
            remedy=f"set k to {len(names)}, or correct the column",
        )
    return numbers.astype(np.int64)


def _deal_subjects(subjects: Indices, labels: Indices, count: int, rng: np.random.Generator) -> Indices:
    """Deal subjects in random order, each to the fold that has least of the subject's classes: (S,) fold numbers.

    scikit-learn's StratifiedGroupKFold goes through the subjects in order of their class counts whatever its seed, so
    that all seeds give nearly the same folds.
    """
    counts = np.zeros((int(subjects.max()) + 1, int(labels.max()) + 1))
    np.add.at(counts, (subjects, labels), 1)
    shares = counts / np.maximum(counts.sum(axis=0), 1)  # a rare class weighs as much as a common one
    held, images = np.zeros((count, shares.shape[1])), np.zeros(count)
    folds = np.full(len(shares), -1, dtype=np.int64)
    for subject in rng.permutation(len(shares)):
        # An empty fold holds none of any class and is the smallest: the first subjects fill all folds.
        fold = np.lexsort((images, held @ shares[subject]))[0]
        folds[subject] = fold
        held[fold] += shares[subject]
        images[fold] += counts[subject].sum()
    return folds


def _require(found: int, count: int, what: str) -> None:
    if found < count:
        raise DataError(
            expected=f"at least {count} {what} for {count} folds",
            found=str(found),
            where="the division into folds",
            remedy=f"set k to at most {found}, or add data",
        )


def carve_validation(samples: Samples, rows: Indices, share: float, seed: int) -> tuple[Indices, Indices]:
    """Divide training rows into (train, validation): whole subjects where known, else stratified by class.

    Args:
        samples: the data set.
        rows: (M,) training rows.
        share: of the rows to hold out.
        seed: of the draw.

    Returns:
        Sorted rows of the training and of the validation part.

    Raises:
        DataError: a single subject, so that nothing can be held out.
    """
    rng = np.random.default_rng([seed, len(rows)])
    if samples.subjects is not None:
        held = _whole_subjects(samples, rows, share, rng)
    else:
        held = _stratified(samples, rows, share, rng)
    return np.sort(rows[~held]), np.sort(rows[held])


def _whole_subjects(samples: Samples, rows: Indices, share: float, rng: np.random.Generator) -> np.ndarray:
    assert samples.subjects is not None  # the caller asked
    subjects, inverse, counts = np.unique(samples.subjects[rows], return_inverse=True, return_counts=True)
    if len(subjects) < 2:
        raise DataError(
            expected="at least two training subjects, one of them for validation",
            found=str(len(subjects)),
            where="the validation split",
            remedy="add subjects",
        )
    order = rng.permutation(len(subjects))
    filled = np.cumsum(counts[order])
    # The number of subjects whose images come closest to the wanted share, never none and never all.
    wanted = int(np.abs(filled - share * len(rows)).argmin()) + 1
    chosen = order[: min(max(wanted, 1), len(subjects) - 1)]
    return np.isin(inverse, chosen)


def _stratified(samples: Samples, rows: Indices, share: float, rng: np.random.Generator) -> np.ndarray:
    labels = samples.labels[rows]
    held = np.zeros(len(rows), dtype=bool)
    for label in np.unique(labels):
        members = rng.permutation(np.flatnonzero(labels == label))
        held[members[: round(share * len(members))]] = True
    if not held.any() and len(rows) > 1:
        held[rng.integers(len(rows))] = True
    return held
