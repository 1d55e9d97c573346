"""Benchmark × plugins × records → cells with their states. Reads folders and manifests; imports no torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ferbench.columns import Column, Place, columns_of
from ferbench.config import Benchmark, DatasetChoice, EntryChoice
from ferbench.entries import MethodEntry
from ferbench.errors import ConfigError, FerbenchError, LeakError, MissingWeightsError, closest, unknown_name
from ferbench.labels import MIXTURE
from ferbench.options import parse_options
from ferbench.plugins import Registry
from ferbench.records import RecordStore
from ferbench.resolve import Resolver
from ferbench.sources import training_sources
from ferbench.spec import TrainingSpec

DONE, PENDING, FAILED, UNAVAILABLE = "done", "pending", "failed", "unavailable"


@dataclass(frozen=True)
class Cell:
    """One cell of a benchmark.

    Attributes:
        entry: the row of the leaderboard.
        dataset: its column: a data set, or `train->test`.
        method: name of the method.
        protocol: how the protocol prints.
        fold: fold number.
        seed: the seed.
        spec: its inputs; None when it is unavailable.
        state: done, pending, failed or unavailable.
        reason: why it is pending again, failed or unavailable.
        missing_data: True when it is unavailable because the user's data or weights are not there.
    """

    entry: str
    dataset: str
    preprocessor: str
    method: str
    protocol: str
    fold: int
    seed: int
    spec: TrainingSpec | None
    state: str
    reason: str = ""
    missing_data: bool = False

    @property
    def id(self) -> str:
        """The cell's id; empty when it is unavailable."""
        return self.spec.id if self.spec is not None else ""

    def coordinates(self) -> dict[str, Any]:
        """Return what `plan --json` lists."""
        return {
            "id": self.id,
            "entry": self.entry,
            "dataset": self.dataset,
            "preprocessor": self.preprocessor,
            "method": self.method,
            "protocol": self.protocol,
            "fold": self.fold,
            "seed": self.seed,
            "state": self.state,
            "reason": self.reason,
        }


@dataclass(frozen=True)
class Plan:
    """All cells of a benchmark, and what is needed to run them.

    Attributes:
        benchmark: the benchmark.
        cells: in the order in which they are run.
        resolver: data sources and weights behind the specs.
    """

    benchmark: Benchmark
    cells: tuple[Cell, ...]
    resolver: Resolver

    def counts(self) -> dict[str, int]:
        """Return the number of cells in each state."""
        states = [cell.state for cell in self.cells]
        return {state: states.count(state) for state in (DONE, PENDING, FAILED, UNAVAILABLE)}


@dataclass(frozen=True)
class _States:
    done: frozenset[str]
    failed: frozenset[str]
    designs: frozenset[str]
    store: RecordStore

    def of(self, spec: TrainingSpec) -> tuple[str, str]:
        if spec.id in self.done:
            return DONE, ""
        if spec.id in self.failed:
            return FAILED, str(self.store.read_failure(spec.id).get("error", ""))
        if spec.design_id in self.designs:
            return PENDING, self._what_changed(spec)
        return PENDING, ""

    def _what_changed(self, spec: TrainingSpec) -> str:
        """Say why a cell of the same design has another id: its data or the code."""
        old = self.store.data_identities(spec.design_id)
        new = [part.identity for part in spec.prepared]
        return "data changed" if old and old != new else "source changed"


@dataclass
class _Planner:
    benchmark: Benchmark
    registry: Registry
    resolver: Resolver
    states: _States

    def cells(self) -> Iterator[Cell]:
        for column in columns_of(self.benchmark, self.registry, self.resolver):
            for entry in self.benchmark.entry:
                yield from self._cells_of(column, entry)

    def _cells_of(self, column: Column, entry: EntryChoice) -> Iterator[Cell]:
        """Yield the cells of one row in one column."""
        place, where = column.place, f"benchmark {self.benchmark.name}, entry {entry.name!r}"
        method = self.registry.method(entry.method, where)
        given = {**entry.options, **entry.dataset_options.get(place.train.name, {})}
        options = parse_options(method.entry.config, given, where).model_dump(mode="json")
        problem = column.problem or self._unfit(method.entry, place, where)
        training = None
        if not problem:
            training = column.training(
                method=entry.method,
                options=options,
                compute=self.benchmark.compute.model_dump(mode="json"),
                sources=training_sources(method.package, column.package),
                representation_metrics=self.resolver.representation_metrics(self.benchmark),
            )
        for fold in range(column.protocol.folds):
            for seed in self.benchmark.seeds:
                spec, state, reason, missing = None, UNAVAILABLE, problem, column.missing
                if training is not None:
                    drawn = replace(training, fold=fold, seed=seed)
                    try:
                        spec = self.resolver.with_weights(drawn, entry, self.benchmark, where)
                        state, reason = self.states.of(spec)
                    except (LeakError, MissingWeightsError) as error:
                        reason, missing = str(error), isinstance(error, MissingWeightsError)
                yield Cell(
                    entry=entry.name,
                    dataset=place.label,
                    preprocessor=self.benchmark.preprocessor.name,
                    method=entry.method,
                    protocol=column.protocol.label,
                    fold=fold,
                    seed=seed,
                    spec=spec,
                    state=state,
                    reason=reason,
                    missing_data=missing,
                )

    def _unfit(self, method: MethodEntry, place: Place, where: str) -> str:
        """Say why a method cannot work on the data of a place; empty when it can."""
        problem = self._lacking(place.train, {*method.requires, *method.test_inputs}, method.name, where)
        if not problem and place.test is not None:
            problem = self._lacking(place.test, set(method.test_inputs), method.name, where)
        return problem

    def _lacking(self, choice: DatasetChoice, names: set[str], method: str, where: str) -> str:
        """Say which columns a method needs and may not or cannot have; empty when it has them all."""
        card = self.registry.dataset(choice.source or choice.name, where).entry.card
        told = {MIXTURE, *card.label_columns, *self.resolver.source(choice, where).label_columns()}
        secret = sorted(names & told)
        if secret:
            return f"{method} needs {', '.join(secret)} of {choice.name}: it tells the label, no method ever sees it"
        lacking = sorted(names - self.resolver.prepared_columns(choice, self.benchmark.preprocessor, where))
        return f"{choice.name} has no column {', '.join(lacking)}, which {method} needs" if lacking else ""


