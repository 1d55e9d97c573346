"""Apply a spec's protocol to prepared data."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ferbench.data.store import Store
from ferbench.errors import LeakError
from ferbench.labels import MIXTURE, restricted
from ferbench.options import Options, parse_options
from ferbench.plugins import Registry, import_factory
from ferbench.protocols.base import Fold, Indices, ProtocolOptions, Samples, check_fold
from ferbench.protocols.division import carve_validation
from ferbench.spec import PreparedSpec, TrainingSpec


def divide(spec: TrainingSpec, store: Store, test_store: Store, registry: Registry) -> Fold:
    """Return the spec's train / validation / test division in rows of the stores, checked for leaks.

    Left out are classes that the benchmark leaves out, and images that were dropped for want of a face; such images
    stay in the test part where they count as wrong.

    Raises:
        DataError: the data cannot be divided so, or a subject or an image stands on both sides.
    """
    if spec.fold_of is not None:
        return _on_another_form(spec, spec.fold_of, store, registry)
    where = f"{spec.data.dataset}, {spec.protocol_label}, fold {spec.fold}"
    provided = registry.protocol(spec.protocol, where)
    options = parse_options(provided.entry.options, spec.protocol_options, where)
    protocol = import_factory(provided)(options)
    # A recipe on the cell's own data divides by the label, as the cell does; only then comes its own target.
    by_label = spec.target == "label" or spec.protocol != "all"
    whole = store.samples() if by_label else store.samples(spec.target, spec.target_edges)
    rows, test_rows = _rows(store, whole), np.flatnonzero(test_store.labels >= 0)
    samples = whole.take(rows)
    test_samples = test_store.samples().take(test_rows) if spec.test is not None else None
    fold: Fold = protocol.split(samples, spec.fold, spec.seed, test_samples)
    fold = _with_faces(_in_rows(fold, rows, test_rows), store, test_store, spec)
    if spec.protocol != "all":
        check_fold(fold, _annotated(whole, spec.data), protocol.crosses, where)
    if by_label and spec.target != "label":
        fold = _with_target(fold, store.samples(spec.target, spec.target_edges), spec, options)
    return fold


def tested_columns(store: Store, fold: Fold) -> dict[str, npt.NDArray[Any]]:
    """Return what the data say of a fold's test images, for the metrics; a mixture as shares of the fold's classes.

    Args:
        store: the data tested on.
        fold: a division of it.

    Returns:
        (N, …) by column.
    """
    if len(fold.test) == 0:
        return {}
    columns = {
        name: store.column(name)[fold.test]
        for name in store.info["columns"]
        if name not in {"split", "landmarks", "box"}
    }
    if MIXTURE in columns:
        columns[MIXTURE] = restricted(store.mixtures()[fold.test], store.classes, fold.classes)
    if store.faceless.any():
        columns["face_found"] = ~store.faceless[fold.test]
    return columns


def _rows(store: Store, samples: Samples) -> Indices:
    """Return the rows that take part: of classes that are kept, with a known target."""
    return np.flatnonzero((store.labels >= 0) & (samples.labels >= 0))


def _annotated(samples: Samples, spec: PreparedSpec) -> Samples:
    """Return samples without subjects that are only estimates: they divide, but forbid no division of others."""
    estimated = any("subject" in part.gives for part in spec.derived)
    return replace(samples, subjects=None) if estimated else samples


def _in_rows(fold: Fold, rows: Indices, test_rows: Indices) -> Fold:
    return replace(fold, train=rows[fold.train], validation=rows[fold.validation], test=test_rows[fold.test])


def _with_faces(fold: Fold, store: Store, test_store: Store, spec: TrainingSpec) -> Fold:
    """Take dropped images out of the training and validation parts, and of the test where they are left out."""
    part = spec.test or spec.data
    train, validation = ~store.dropped[fold.train], ~store.dropped[fold.validation]
    test = ~test_store.dropped[fold.test] | (part.no_face_test != "leave-out")
    faceless = {
        "train": int((~train).sum() + store.faceless[fold.train][train].sum()),
        "validation": int((~validation).sum() + store.faceless[fold.validation][validation].sum()),
        "test": int(test_store.faceless[fold.test].sum()),
    }
    notes: dict[str, Any] = dict(fold.notes)
    if any(faceless.values()) or test_store.dropped.any():
        treated = part.no_face_test if part.no_face == "drop" else part.no_face
        notes["no_face"] = {**faceless, "test_images": treated, "left_out": int((~test).sum())}
    return replace(
        fold,
        train=fold.train[train],
        train_labels=fold.train_labels[train],
        validation=fold.validation[validation],
        validation_labels=fold.validation_labels[validation],
        test=fold.test[test],
        test_labels=fold.test_labels[test],
        notes=notes,
    )


def _on_another_form(spec: TrainingSpec, fold_of: PreparedSpec, store: Store, registry: Registry) -> Fold:
    """Train on those images of one form of the data whose subjects are in the training part of a fold of another.

    Raises:
        LeakError: the two forms do not call the same subject the same.
    """
    other = Store.open(fold_of)
    fold = divide(replace(spec, data=fold_of, fold_of=None, target="label", target_edges=None), other, other, registry)
    _check_same_subjects(store, other, f"the recipe on {spec.data.dataset}, {spec.protocol_label}, fold {spec.fold}")
    subjects = other.strings("subject")
    held_out = np.concatenate([subjects[fold.validation], subjects[fold.test]])
    seen = np.setdiff1d(subjects[fold.train], held_out)
    targets = store.samples(spec.target, spec.target_edges)
    usable = (targets.labels >= 0) & ~store.dropped & np.isin(store.strings("subject"), seen)
    # Where the subject is the target, every subject must be on both sides.
    samples = replace(targets, subjects=None) if spec.target == "subject" else targets
    options = spec.protocol_options
    share, seed = options.get("validation", ProtocolOptions().validation), options.get("split_seed", 0)
    train, validation = carve_validation(samples, np.flatnonzero(usable), share, seed)
    nothing = np.zeros(0, dtype=np.int64)
    notes = {**fold.notes, "target": spec.target, "fold_of": fold_of.dataset, "subjects": len(seen)}
    labels = targets.labels
    return Fold(targets.classes, train, labels[train], validation, labels[validation], nothing, nothing, notes)


def _check_same_subjects(store: Store, other: Store, where: str) -> None:
    """Two forms hold some of the same images; each must be of the same subject in both."""
    named = dict(zip(store.strings("id").tolist(), store.strings("subject").tolist(), strict=True))
    pairs = zip(other.strings("id").tolist(), other.strings("subject").tolist(), strict=True)
    common = [(name, subject, named[name]) for name, subject in pairs if name in named]
    wrong = next((one for one in common if one[1] != one[2]), None)
    if common and wrong is None:
        return
    raise LeakError(
        expected="images that both forms of the data have, of the same subject in both",
        found=f"{wrong[0]} of {wrong[1]!r} and of {wrong[2]!r}" if wrong else "no image of the same id",
        where=where,
        remedy="give recipe and benchmark the same data, or pretrain on another data set",
    )


def _with_target(fold: Fold, targets: Samples, spec: TrainingSpec, options: Options) -> Fold:
    """Put another target in the place of the label, on the fold's training part alone."""
    # The cell's validation part may hold other subjects alone; a target wants one out of the training part.
    anonymous = Samples(targets.ids, targets.labels, targets.classes)
    share = getattr(options, "validation", ProtocolOptions().validation)
    known = fold.train[targets.labels[fold.train] >= 0]
    train, validation = carve_validation(anonymous, known, share, getattr(options, "split_seed", 0))
    return Fold(
        targets.classes,
        train,
        targets.labels[train],
        validation,
        targets.labels[validation],
        fold.test[:0],
        fold.test_labels[:0],
        {**fold.notes, "target": spec.target, "without_target": len(fold.train) - len(known)},
    )
