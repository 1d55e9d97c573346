"""`ferbench plugin check`: everything that an installed distribution offers, against the conformance kit."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from ferbench.catalogue import list_benchmarks
from ferbench.data.replica import ReplicaSite, write_replica
from ferbench.errors import FerbenchError, PluginError, closest
from ferbench.options import NoOptions, Options
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
        config: the user's benchmark file.
    """

    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    data_root: Path | None = None
    config: Path | None = None


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
    for kind, provided in offered(registry, distribution):
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
            problem = f"expected {error.expected}; found {error.found}; {error.where}"
            return Checked("datasets", entry.name, 1, (Finding("writes its replica", problem, error.remedy),))
        return check(DatasetSubject(provided, options, root))


def _metric(provided: Provided[Any], _: Conditions, __: Registry) -> Checked:
    return _checked("metrics", provided.entry.name, METRIC_CHECKS, MetricSubject(provided))


def _preprocessor(provided: Provided[Any], conditions: Conditions, _: Registry) -> Checked:
    entry = provided.entry
    if entry.weights:
        return Checked("preprocessors", entry.name, left_out=f"it needs weights: {', '.join(entry.weights)}")
    subject = PreprocessorSubject(provided, conditions.options.get(entry.name, {}))
    return _checked("preprocessors", entry.name, PREPROCESSOR_CHECKS, subject)


def _protocol(provided: Provided[Any], conditions: Conditions, _: Registry) -> Checked:
    subject = ProtocolSubject(provided, conditions.options.get(provided.entry.name, {}))
    return _checked("protocols", provided.entry.name, PROTOCOL_CHECKS, subject)


def _file(kind: str, read: Callable[[Registry, Conditions], object]) -> Callable[..., Checked]:
    def check(provided: Provided[Any], conditions: Conditions, registry: Registry) -> Checked:
        return _checked(kind, provided.entry.name, (_reads(read, conditions),), registry)

    return check


def _reads(read: Callable[[Registry, Conditions], object], conditions: Conditions) -> Callable[[Registry], None]:
    def loads(registry: Registry) -> None:
        read(registry, conditions)

    return loads


_BY_KIND: Mapping[str, Callable[[Provided[Any], Conditions, Registry], Checked]] = {
    "methods": _method,
    "datasets": _dataset,
    "metrics": _metric,
    "preprocessors": _preprocessor,
    "protocols": _protocol,
    "benchmarks": _file("benchmarks", lambda registry, conditions: list_benchmarks(conditions.config, registry)),
    "reported": _file("reported", lambda registry, _: read_reported(registry)),
}