def make_plan(benchmark: Benchmark, registry: Registry, resolver: Resolver, results: Path) -> Plan:
    """List the cells of a benchmark with their states.

    Args:
        benchmark: the grid.
        registry: installed plugins.
        resolver: knows the user's data and weights.
        results: folder of records.

    Raises:
        FerbenchError: the benchmark names something that is not installed, or has options that are refused.
    """
    registry.require_sound()
    _check_metrics(benchmark, registry)
    _check_dataset_options(benchmark)
    store = RecordStore(results)
    states = _States(store.done(), store.failed(), store.designs(), store)
    cells = tuple(_Planner(benchmark, registry, resolver, states).cells())
    return Plan(benchmark, cells, resolver)


def _check_metrics(benchmark: Benchmark, registry: Registry) -> None:
    where = f"benchmark {benchmark.name}, metrics"
    taken = {choice.name for choice in benchmark.representation_metrics}
    for name in (metric.split(".")[0] for metric in benchmark.metrics):
        if name in registry.all("representation_metrics") and name not in taken:
            raise ConfigError(
                expected="a metric of predictions, or one that the benchmark takes of representations",
                found=repr(name),
                where=where,
                remedy=f"add it to representation_metrics = [{', '.join(repr(one) for one in sorted({*taken, name}))}]",
            )
        if name not in taken:
            registry.metric(name, where)


def _check_dataset_options(benchmark: Benchmark) -> None:
    names = [choice.name for choice in benchmark.dataset]
    for entry in benchmark.entry:
        for name in entry.dataset_options:
            if name not in names:
                where = f"benchmark {benchmark.name}, entry {entry.name!r}, dataset_options"
                raise unknown_name(name, names, what="a data set of the benchmark", where=where)


_SELECTABLE = ("id", "entry", "dataset", "preprocessor", "method", "protocol", "fold", "seed", "state")


def select(cells: tuple[Cell, ...], conditions: tuple[str, ...]) -> tuple[Cell, ...]:
    """Keep the cells that meet all `KEY=VALUE` conditions; values of one key are alternatives; an id may be cut short.

    Raises:
        FerbenchError: an unknown key, a value that no cell has, or no cell left.
    """
    wanted: dict[str, list[str]] = {}
    for condition in conditions:
        key, sign, value = condition.partition("=")
        if not sign or key not in _SELECTABLE:
            raise ConfigError(
                expected=f"KEY=VALUE with a key among {', '.join(_SELECTABLE)}",
                found=repr(condition),
                where="--select",
                remedy=f"{closest(key, _SELECTABLE)}correct the condition",
            )
        wanted.setdefault(key, []).append(value)

    def has(cell: Cell, key: str, value: str) -> bool:
        found = str(cell.coordinates()[key])
        return found.startswith(value) if key == "id" else found == value

    for key, values in wanted.items():
        unmet = [value for value in values if not any(has(cell, key, value) for cell in cells)]
        if cells and unmet:
            raise _none_selected(cells, {key: unmet})
    kept = tuple(
        cell for cell in cells if all(any(has(cell, key, v) for v in values) for key, values in wanted.items())
    )
    if cells and not kept:
        raise _none_selected(cells, wanted)
    return kept


def _none_selected(cells: tuple[Cell, ...], wanted: Mapping[str, list[str]]) -> FerbenchError:
    known = {key: sorted({str(cell.coordinates()[key]) for cell in cells})[:12] for key in wanted if key != "id"}
    return ConfigError(
        expected="; ".join(f"{key}: {', '.join(values)}" for key, values in known.items()) or "the id of a cell",
        found=", ".join(f"{key}={value}" for key, values in wanted.items() for value in values),
        where="--select",
        remedy="'ferbench plan' lists the cells",
    )
