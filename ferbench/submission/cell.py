"""One submitted cell: its spec against the benchmark, its account of the data, its figures from its predictions."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from ferbench.canonical import canonical_json, digest
from ferbench.config import Benchmark
from ferbench.metrics.classification import accuracy
from ferbench.metrics.evaluate import evaluate
from ferbench.plan import Column
from ferbench.plugins import Registry
from ferbench.predictions import Predictions
from ferbench.records import PREDICTIONS, Record
from ferbench.spec import PreparedSpec
from ferbench.submission.answers import SAME, UnreadableError, problems_of_answers, read_answers
from ferbench.submission.content import RecordContent, SubmittedCell
from ferbench.submission.ground import Ground


def problems_of(
    cell: SubmittedCell, record: Record, content: RecordContent, known: Ground, registry: Registry
) -> list[str]:
    """Return what is wrong with a submitted record; nothing when its figures follow from its predictions.

    Args:
        cell: where it claims to stand.
        record: as it lies in the unpacked submission.
        content: its `record.json`, of the right shape.
        known: the verifier's own account of that place.
        registry: installed metrics.
    """
    found = [*_spec(cell, content, known), *_account(content, known)]
    try:
        by_epoch = read_answers(record.folder / PREDICTIONS, content, known)
    except UnreadableError as error:
        return [*found, str(error)]
    for epoch, made in by_epoch.items():
        found += [f"epoch {epoch}: {problem}" for problem in problems_of_answers(made, known)]
    if not found:
        found += _figures(content, by_epoch, registry)
    return found


def _spec(cell: SubmittedCell, content: RecordContent, known: Ground) -> Iterator[str]:
    """Compare what a record says it ran with the benchmark's column."""
    spec, column = content.spec, known.column
    try:
        identity = digest(spec)
    except (ValueError, RecursionError):
        identity = "no JSON"
    if content.id != identity:
        yield f"its id is not the hash of its spec ({identity[:12]})"
    benchmark = known.benchmark
    expected = {
        "method": cell.method,
        "protocol": column.place.row.name,
        "protocol_options": column.protocol.options.model_dump(mode="json"),
        "fold": cell.fold,
        "seed": cell.seed,
        "target": "label",
        "target_edges": None,
        "compute": benchmark.compute.model_dump(mode="json"),
    }
    for name, value in expected.items():
        if not _alike(spec.get(name), value):
            yield f"its {name} is {_short(spec.get(name))}; this benchmark has {_short(value)}"
    if "fold_of" in spec:
        yield "it is the training of weights, not a cell"
    if content.protocol != column.protocol.label:
        yield f"its protocol prints as {content.protocol!r}, not {column.protocol.label!r}"
    tested = column.data[1] if len(column.data) > 1 else None
    for name, given, own in (("data", spec.get("data"), column.data[0]), ("test", spec.get("test"), tested)):
        yield from (f"its {name}: {problem}" for problem in _data(given, own))
    yield from _choice(cell, spec, benchmark)
    yield from _leaks(spec, column)


def _choice(cell: SubmittedCell, spec: Mapping[str, Any], benchmark: Benchmark) -> Iterator[str]:
    """A row that the benchmark has may not be another method, or have other options, under its name."""
    for entry in benchmark.entry:
        if entry.name != cell.entry:
            continue
        if entry.method != cell.method:
            yield f"the row {entry.name!r} of this benchmark is the method {entry.method!r}; name yours otherwise"
            continue
        given = spec.get("options")
        options = given if isinstance(given, Mapping) else {}
        wanted = {**entry.options, **entry.dataset_options.get(cell.dataset.split("->")[0], {})}
        other = sorted(name for name, value in wanted.items() if not _alike(options.get(name), value))
        if other:
            names = ", ".join(other)
            yield f"the row {entry.name!r} of this benchmark has other options ({names}); name yours otherwise"


def _data(given: object, own: PreparedSpec | None) -> Iterator[str]:
    if own is None or not isinstance(given, Mapping):
        if own is not None or given is not None:
            yield "is that of another kind of protocol"
        return
    expected = own.as_json
    for name in sorted({*given, *expected} - {"source"}):  # code may differ; what it read may not
        if not _alike(given.get(name), expected.get(name)):
            what = "was made from other files (its manifest's hash differs)" if name == "identity" else "differs"
            yield f"{name} {what}: {_short(given.get(name))}; here {_short(expected.get(name))}"


def _leaks(spec: Mapping[str, Any], column: Column) -> Iterator[str]:
    """Weights trained on all of a data set that the cell is tested on have seen its answers."""
    weights = spec.get("weights")
    own = {part.identity for part in column.data}
    for role, made in weights.items() if isinstance(weights, Mapping) else ():
        training = made.get("training") if isinstance(made, Mapping) else None
        if not isinstance(training, Mapping) or training.get("protocol") != "all":
            continue
        data = training.get("data")
        if isinstance(data, Mapping) and data.get("identity") in own:
            yield f"its weights {role!r} were trained on all of {data.get('dataset')}, the test images among them"


def _account(content: RecordContent, known: Ground) -> Iterator[str]:
    """Compare classes, counts and notes with the verifier's own division."""
    fold = known.fold
    if tuple(content.classes) != fold.classes:
        given, own = ", ".join(content.classes[:12]), ", ".join(fold.classes)
        yield f"its classes are {given}; the data have, in this order, {own}"
    counts = {"train": len(fold.train), "validation": len(fold.validation), "test": len(fold.test)}
    if dict(content.samples) != counts:
        yield f"it counts {dict(content.samples)} images; the protocol's own division has {counts}"
    notes = json.loads(canonical_json(fold.notes))
    if not _alike(content.fold_notes, notes):
        yield f"its notes of the division are {_short(content.fold_notes)}; they should be {_short(notes)}"


def _figures(content: RecordContent, by_epoch: Mapping[int, Predictions], registry: Registry) -> Iterator[str]:
    """Recompute every metric and what the choice of epochs implies."""
    errors: dict[str, str] = {}
    for selection, given in content.metrics.items():
        made = evaluate(by_epoch[content.selected_epochs[selection]], registry, errors)
        for name in sorted(given.keys() & made.keys()):
            if not _same_number(given[name], made[name]):
                yield f"{selection}, {name} is {given[name]}; its predictions give {made[name]}"
    yield from (f"the metric {name} fails here: {error}" for name, error in errors.items())
    tested = {selection: accuracy(by_epoch[epoch]) for selection, epoch in content.selected_epochs.items()}
    if tested["oracle"] < max(tested.values()):
        yield "the epoch called best on test is not the best of those it stores"


def not_recomputed(content: RecordContent, registry: Registry) -> set[str]:
    """Return the metrics of a record that no installed plugin computes; a leaderboard here does not show them."""
    names = {name.split(".")[0] for given in content.metrics.values() for name in given}
    return names - registry.all("metrics").keys()


def _same_number(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    return abs(one - other) <= SAME * max(1.0, abs(other))


def _alike(given: object, own: object) -> bool:
    """Compare as JSON: a tuple is a list."""
    try:
        return canonical_json(given) == canonical_json(own)
    except (TypeError, ValueError, RecursionError):
        return False


def _short(value: object) -> str:
    try:
        text = canonical_json(value)
    except (TypeError, ValueError, RecursionError):
        text = "no JSON"
    return text if len(text) <= 120 else text[:117] + "…"
