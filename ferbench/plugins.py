"""How plugins are found: entry points of installed distributions, checked, then listed in a `Registry`."""

from __future__ import annotations

import ast
import importlib
import importlib.metadata
import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from types import ModuleType
from typing import Any, Generic, TypeVar

import pluggy

from ferbench import hookspecs
from ferbench.entries import (
    AttributeEntry,
    BenchmarkEntry,
    DatasetEntry,
    Entry,
    MethodEntry,
    MetricEntry,
    PreprocessorEntry,
    ProtocolEntry,
    ReportedEntry,
    RepresentationMetricEntry,
)
from ferbench.errors import FerbenchError, PluginError, closest

E = TypeVar("E", bound=Entry)

KINDS: Mapping[str, type[Entry]] = {
    "datasets": DatasetEntry,
    "preprocessors": PreprocessorEntry,
    "attributes": AttributeEntry,
    "methods": MethodEntry,
    "metrics": MetricEntry,
    "representation_metrics": RepresentationMetricEntry,
    "protocols": ProtocolEntry,
    "benchmarks": BenchmarkEntry,
    "reported": ReportedEntry,
}

# Kinds whose names are told apart by nothing but themselves: both are columns of leaderboards.
SHARED_NAMES = ({"metrics", "representation_metrics"},)


@dataclass(frozen=True)
class Provided(Generic[E]):
    """An entry and who provides it.

    Attributes:
        entry: what the hook returned.
        distribution: name of the installed distribution.
        version: its version.
        package: the top-level import package of the plugin.
    """

    entry: E
    distribution: str
    version: str
    package: str


@dataclass(frozen=True)
class Problem:
    """A plugin that could not be used, and why.

    Attributes:
        distribution: whose plugin it is.
        plugin: the entry point, as `name = module`.
        reason: what is wrong.
        fatal: True when nothing may run before it is mended (two owners of one name, a misspelt hook).
        error: the same as an error to raise.
    """

    distribution: str
    plugin: str
    reason: str
    fatal: bool
    error: FerbenchError


@dataclass(frozen=True)
class Source:
    """One plugin as discovered: an entry point, or a module given by a test.

    Attributes:
        load: imports the plugin module.
    """

    name: str
    value: str
    distribution: str
    version: str
    load: Callable[[], Any]


class Registry:
    """All entries of all plugins by kind and name. Built by `discover`, never at import."""

    def __init__(self) -> None:
        self.entries: dict[str, dict[str, Provided[Any]]] = {kind: {} for kind in KINDS}
        self.problems: list[Problem] = []

    def require_sound(self) -> None:
        """Raise the first fatal problem.

        Raises:
            PluginError: two distributions claim one name, or a hook is misspelt.
        """
        for problem in self.problems:
            if problem.fatal:
                raise problem.error

    def _get(self, kind: str, name: str, where: str) -> Provided[Any]:
        known = self.entries[kind]
        if name in known:
            return known[name]
        broken = [f"{p.plugin} of {p.distribution} ({p.reason})" for p in self.problems]
        note = f"; plugins that could not be loaded: {'; '.join(broken)}" if broken else ""
        raise PluginError(
            expected=f"one of the installed {kind}: {', '.join(sorted(known)) or '(none)'}",
            found=repr(name) + note,
            where=where,
            remedy=f"{closest(name, known)}'ferbench plugins' lists what is installed",
        )

    def dataset(self, name: str, where: str) -> Provided[DatasetEntry]:
        """Return a data set by name; PluginError, with a suggestion, when there is none."""
        return self._get("datasets", name, where)

    def preprocessor(self, name: str, where: str) -> Provided[PreprocessorEntry]:
        """Return a preprocessor by name; PluginError, with a suggestion, when there is none."""
        return self._get("preprocessors", name, where)

    def attribute(self, name: str, where: str) -> Provided[AttributeEntry]:
        """Return a derived attribute by name."""
        return self._get("attributes", name, where)

    def method(self, name: str, where: str) -> Provided[MethodEntry]:
        """Return a method by name; PluginError, with a suggestion, when there is none."""
        return self._get("methods", name, where)

    def metric(self, name: str, where: str) -> Provided[MetricEntry]:
        """Return a metric by name; PluginError, with a suggestion, when there is none."""
        return self._get("metrics", name, where)

    def representation_metric(self, name: str, where: str) -> Provided[RepresentationMetricEntry]:
        """Return a representation metric by name; PluginError, with a suggestion, when there is none."""
        return self._get("representation_metrics", name, where)

    def protocol(self, name: str, where: str) -> Provided[ProtocolEntry]:
        """Return a protocol by name; PluginError, with a suggestion, when there is none."""
        return self._get("protocols", name, where)

    def all(self, kind: str) -> Mapping[str, Provided[Any]]:
        """Return every entry of a kind (`datasets`, `methods`, …) by name."""
        return self.entries[kind]


