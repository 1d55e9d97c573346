"""`ferbench plugin check`: everything that an installed distribution offers, against the conformance kit."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from ferbench.catalogue import Listed
from ferbench.columns import columns_of
from ferbench.config import EntryChoice, read_benchmarks
from ferbench.data.replica import ReplicaSite, write_replica
from ferbench.errors import ConfigError, FerbenchError, PluginError, closest
from ferbench.options import NoOptions, Options, parse_options
from ferbench.plugins import KINDS, Provided, Registry
from ferbench.report.reported import read_reported
from ferbench.testing.dataset_checks import DATASET_CHECKS, DatasetSubject
from ferbench.testing.findings import Finding
from ferbench.testing.method_checks import METHOD_CHECKS
from ferbench.testing.metric_checks import METRIC_CHECKS, MetricSubject
from ferbench.testing.preprocessor_checks import PREPROCESSOR_CHECKS, PreprocessorSubject
from ferbench.testing.protocol_checks import PROTOCOL_CHECKS, ProtocolSubject
from ferbench.testing.running import failing
from ferbench.testing.subject import Subject
from ferbench.testing.toys import Toys

TOY_COLUMNS = {"subject", "pose", "landmarks"}


@dataclass(frozen=True)
class Checked:
    """What came of one entry.

    Attributes:
        kind: such as `methods`.
        name: of the entry.
        checks: how many were made.
        findings: those that failed.
        left_out: why it could not be checked; empty when it was.
    """

    kind: str
    name: str
    checks: int = 0
    findings: tuple[Finding, ...] = ()
    left_out: str = ""


@dataclass(frozen=True)
class Conditions:
    """How a distribution is checked.

    Attributes:
        options: by name of an entry, options to check it with instead of its own.
        data_root: parent folder of data sets.
    """

    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    data_root: Path | None = None


def offered(registry: Registry, distribution: str) -> list[tuple[str, Provided[Any]]]:
    """Return the entries of a distribution, with their kinds.

    Raises:
        PluginError: it is not installed, offers nothing, or could not be loaded.
    """
    wanted = _normal(distribution)
    for problem in registry.problems:
        if _normal(problem.distribution) == wanted or problem.fatal:
            raise problem.error
    every = [(kind, provided) for kind in KINDS for _, provided in sorted(registry.all(kind).items())]
    found = [(kind, provided) for kind, provided in every if _normal(provided.distribution) == wanted]
    if not found:
        names = sorted({provided.distribution for _, provided in every})
        raise PluginError(
            expected=f"an installed distribution with plugins: {', '.join(names)}",
            found=repr(distribution),
            where="the command line",
            remedy=f"{closest(distribution, names)}install it beside ferbench: uv pip install -e FOLDER",
        )
    return found


def _normal(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")


def check_distribution(
    registry: Registry, distribution: str, conditions: Conditions, begun: Callable[[str, str], None] | None = None
) -> Iterator[Checked]:
    """Check each entry of a distribution; yields them one by one.

    Args:
        registry: installed plugins.
        distribution: its name.
        conditions: how.
        begun: told the kind and name of what is checked next.

    Raises:
        PluginError: it is not installed, or cannot be loaded at all.
    """
    entries = offered(registry, distribution)
    for name in conditions.options.keys() - {provided.entry.name for _, provided in entries}:
        raise ConfigError(
            expected=f"an entry of {distribution}: {', '.join(provided.entry.name for _, provided in entries)}",
            found=repr(name),
            where="--option",
            remedy="write ENTRY.KEY=VALUE",
        )
    for kind, provided in entries:
        if begun is not None:
            begun(kind, provided.entry.name)
        check, lacking = _BY_KIND.get(kind), _lacking(provided, conditions)
        if check is None:
            yield Checked(kind, provided.entry.name, left_out="the kit has no checks of this kind")
        elif lacking:
            yield Checked(kind, provided.entry.name, left_out=f"it needs options: --option {lacking}=VALUE")
        else:
            yield check(provided, conditions, registry)


def _lacking(provided: Provided[Any], conditions: Conditions) -> str:
    """Return an option that has no default and was not given, as the command line names it; else nothing."""
    entry = provided.entry
    kind: type[Options] = getattr(entry, "options", getattr(entry, "config", NoOptions))
    given = {**getattr(entry, "rehearsal", {}), **conditions.options.get(entry.name, {})}
    lacking = (name for name, option in kind.model_fields.items() if option.is_required() and name not in given)
    return next((f"{entry.name}.{name}" for name in lacking), "")


def _checked(kind: str, name: str, checks: Sequence[Callable[[Any], None]], subject: object) -> Checked:
    return Checked(kind, name, len(checks), tuple(failing(checks, subject)))


def _method(provided: Provided[Any], conditions: Conditions, _: Registry) -> Checked:
    entry = provided.entry
    further = tuple(sorted({*entry.requires, *entry.test_inputs} - TOY_COLUMNS))
    options = {**entry.rehearsal, **conditions.options.get(entry.name, {})}
    subject = Subject(provided, options, toys=Toys(further=further))
    return _checked("methods", entry.name, METHOD_CHECKS, subject)


def _dataset(provided: Provided[Any], conditions: Conditions, _: Registry) -> Checked:
    entry = provided.entry
    options = conditions.options.get(entry.name, {})
    check = partial(_checked, "datasets", entry.name, DATASET_CHECKS)
    if not entry.needs_root:
        return check(DatasetSubject(provided, options))
    folders = [conditions.data_root / name for name in (entry.name, entry.folder) if name and conditions.data_root]
    root = next((folder for folder in folders if folder.is_dir()), None)
    if root is not None:
        return check(DatasetSubject(provided, options, root))
    if entry.replica is None:
        return Checked("datasets", entry.name, left_out="it needs files of yours: give --data-root DIR")
    with tempfile.TemporaryDirectory(prefix="ferbench-check-") as folder:
        root = Path(folder) / entry.name
        try:
            write_replica(provided, ReplicaSite(root))
        except FerbenchError as error:
            return Checked("datasets", entry.name, 1, (Finding("writes its replica", error.problem, error.remedy),))
        return check(DatasetSubject(provided, options, root))


def _metric(provided: Provided[Any], _: Conditions, __: Registry) -> Checked:
    return _checked("metrics", provided.entry.name, METRIC_CHECKS, MetricSubject(provided))


def _preprocessor(provided: Provided[Any], conditions: Conditions, _: Registry) -> Checked:
    entry = provided.entry
    if entry.weights:
        return Checked("preprocessors", entry.name, left_out=f"it needs weights: {', '.join(entry.weights)}")
    subject = PreprocessorSubject(provided, conditions.options.get(entry.name, {}))
    try:
        blind = not subject.finds_faces()
    except Exception:  # noqa: BLE001  the checks will tell what it raises
        blind = False
    if blind:
        return Checked("preprocessors", entry.name, left_out="it finds no face in the kit's images, which are noise")
    return _checked("preprocessors", entry.name, PREPROCESSOR_CHECKS, subject)


def _protocol(provided: Provided[Any], conditions: Conditions, _: Registry) -> Checked:
    subject = ProtocolSubject(provided, conditions.options.get(provided.entry.name, {}))
    return _checked("protocols", provided.entry.name, PROTOCOL_CHECKS, subject)


def _benchmarks(provided: Provided[Any], _: Conditions, registry: Registry) -> Checked:
    """Read its file, and look up and parse all that benchmarks and added rows name; data need not be there."""

    def loads(path: Path) -> None:
        file = read_benchmarks(path)
        for benchmark in file.benchmark.values():
            one = Listed(benchmark, file, path)
            list(columns_of(benchmark, registry, one.resolver(registry, None)))
            for metric in benchmark.metrics:
                name = metric.split(".")[0]
                if name not in {choice.name for choice in benchmark.representation_metrics}:
                    registry.metric(name, f"benchmark {benchmark.name}")
        rows = [(name, entry) for name, benchmark in file.benchmark.items() for entry in benchmark.entry]
        added = [(name, entry) for name, extension in file.extend.items() for entry in extension.entry]
        for name, entry in (*rows, *added):
            _parse_row(entry, f"benchmark {name}, entry {entry.name!r}", registry)

    return _checked("benchmarks", provided.entry.name, (loads,), provided.entry.path)


def _parse_row(entry: EntryChoice, where: str, registry: Registry) -> None:
    method = registry.method(entry.method, where).entry
    for more in ({}, *entry.dataset_options.values()):
        parse_options(method.config, {**entry.options, **more}, where)


def _reported(provided: Provided[Any], _: Conditions, registry: Registry) -> Checked:
    def loads(registry: Registry) -> None:
        read_reported(registry)

    return _checked("reported", provided.entry.name, (loads,), registry)


_BY_KIND: Mapping[str, Callable[[Provided[Any], Conditions, Registry], Checked]] = {
    "methods": _method,
    "datasets": _dataset,
    "metrics": _metric,
    "preprocessors": _preprocessor,
    "protocols": _protocol,
    "benchmarks": _benchmarks,
    "reported": _reported,
}
