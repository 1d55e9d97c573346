"""Where benchmarks come from: the user's file, the shipped one, and those of plugins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from ferbench.config import Benchmark, BenchmarkFile, Extension, WeightsChoice, read_benchmarks
from ferbench.errors import ConfigError, unknown_name
from ferbench.plugins import Registry
from ferbench.resolve import Resolver

DEFAULT = "quickstart"


@dataclass(frozen=True)
class Listed:
    """A benchmark and the file it stands in.

    Attributes:
        benchmark: the benchmark.
        file: all of the file: its weights are what the benchmark's entries may name.
        path: where it is; relative paths in it start there.
        users: weights of the user's file, absolute paths; they stand for those that a plugin's file calls the same.
        added: weights of the files that add rows, absolute paths.
    """

    benchmark: Benchmark
    file: BenchmarkFile
    path: Path
    users: Mapping[str, WeightsChoice] = field(default_factory=dict)
    added: Mapping[str, WeightsChoice] = field(default_factory=dict)

    def resolver(self, registry: Registry, data_root: Path | None) -> Resolver:
        """Return a resolver for this benchmark."""
        return Resolver(registry, {**self.added, **self.file.weights, **self.users}, data_root, self.path.parent)


def shipped_file() -> Path:
    """Return the benchmark file that comes with ferbench."""
    inside = Path(__file__).parent / "benchmarks.toml"
    return inside if inside.is_file() else Path(__file__).parents[1] / "benchmarks.toml"


def list_benchmarks(config: Path | None, registry: Registry) -> dict[str, Listed]:
    """Return all benchmarks by name: of `config` (else ./benchmarks.toml, else the shipped file) and of the plugins.

    A file may add rows to a benchmark of another one, of the shipped file too. A plugin's rows for a benchmark of a
    plugin that is not installed are left out.

    Raises:
        ConfigError: a file is wrong, two files claim one name, or rows are added that cannot be.
    """
    here = Path("benchmarks.toml")
    main = config or (here if here.is_file() else shipped_file())
    paths = [main, *(provided.entry.path for provided in registry.all("benchmarks").values())]
    found: dict[str, Listed] = {}
    users: dict[str, WeightsChoice] = {}
    files = {path: read_benchmarks(path) for path in paths}
    for path, file in files.items():
        if path == main:
            users = {name: _absolute(weights, path.parent) for name, weights in file.weights.items()}
        for name, benchmark in file.benchmark.items():
            if name in found:
                raise ConfigError(
                    expected=f"one benchmark called {name!r}",
                    found=f"two: in {found[name].path} and in {path}",
                    where="the benchmark files",
                    remedy="rename yours",
                )
            known = {name: weights for name, weights in users.items() if name in file.weights}
            found[name] = Listed(benchmark, file, path, known)
    for path, file in files.items():
        for name, extension in file.extend.items():
            base = _base(name, found)
            if base is not None:
                found[name] = _extended(base, extension, file, path)
            elif path == main:
                names = [*found, *read_benchmarks(shipped_file()).benchmark]
                where = f"{path}, at extend.{name}"
                raise unknown_name(name, names, what="a benchmark to add rows to", where=where)
    return found


def _base(name: str, found: Mapping[str, Listed]) -> Listed | None:
    """Return the benchmark that a file adds rows to; None: it is of a plugin that is not installed."""
    if name in found:
        return found[name]
    shipped = read_benchmarks(shipped_file())
    return Listed(shipped.benchmark[name], shipped, shipped_file()) if name in shipped.benchmark else None


def _extended(listed: Listed, extension: Extension, file: BenchmarkFile, path: Path) -> Listed:
    """Return a benchmark with further rows. They start from weights of their own file, or of the benchmark's."""
    names = [entry.name for entry in (*listed.benchmark.entry, *extension.entry)]
    twice = next((entry.name for entry in extension.entry if names.count(entry.name) > 1), None)
    if twice is not None:
        raise ConfigError(
            expected=f"a row that {listed.benchmark.name} does not have",
            found=repr(twice),
            where=f"{path}, at extend.{listed.benchmark.name}",
            remedy="name yours otherwise",
        )
    own = {name: _absolute(weights, path.parent) for name, weights in file.weights.items()}
    wanted = {name for entry in extension.entry for name in entry.weights.values()} & own.keys()
    for recipe in [own[name].recipe for name in sorted(wanted)]:  # what a detector of theirs needs
        if recipe is not None and recipe.preprocessor is not None:
            wanted |= set(recipe.preprocessor.weights.values()) & own.keys()
    own = {name: own[name] for name in sorted(wanted)}
    theirs = {name: _absolute(weights, listed.path.parent) for name, weights in listed.file.weights.items()}
    there = {**listed.added, **theirs, **listed.users}
    other = next((name for name, weights in own.items() if there.get(name, weights) != weights), None)
    if other is not None:
        raise ConfigError(
            expected=f"one meaning of the weights {other!r}",
            found=f"another one in {listed.path}",
            where=f"{path}, at weights.{other}",
            remedy="name yours otherwise",
        )
    benchmark = listed.benchmark.model_copy(update={"entry": (*listed.benchmark.entry, *extension.entry)})
    return replace(listed, benchmark=benchmark, added={**listed.added, **own})


def _absolute(weights: WeightsChoice, folder: Path) -> WeightsChoice:
    if weights.path is None:
        return weights
    return weights.model_copy(update={"path": str((folder / Path(weights.path).expanduser()).absolute())})


def choose(names: list[str], listed: dict[str, Listed]) -> list[Listed]:
    """Return the named benchmarks; `quickstart` when none is named.

    Raises:
        ConfigError: there is none of that name.
    """
    for name in names:
        if name not in listed:
            remedy = "correct the name, or give its file with --config FILE"
            raise unknown_name(name, listed, what="a benchmark", where="the command line", remedy=remedy)
    return [listed[name] for name in names or [DEFAULT] if name in listed] or choose([DEFAULT], listed)
