"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ferbench.errors import ConfigError, DataError

if TYPE_CHECKING:
    from ferbench.catalogue import Listed
    from ferbench.plugins import Registry

Names = Annotated[list[str] | None, typer.Argument(metavar="[BENCHMARK]...", help="Benchmarks; quickstart if none.")]
Config = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="Benchmark file; ./benchmarks.toml, else the shipped one."),
]
Select = Annotated[
    list[str] | None,
    typer.Option("--select", metavar="KEY=VALUE", help="Only such cells: entry, dataset, protocol, fold, seed, id, …"),
]
DataRoot = Annotated[Path | None, typer.Option("--data-root", metavar="DIR", help="Parent folder of your data sets.")]
ResultsFolder = Annotated[Path, typer.Option("--results", metavar="DIR", help="Folder of records.")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON for scripts.")]


def load(names: list[str] | None, config: Path | None, data_root: Path | None) -> tuple[Registry, list[Listed]]:
    """Find the plugins and the named benchmarks.

    Raises:
        FerbenchError: a plugin breaks the contract, a benchmark is unknown, the data root is missing.
    """
    from ferbench.catalogue import choose, list_benchmarks
    from ferbench.plugins import discover

    if data_root is not None and not data_root.is_dir():
        raise DataError(
            expected="the parent folder of your data sets",
            found="no such folder",
            where=f"--data-root {data_root}",
            remedy="correct the path",
        )
    registry = discover()
    registry.require_sound()
    for problem in registry.problems:
        typer.echo(f"warning: {problem.plugin} of {problem.distribution} cannot be used: {problem.reason}", err=True)
    return registry, choose(names or [], list_benchmarks(config, registry))


def options_of(words: list[str], form: str = "KEY=VALUE") -> dict[str, Any]:
    """Read KEY=VALUE with the value as TOML writes it; a bare word is a text.

    Raises:
        ConfigError: a word without a value.
    """
    import tomllib

    made: dict[str, Any] = {}
    for word in words:
        key, sign, value = word.partition("=")
        if not sign:
            raise ConfigError(
                expected=form, found=repr(word), where="--option", remedy="write such as --option peak_frames=1"
            )
        try:
            made[key] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            made[key] = value
    return made