def installed_sources() -> Iterator[Source]:
    """Yield the plugins of installed distributions (entry-point group `ferbench`), by distribution and name."""
    found: dict[tuple[str, str], Source] = {}
    for point in importlib.metadata.entry_points(group=hookspecs.PROJECT):
        owner = point.dist.name if point.dist else "unknown"
        version = point.dist.version if point.dist else "0"
        found[owner, point.name] = Source(point.name, point.value, owner, version, point.load)
    yield from (found[key] for key in sorted(found))


@dataclass
class _Builder:
    registry: Registry = field(default_factory=Registry)

    def problem(self, source: Source, fatal: bool, error: FerbenchError) -> None:
        plugin = f"{source.name} = {source.value}"
        reason = f"expected {error.expected}; found {error.found}"
        self.registry.problems.append(Problem(source.distribution, plugin, reason, fatal, error))

    def add(self, source: Source) -> None:
        where = f"plugin {source.name!r} ({source.value}) of distribution {source.distribution}"
        try:
            module = source.load()
        except Exception as error:  # noqa: BLE001  a stranger's module may raise anything; it is reported, not hidden
            found = f"{type(error).__name__}: {error}"
            expected, remedy = "a module that imports", "repair or uninstall that distribution"
            self.problem(source, False, PluginError(expected=expected, found=found, where=where, remedy=remedy))
            return
        manager = pluggy.PluginManager(hookspecs.PROJECT)
        manager.add_hookspecs(hookspecs)
        try:
            manager.register(module)
            manager.check_pending()
            _refuse_unmarked(module, where)
        except (pluggy.PluginValidationError, PluginError) as error:
            self.problem(source, True, _hook_error(error, module, where))
            return
        self._collect(source, module, manager, where)

    def _collect(self, source: Source, module: Any, manager: pluggy.PluginManager, where: str) -> None:  # noqa: ANN401
        home = module.__name__ if isinstance(module, ModuleType) else type(module).__module__
        package = home.split(".")[0]
        for kind, entry_type in KINDS.items():
            try:
                groups = getattr(manager.hook, f"ferbench_{kind}")()
                for entry in (entry for group in groups for entry in group):
                    self._take(kind, entry_type, Provided(entry, source.distribution, source.version, package), source)
            except FerbenchError as error:
                self.problem(source, True, error)
            except Exception as error:  # noqa: BLE001  as above: reported with its plugin's name
                found = f"{type(error).__name__}: {error}"
                expected = f"ferbench_{kind} to return a list of {entry_type.__name__}"
                remedy = "repair the hook"
                self.problem(source, False, PluginError(expected=expected, found=found, where=where, remedy=remedy))

    def _take(self, kind: str, entry_type: type[Entry], provided: Provided[Any], source: Source) -> None:
        entry = provided.entry
        where = f"hook ferbench_{kind} of distribution {source.distribution}"
        if not isinstance(entry, entry_type):
            raise PluginError(
                expected=f"{entry_type.__name__} objects", found=repr(entry), where=where, remedy="correct the hook"
            )
        other = self._owner(kind, entry.name)
        if other is not None:
            raise PluginError(
                expected=f"one owner of the {kind} name {entry.name!r}",
                found=f"two: {other.distribution} {other.version} and {source.distribution} {source.version}",
                where=where,
                remedy="uninstall one of them, or rename one entry",
            )
        self.registry.entries[kind][entry.name] = provided
        for factory in (getattr(entry, "factory", None), getattr(entry, "replica", None)):
            missing = missing_factory(factory)
            if not missing:
                continue
            error = PluginError(
                expected=f"the factory {factory!r} of {kind} {entry.name!r} to exist",
                found=missing,
                where=where,
                remedy="correct the factory, or reinstall that distribution",
            )
            self.problem(source, False, error)

    def _owner(self, kind: str, name: str) -> Provided[Any] | None:
        """Return who has a name already, among the kinds that share their names with `kind`."""
        kinds = next((kinds for kinds in SHARED_NAMES if kind in kinds), {kind})
        return next((self.registry.entries[k][name] for k in sorted(kinds) if name in self.registry.entries[k]), None)


