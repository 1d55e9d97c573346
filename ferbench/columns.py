"""The columns of a benchmark, whoever fills them: what is trained and tested on, and how it is divided."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from ferbench.config import Benchmark, DatasetChoice, ProtocolChoice
from ferbench.errors import ConfigError, DataError, FerbenchError, unknown_name
from ferbench.options import Options, parse_options
from ferbench.plugins import Registry, import_factory
from ferbench.protocols.base import Protocol
from ferbench.resolve import Resolver
from ferbench.spec import Json, PreparedSpec, RepresentationMetricSpec, TrainingSpec


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

    def training(
        self,
        *,
        method: str,
        options: Json,
        compute: Json,
        sources: Json,
        representation_metrics: tuple[RepresentationMetricSpec, ...] = (),
    ) -> TrainingSpec:
        """Return the spec of a row's first cell here, before it is given weights; its data must be there."""
        return TrainingSpec(
            data=self.data[0],
            test=self.data[1] if len(self.data) > 1 else None,
            method=method,
            options=options,
            protocol=self.place.row.name,
            protocol_options=self.protocol.options.model_dump(mode="json"),
            protocol_label=self.protocol.label,
            fold=0,
            seed=0,
            compute=compute,
            sources=sources,
            representation_metrics=representation_metrics,
        )


def columns_of(benchmark: Benchmark, registry: Registry, resolver: Resolver) -> Iterator[Column]:
    """Yield the columns of a benchmark in order.

    Args:
        benchmark: the grid.
        registry: installed plugins.
        resolver: knows the user's data.

    Raises:
        FerbenchError: the benchmark names a data set or a protocol that is not installed, or options are refused.
    """
    seen: set[tuple[str, str]] = set()
    maker = _Columns(benchmark, registry, resolver)
    for place in maker.places():
        column = maker.column(place)
        if (place.label, column.protocol.label) in seen:
            raise _two_alike(place, column.protocol.label)
        seen.add((place.label, column.protocol.label))
        yield column


@dataclass(frozen=True)
class _Columns:
    benchmark: Benchmark
    registry: Registry
    resolver: Resolver

    def places(self) -> Iterator[Place]:
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
        raise unknown_name(name, names, what="a data set of the benchmark", where=where)

    def column(self, place: Place) -> Column:
        provided = self.registry.protocol(place.row.name, place.where)
        options = parse_options(provided.entry.options, place.row.options, place.where)
        column = Column(place, import_factory(provided)(options), provided.package)
        specs: list[PreparedSpec] = []
        for choice in place.choices:
            try:
                specs.append(self.resolver.prepared(choice, self.benchmark.preprocessor, place.where))
                lacking = column.protocol.needs - self.resolver.prepared_columns(
                    choice, self.benchmark.preprocessor, place.where
                )
            except DataError as error:
                return replace(column, problem=str(error), missing=True)
            if lacking:
                names = ", ".join(sorted(lacking))
                return replace(column, problem=f"{choice.name} has no column {names}, which {place.row.name} needs")
        return replace(column, data=tuple(specs))


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
