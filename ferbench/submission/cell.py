"""One submitted cell: its spec against the benchmark, its account of the data, its figures from its predictions."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ferbench.canonical import canonical_json, digest
from ferbench.columns import Column
from ferbench.config import Benchmark
from ferbench.metrics.classification import accuracy
from ferbench.metrics.evaluate import evaluate
from ferbench.options import parse_options
from ferbench.plugins import Registry
from ferbench.predictions import Predictions
from ferbench.records import PREDICTIONS
from ferbench.spec import PreparedSpec
from ferbench.submission.answers import SAME, UnreadableError, problems_of_answers, read_answers
from ferbench.submission.content import RecordContent, SubmittedCell, SubmittedRow
from ferbench.submission.ground import Ground


@dataclass(frozen=True)
class Submitted:
    """A cell as it was submitted.

    Attributes:
        cell: where it claims to stand.
        row: what its row says of itself.
        folder: of its record, unpacked.
        content: its `record.json`, of the right shape.
    """

    cell: SubmittedCell
    row: SubmittedRow
    folder: Path
    content: RecordContent


def problems_of(submitted: Submitted, known: Ground, registry: Registry) -> list[str]:
    """Return what is wrong with a submitted record; nothing when its figures follow from its predictions.

    Args:
        submitted: the cell.
        known: the verifier's own account of that place.
        registry: installed methods and metrics.
    """
    content = submitted.content
    found = [*_spec(submitted.cell, content, known, registry), *_weights(submitted.row, content)]
    found += [*_account(content, known), *_epochs(content), *_representation(content, known)]
    try:
        by_epoch = read_answers(submitted.folder / PREDICTIONS, content, known)
    except UnreadableError as error:
        return [*found, str(error)]
    for epoch, made in by_epoch.items():
        found += [f"epoch {epoch}: {problem}" for problem in problems_of_answers(made, known)]
    if not found:
        found += _figures(content, by_epoch, known.benchmark, registry)
    return found


def _spec(cell: SubmittedCell, content: RecordContent, known: Ground, registry: Registry) -> Iterator[str]:
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
    taken = [{"name": one.name, "options": one.options} for one in known.measures]
    listed = spec.get("representation_metrics", [])
    given = [_without_code(one) for one in listed if isinstance(one, Mapping)] if isinstance(listed, list) else listed
    if not _alike(given, taken):
        yield f"it takes the representation metrics {_short(given)}; this benchmark has {_short(taken)}"
    yield from _choice(cell, spec, known, registry)
    yield from _leaks(spec, column)


def _choice(cell: SubmittedCell, spec: Mapping[str, Any], known: Ground, registry: Registry) -> Iterator[str]:
    """A row that the benchmark has may not be another method, or have other options or weights, under its name."""
    entry = next((entry for entry in known.benchmark.entry if entry.name == cell.entry), None)
    if entry is None:
        return
    if entry.method != cell.method:
        yield f"the row {entry.name!r} of this benchmark is the method {entry.method!r}; name yours otherwise"
        return
    wanted = {**entry.options, **entry.dataset_options.get(known.column.place.train.name, {})}
    method = registry.all("methods").get(entry.method)
    if method is not None:  # with its defaults; without the method, at least what the benchmark sets
        wanted = parse_options(method.entry.config, wanted, f"row {entry.name}").model_dump(mode="json")
    given = spec.get("options")
    options = given if isinstance(given, Mapping) else {}
    other = sorted(name for name in {*wanted, *(options if method else ())} if not _same_option(options, wanted, name))
    if other:
        names = ", ".join(other)
        yield f"the row {entry.name!r} of this benchmark has other options ({names}); name yours otherwise"
    weights = spec.get("weights")
    roles = sorted(weights) if isinstance(weights, Mapping) else []
    if roles != sorted(entry.weights):
        told = ", ".join(roles) or "none"
        yield f"the row {entry.name!r} of this benchmark has other weights (here: {told}); name yours otherwise"


def _same_option(given: Mapping[str, Any], wanted: Mapping[str, Any], name: str) -> bool:
    """Compare options; a whole number is the same as the fraction that it is read as."""
    one, other = given.get(name), wanted.get(name)
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in (one, other))
    return one == other if numbers else _alike(one, other)


def _weights(row: SubmittedRow, content: RecordContent) -> Iterator[str]:
    """What a row says it starts from is what its cells started from."""
    spec = content.spec.get("weights")
    roles = set(spec) if isinstance(spec, Mapping) else set()
    named = {role: made.name for role, made in content.provenance.weights.items()}
    if roles != named.keys() or named != row.weights:
        told = f"its provenance has {_short(named)}, its row {_short(row.weights)}"
        yield f"its weights are {_short(sorted(roles))}, {told}"


def _data(given: object, own: PreparedSpec | None) -> Iterator[str]:
    if own is None or not isinstance(given, Mapping):
        if own is not None or given is not None:
            yield "is that of another kind of protocol"
        return
    ours, theirs = _without_code(own.as_json), _without_code(given)
    for name in sorted({*theirs, *ours}):
        if not _alike(theirs.get(name), ours.get(name)):
            what = "was made from other files (its manifest's hash differs)" if name == "identity" else "differs"
            yield f"{name} {what}: {_short(theirs.get(name))}; here {_short(ours.get(name))}"


def _without_code(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return a spec of data without digests of code: that may differ, what it read may not."""
    kept = {name: value for name, value in spec.items() if name != "source"}
    derived = kept.get("derived")
    if isinstance(derived, list | tuple):
        parts = [dict(part) for part in derived if isinstance(part, Mapping)]
        kept["derived"] = [{name: value for name, value in part.items() if name != "source"} for part in parts]
    return kept


