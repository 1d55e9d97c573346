"""Where benchmarks come from: the user's file, the shipped one, and those of plugins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ferbench.config import Benchmark, BenchmarkFile, WeightsChoice, read_benchmarks
from ferbench.errors import ConfigError, closest
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
    """

    benchmark: Benchmark
    file: BenchmarkFile
    path: Path
    users: Mapping[str, WeightsChoice] = field(default_factory=dict)

    def resolver(self, registry: Registry, data_root: Path | None) -> Resolver:
        """Return a resolver for this benchmark."""
        return Resolver(registry, {**self.file.weights, **self.users}, data_root, self.path.parent)


def shipped_file() -> Path:
    """Return the benchmark file that comes with ferbench."""
    inside = Path(__file__).parent / "benchmarks.toml"
    return inside if inside.is_file() else Path(__file__).parents[1] / "benchmarks.toml"


def list_benchmarks(config: Path | None, registry: Registry) -> dict[str, Listed]:
    """Return all benchmarks by name: of `config` (else ./benchmarks.toml, else the shipped file) and of the plugins.

    Raises:
        ConfigError: a file is wrong, or two files claim one name.
    """
    here = Path("benchmarks.toml")
    main = config or (here if here.is_file() else shipped_file())
    paths = [main, *(provided.entry.path for provided in registry.all("benchmarks").values())]
    found: dict[str, Listed] = {}
    users: dict[str, WeightsChoice] = {}
    for path in paths:
        file = read_benchmarks(path)
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
    return found


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
            raise ConfigError(
                expected=f"a benchmark: {', '.join(listed) or '(none)'}",
                found=repr(name),
                where="the command line",
                remedy=f"{closest(name, listed)}correct the name, or give its file with --config FILE",
            )
    return [listed[name] for name in names or [DEFAULT] if name in listed] or choose([DEFAULT], listed)