def discover(extra: Iterable[tuple[str, Any]] = (), *, installed: bool = True) -> Registry:
    """Find, check and list all plugins.

    Args:
        extra: further plugins as (name, module or object with hooks), for tests and notebooks.
        installed: look at installed distributions as well.

    Returns:
        The registry, with everything that could not be used under `problems`.
    """
    builder = _Builder()
    for source in installed_sources() if installed else ():
        builder.add(source)
    for name, plugin in extra:
        builder.add(Source(name, name, name, "0", partial(_given, plugin)))
    return builder.registry


def _given(plugin: Any) -> Any:  # noqa: ANN401  a module or any object with hooks
    return plugin


def _refuse_unmarked(module: Any, where: str) -> None:  # noqa: ANN401  a module or any object with hooks
    """Refuse functions that look like hooks but are not marked: pluggy would pass over them in silence."""
    hooks = {name for name, value in vars(hookspecs).items() if name.startswith("ferbench_") and callable(value)}
    for name in dir(module):
        value = getattr(module, name)
        if name.startswith("ferbench_") and inspect.isroutine(value) and not hasattr(value, "ferbench_impl"):
            raise PluginError(
                expected=f"hooks marked with @hookimpl, named one of {', '.join(sorted(hooks))}",
                found=f"the unmarked function {name!r}",
                where=where,
                remedy=f"{closest(name, hooks)}mark it with @ferbench.hookimpl or rename it",
            )


def _hook_error(error: Exception, module: Any, where: str) -> FerbenchError:  # noqa: ANN401
    if isinstance(error, FerbenchError):
        return error
    hooks = [name for name in dir(hookspecs) if name.startswith("ferbench_")]
    wrong = [n for n in dir(module) if hasattr(getattr(module, n), "ferbench_impl") and n not in hooks]
    found = f"{wrong[0]!r}" if wrong else str(error)
    remedy = f"{closest(wrong[0], hooks) if wrong else ''}rename the hook"
    return PluginError(expected=f"hooks named {', '.join(hooks)}", found=found, where=where, remedy=remedy)


@cache
def missing_factory(factory: str | None) -> str:
    """Say why a factory 'package.module:Name' cannot exist, without importing it; empty when it can."""
    if factory is None:
        return ""
    module, _, name = factory.partition(":")
    try:
        found = importlib.util.find_spec(module)
    except (ImportError, ValueError) as error:
        return f"no module {module!r} ({error})"
    if found is None:
        return f"no module {module!r}"
    if found.origin is None or not found.origin.endswith(".py"):
        return ""
    try:
        names = _top_level_names(Path(found.origin))
    except (SyntaxError, UnicodeDecodeError) as error:
        return f"module {module!r}, which is no Python ({type(error).__name__}: {error})"
    return "" if name in names or "*" in names else f"no {name!r} in module {module!r}"


def _top_level_names(path: Path) -> set[str]:
    """Return the names a module binds at its top level, be it under an `if`, `try` or `with`."""
    names: set[str] = set()
    waiting: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
            continue  # what is inside it is not of the module
        if isinstance(node, ast.ImportFrom | ast.Import):
            names.update((alias.asname or alias.name).split(".")[0] for alias in node.names)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        waiting.extend(ast.iter_child_nodes(node))
    return names


def import_factory(provided: Provided[Any]) -> Any:  # noqa: ANN401  whatever the plugin names
    """Import the factory of an entry.

    Raises:
        PluginError: it cannot be imported; the message names the entry and its distribution.
    """
    return import_function(provided.entry.factory, provided)


def import_function(factory: str, provided: Provided[Any]) -> Any:  # noqa: ANN401  whatever the plugin names
    """Import what an entry names as 'package.module:Name'.

    Raises:
        PluginError: it cannot be imported; the message names the entry and its distribution.
    """
    module, _, name = factory.partition(":")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise PluginError(
            expected=f"the factory {factory!r} of {provided.entry.name!r}",
            found=f"{type(error).__name__}: {error}",
            where=f"distribution {provided.distribution} {provided.version}",
            remedy="repair or uninstall that distribution",
        ) from error


def package_files(package: str) -> tuple[Path, list[Path]]:
    """Return the folder of an import package and all Python files in it; of a plugin that is one module, that file."""
    known = sys.modules.get(package)
    spec = getattr(known, "__spec__", None) or (importlib.util.find_spec(package) if known is None else None)
    if spec is not None and spec.submodule_search_locations:
        folder = Path(next(iter(spec.submodule_search_locations)))
        return folder, list(folder.rglob("*.py"))
    file = Path(
        spec.origin if spec is not None and spec.origin else inspect.getfile(known or importlib.import_module(package))
    )
    return file.parent, [file]
