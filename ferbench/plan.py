"""Benchmark × plugins × records → cells with their states. Reads folders and manifests; imports no torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ferbench.config import Benchmark, DatasetChoice, EntryChoice, ProtocolChoice
from ferbench.errors import ConfigError, DataError, FerbenchError, closest
from ferbench.options import parse_options
from ferbench.plugins import Provided, Registry, import_factory
from ferbench.records import RecordStore
from ferbench.resolve import Resolver
from ferbench.sources import training_sources
from ferbench.spec import PreparedSpec, TrainingSpec, WeightsSpec

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
        missing_data: True when it is unavailable because the user's data is not there.
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


@dataclass(frozen=True)
class _Column:
    """A data set (or a pair) under a protocol."""

    train: DatasetChoice
    test: DatasetChoice | None
    protocol: ProtocolChoice
    where: str

    @property
    def label(self) -> str:
        return self.train.name if self.test is None else f"{self.train.name}->{self.test.name}"


@dataclass
class _Planner:
    benchmark: Benchmark
    registry: Registry
    resolver: Resolver
    states: _States
    _weights: dict[tuple[str, str], Mapping[str, WeightsSpec]] = field(default_factory=dict)

    def cells(self) -> Iterator[Cell]:
        for column in self._columns():
            provided = self.registry.protocol(column.protocol.name, column.where)
            kind = import_factory(provided)
            options = parse_options(provided.entry.options, column.protocol.options, column.where)
            protocol = kind(options)
            data, problem, missing = self._data(column, protocol.needs)
            for entry in self.benchmark.entry:
                yield from self._row(column, provided, protocol, entry, data, problem, missing)

    def _columns(self) -> Iterator[_Column]:
        by_name = {choice.name: choice for choice in self.benchmark.dataset}
        for position, protocol in enumerate(self.benchmark.protocol):
            where = f"benchmark {self.benchmark.name}, protocol {position + 1} ({protocol.name})"
            crosses = import_factory(self.registry.protocol(protocol.name, where)).crosses
            if crosses:
                pairs = protocol.pairs or tuple((a, b) for a in by_name for b in by_name if a != b)
                for first, second in pairs:
                    yield _Column(self._known(first, where), self._known(second, where), protocol, where)
            else:
                for name in protocol.datasets or by_name:
                    yield _Column(self._known(name, where), None, protocol, where)

    def _known(self, name: str, where: str) -> DatasetChoice:
        names = [choice.name for choice in self.benchmark.dataset]
        for choice in self.benchmark.dataset:
            if choice.name == name:
                return choice
        raise ConfigError(
            expected=f"a data set of the benchmark: {', '.join(names)}",
            found=repr(name),
            where=where,
            remedy=f"{closest(name, names)}correct the name",
        )

    def _data(
        self, column: _Column, needs: frozenset[str]
    ) -> tuple[tuple[PreparedSpec, PreparedSpec | None] | None, str, bool]:
        """Return the prepared data of a column, or why it cannot be had, and whether that is for want of files."""
        specs: list[PreparedSpec] = []
        for choice in (column.train, column.test):
            if choice is None:
                continue
            try:
                specs.append(self.resolver.prepared(choice, self.benchmark.preprocessor, column.where))
                lacking = needs - self.resolver.columns(choice, column.where)
            except DataError as error:
                return None, str(error), True
            if lacking:
                return (
                    None,
                    f"{choice.name} has no column {', '.join(sorted(lacking))}, which {column.protocol.name} needs",
                    False,
                )
        return (specs[0], specs[1] if len(specs) > 1 else None), "", False

    def _row(  # noqa: PLR0913  the five axes of the grid
        self,
        column: _Column,
        provided: Provided[Any],
        protocol: Any,  # noqa: ANN401  a Protocol of any options
        entry: EntryChoice,
        data: tuple[PreparedSpec, PreparedSpec | None] | None,
        problem: str,
        missing: bool,
    ) -> Iterator[Cell]:
        where = f"benchmark {self.benchmark.name}, entry {entry.name!r}"
        method = self.registry.method(entry.method, where)
        given = {**entry.options, **entry.dataset_options.get(column.train.name, {})}
        options = parse_options(method.entry.config, given, where).model_dump(mode="json")
        if data is not None:
            inputs = set(method.entry.test_inputs)
            problem = self._lacking(column.train, {*method.entry.requires, *inputs}, entry.method, where)
            if not problem and column.test is not None:
                problem = self._lacking(column.test, inputs, entry.method, where)
        sources = training_sources(method.package, provided.package)
        label, compute = protocol.label, self.benchmark.compute.model_dump(mode="json")
        protocol_options = protocol.options.model_dump(mode="json")
        for fold in range(protocol.folds):
            for seed in self.benchmark.seeds:
                spec, state, reason = None, UNAVAILABLE, problem
                if not problem and data is not None:
                    spec = TrainingSpec(
                        data=data[0],
                        test=data[1],
                        method=entry.method,
                        options=options,
                        protocol=column.protocol.name,
                        protocol_options=protocol_options,
                        protocol_label=label,
                        fold=fold,
                        seed=seed,
                        compute=compute,
                        sources=sources,
                    )
                    spec = self.resolver.with_weights(spec, entry, self.benchmark, where)
                    state, reason = self.states.of(spec)
                yield Cell(
                    entry=entry.name,
                    dataset=column.label,
                    preprocessor=self.benchmark.preprocessor.name,
                    method=entry.method,
                    protocol=label,
                    fold=fold,
                    seed=seed,
                    spec=spec,
                    state=state,
                    reason=reason,
                    missing_data=missing,
                )

    def _lacking(self, choice: DatasetChoice, names: set[str], method: str, where: str) -> str:
        """Say which columns a method needs and may not or cannot have; empty when it has them all."""
        card = self.registry.dataset(choice.source or choice.name, where).entry.card
        secret = sorted(names & set(card.label_columns))
        if secret:
            return f"{method} needs {', '.join(secret)} of {choice.name}: it tells the label, no method ever sees it"
        lacking = sorted(names - self.resolver.columns(choice, where))
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
    for metric in benchmark.metrics:
        registry.metric(metric.split(".")[0], f"benchmark {benchmark.name}, metrics")
    _check_dataset_options(benchmark)
    store = RecordStore(results)
    states = _States(store.done(), store.failed(), store.designs(), store)
    cells = tuple(_Planner(benchmark, registry, resolver, states).cells())
    _check_columns(benchmark, cells)
    return Plan(benchmark, cells, resolver)


def _check_columns(benchmark: Benchmark, cells: tuple[Cell, ...]) -> None:
    places = [(cell.entry, cell.dataset, cell.protocol, cell.fold, cell.seed) for cell in cells]
    if len(set(places)) == len(places):
        return
    seen: set[tuple[str, str, str, int, int]] = set()
    twice = next(place for place in places if place in seen or seen.add(place))  # type: ignore[func-returns-value]
    raise ConfigError(
        expected="every column of the leaderboard once",
        found=f"{twice[1]} {twice[2]} twice",
        where=f"benchmark {benchmark.name}, protocols",
        remedy="remove one of the protocol rows, or restrict them to different data sets",
    )


def _check_dataset_options(benchmark: Benchmark) -> None:
    names = [choice.name for choice in benchmark.dataset]
    for entry in benchmark.entry:
        for name in entry.dataset_options:
            if name not in names:
                raise ConfigError(
                    expected=f"a data set of the benchmark: {', '.join(names)}",
                    found=repr(name),
                    where=f"benchmark {benchmark.name}, entry {entry.name!r}, dataset_options",
                    remedy=f"{closest(name, names)}correct the name",
                )


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
