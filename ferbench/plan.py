"""Benchmark × plugins × records → cells with their states. Reads folders and manifests; imports no torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ferbench.config import Benchmark, DatasetChoice, EntryChoice, ProtocolChoice
from ferbench.entries import MethodEntry
from ferbench.errors import ConfigError, DataError, FerbenchError, LeakError, MissingWeightsError, closest
from ferbench.labels import MIXTURE
from ferbench.options import Options, parse_options
from ferbench.plugins import Registry, import_factory
from ferbench.protocols.base import Protocol
from ferbench.records import RecordStore
from ferbench.resolve import Resolver
from ferbench.sources import training_sources
from ferbench.spec import PreparedSpec, TrainingSpec

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


@dataclass(frozen=True)
class Place:
    """Where a protocol row of a benchmark applies: a data set, or a pair.

    Attributes:
        train: the data set trained on.
        test: the other one that is tested on; None: the same.
        row: the protocol with its options.
        where: it, in words.
    """

    train: DatasetChoice
    test: DatasetChoice | None
    row: ProtocolChoice
    where: str

    @property
    def label(self) -> str:
        """How the column prints: a data set, or `train->test`."""
        return self.train.name if self.test is None else f"{self.train.name}->{self.test.name}"

    @property
    def choices(self) -> tuple[DatasetChoice, ...]:
        """The data sets it reads."""
        return (self.train,) if self.test is None else (self.train, self.test)


@dataclass(frozen=True)
class Column:
    """A column of the leaderboard: a place, its protocol, and its data or why there is none.

    Attributes:
        package: the import package of the protocol's plugin.
        data: the prepared data sets, as many as the place has; empty when they cannot be had.
        problem: why they cannot.
        missing: True when that is for want of the user's files.
    """

    place: Place
    protocol: Protocol[Options]
    package: str
    data: tuple[PreparedSpec, ...] = ()
    problem: str = ""
    missing: bool = False


@dataclass
class _Planner:
    benchmark: Benchmark
    registry: Registry
    resolver: Resolver
    states: _States

    def columns(self) -> Iterator[Column]:
        seen: set[tuple[str, str]] = set()
        for place in self._places():
            column = self._column(place)
            if (place.label, column.protocol.label) in seen:
                raise _two_alike(place, column.protocol.label)
            seen.add((place.label, column.protocol.label))
            yield column

    def cells(self) -> Iterator[Cell]:
        for column in self.columns():
            for entry in self.benchmark.entry:
                yield from self._cells_of(column, entry)

    def _places(self) -> Iterator[Place]:
        by_name = {choice.name: choice for choice in self.benchmark.dataset}
        for position, row in enumerate(self.benchmark.protocol):
            where = f"benchmark {self.benchmark.name}, protocol {position + 1} ({row.name})"
            crosses = import_factory(self.registry.protocol(row.name, where)).crosses
            _check_restriction(row, crosses, where)
            if crosses:
                pairs = row.pairs or tuple((a, b) for a in by_name for b in by_name if a != b)
                for first, second in pairs:
                    yield Place(self._known(first, where), self._known(second, where), row, where)
            else:
                for name in row.datasets or by_name:
                    yield Place(self._known(name, where), None, row, where)

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

    def _column(self, place: Place) -> Column:
        provided = self.registry.protocol(place.row.name, place.where)
        options = parse_options(provided.entry.options, place.row.options, place.where)
        column = Column(place, import_factory(provided)(options), provided.package)
        specs: list[PreparedSpec] = []
        for choice in place.choices:
            try:
                specs.append(self.resolver.prepared(choice, self.benchmark.preprocessor, place.where))
                lacking = column.protocol.needs - self._columns(choice, place.where)
            except DataError as error:
                return replace(column, problem=str(error), missing=True)
            if lacking:
                names = ", ".join(sorted(lacking))
                return replace(column, problem=f"{choice.name} has no column {names}, which {place.row.name} needs")
        return replace(column, data=tuple(specs))

    def _cells_of(self, column: Column, entry: EntryChoice) -> Iterator[Cell]:
        """Yield the cells of one row in one column."""
        place, where = column.place, f"benchmark {self.benchmark.name}, entry {entry.name!r}"
        method = self.registry.method(entry.method, where)
        given = {**entry.options, **entry.dataset_options.get(place.train.name, {})}
        options = parse_options(method.entry.config, given, where).model_dump(mode="json")
        problem = column.problem or self._unfit(method.entry, place, where)
        training = None if problem else self._training(column, entry.method, method.package, options)
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

    def _columns(self, choice: DatasetChoice, where: str) -> frozenset[str]:
        return self.resolver.prepared_columns(choice, self.benchmark.preprocessor, where)

    def _training(self, column: Column, method: str, package: str, options: Mapping[str, Any]) -> TrainingSpec:
        """Return the spec of a row's first cell, before it is given weights."""
        return TrainingSpec(
            data=column.data[0],
            test=column.data[1] if len(column.data) > 1 else None,
            method=method,
            options=options,
            protocol=column.place.row.name,
            protocol_options=column.protocol.options.model_dump(mode="json"),
            protocol_label=column.protocol.label,
            fold=0,
            seed=0,
            compute=self.benchmark.compute.model_dump(mode="json"),
            sources=training_sources(package, column.package),
            representation_metrics=self.resolver.representation_metrics(self.benchmark),
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
        lacking = sorted(names - self._columns(choice, where))
        return f"{choice.name} has no column {', '.join(lacking)}, which {method} needs" if lacking else ""


def _check_restriction(row: ProtocolChoice, crosses: bool, where: str) -> None:
    wrong, right = ("datasets", "pairs") if crosses else ("pairs", "datasets")
    if getattr(row, wrong) is not None:
        raise ConfigError(
            expected=f"'{right}' to restrict this protocol", found=f"'{wrong}'", where=where, remedy=f"write {right}"
        )


def _two_alike(place: Place, label: str) -> FerbenchError:
    """Their folds would be averaged into one figure."""
    return ConfigError(
        expected="protocols that print differently on one data set",
        found=f"two that print as {label!r} on {place.label}",
        where=place.where,
        remedy="put one of them into a benchmark of its own",
    )


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


def plan_columns(benchmark: Benchmark, registry: Registry, resolver: Resolver) -> tuple[Column, ...]:
    """List the columns of a benchmark, whoever fills them: what is trained and tested on, and how it is divided.

    Args:
        benchmark: the grid.
        registry: installed plugins.
        resolver: knows the user's data.

    Raises:
        FerbenchError: the benchmark names a data set or a protocol that is not installed, or options are refused.
    """
    store = RecordStore(Path())
    states = _States(frozenset(), frozenset(), frozenset(), store)
    return tuple(_Planner(benchmark, registry, resolver, states).columns())


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