def _leaks(spec: Mapping[str, Any], column: Column) -> Iterator[str]:
    """Weights that learned from the cell's own data must have learned from its own training part alone."""
    own = {part.identity for part in column.data}
    place = [spec.get(name) for name in ("protocol", "protocol_options", "fold", "seed")]
    waiting = [(role, made) for role, made in _items(spec.get("weights"))]
    while waiting:
        role, made = waiting.pop()
        training = made.get("training") if isinstance(made, Mapping) else None
        if not isinstance(training, Mapping):
            continue
        waiting += [(f"{role}, {inner}", one) for inner, one in _items(training.get("weights"))]
        read = [training.get(name) for name in ("data", "fold_of", "test")]
        identities = {str(part.get("identity")) for part in read if isinstance(part, Mapping)}
        there = [training.get(name) for name in ("protocol", "protocol_options", "fold", "seed")]
        if identities & own and not _alike(there, place):
            found = "learned from the cell's data under another division: test images may be among them"
            yield f"its weights {role!r} {found}"


def _items(value: object) -> list[tuple[str, Any]]:
    return list(value.items()) if isinstance(value, Mapping) else []


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


def _epochs(content: RecordContent) -> Iterator[str]:
    epochs = content.selected_epochs
    if epochs["last"] < max(epochs.values()):
        yield f"its last epoch, {epochs['last']}, is not the last of those selected"
    if not content.validation_accuracy:
        yield "it has no validation accuracy, by which an epoch is chosen"


def _representation(content: RecordContent, known: Ground) -> Iterator[str]:
    measured = content.measured
    wanted = {one.name for one in known.measures}
    there = set(measured.metrics) if measured is not None else set()
    if there - wanted:
        yield f"it measures {', '.join(sorted(there - wanted))} of representations, which this benchmark does not"
    if measured is not None and measured.epoch != content.selected_epochs["validation"]:
        yield f"its representations are of epoch {measured.epoch}, not of the one chosen on validation data"


def _figures(
    content: RecordContent, by_epoch: Mapping[int, Predictions], benchmark: Benchmark, registry: Registry
) -> Iterator[str]:
    """Recompute every metric and what the choice of epochs implies."""
    shown = {name.split(".")[0] for name in benchmark.metrics}
    for selection, given in content.metrics.items():
        errors: dict[str, str] = {}
        made = evaluate(by_epoch[content.selected_epochs[selection]], registry, errors)
        yield from (f"the metric {name} fails here: {error}" for name, error in errors.items() if name in shown)
        spared = set(errors) | set(content.metric_errors)
        for name in sorted({*given, *made}):
            metric = name.split(".")[0]
            if metric not in registry.all("metrics") or metric in spared:
                continue  # no plugin here computes it, and no leaderboard here shows it
            if name not in made:
                yield f"{selection}, {name} is {given[name]}; its predictions give no such figure"
            elif name not in given and metric in content.metric_sources:
                yield f"{selection}, {name} is not there; its predictions give {made[name]}"
            elif name in given and not _same_number(given[name], made[name]):
                yield f"{selection}, {name} is {given[name]}; its predictions give {made[name]}"
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
