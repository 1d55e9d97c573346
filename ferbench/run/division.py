"""Apply a spec's protocol to prepared data."""

from __future__ import annotations

from ferbench.data.store import Store
from ferbench.options import parse_options
from ferbench.plugins import Registry, import_factory
from ferbench.protocols.base import Fold, ProtocolOptions, Samples, check_fold
from ferbench.protocols.division import carve_validation
from ferbench.spec import TrainingSpec


def divide(spec: TrainingSpec, store: Store, test_store: Store, registry: Registry) -> Fold:
    """Return the spec's train / validation / test division, checked for leaks.

    Raises:
        DataError: the data cannot be divided so, or a subject or an image stands on both sides.
    """
    where = f"{spec.data.dataset}, {spec.protocol_label}, fold {spec.fold}"
    provided = registry.protocol(spec.protocol, where)
    options = parse_options(provided.entry.options, spec.protocol_options, where)
    protocol = import_factory(provided)(options)
    # A recipe on the cell's own data divides by the label, as the cell does; only then comes its own target.
    by_label = spec.target == "label" or spec.protocol != "all"
    samples = store.samples() if by_label else store.samples(spec.target, spec.target_edges)
    test_samples = test_store.samples() if spec.test is not None else None
    fold: Fold = protocol.split(samples, spec.fold, spec.seed, test_samples)
    if spec.protocol != "all":
        check_fold(fold, samples, protocol.crosses, where)
    if by_label and spec.target != "label":
        targets = store.samples(spec.target, spec.target_edges)
        # The cell's validation part may hold other subjects alone; a target wants one out of the training part.
        anonymous = Samples(targets.ids, targets.labels, targets.classes)
        share = getattr(options, "validation", ProtocolOptions().validation)
        train, validation = carve_validation(anonymous, fold.train, share, getattr(options, "split_seed", 0))
        fold = Fold(
            targets.classes,
            train,
            targets.labels[train],
            validation,
            targets.labels[validation],
            fold.test[:0],
            fold.test_labels[:0],
            {**fold.notes, "target": spec.target},
        )
    return fold
