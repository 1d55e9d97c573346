"""`ferbench weights`: what the benchmark files name, and whether it is there and unaltered."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import typer

from ferbench.cli.options import AsJson, Config

weights_app = typer.Typer(help="Pretrained weights: list them, verify them.", no_args_is_help=True)


@weights_app.command("list")
def list_command(config: Config = None, as_json: AsJson = False) -> None:
    """List the weights of the benchmark files: files with their checksums, and recipes."""
    from ferbench.catalogue import list_benchmarks
    from ferbench.plugins import discover

    rows = []
    for path, name, choice in _weights(list_benchmarks(config, discover())):
        origin = f"file {choice.path}" if choice.recipe is None else f"trained on {choice.recipe.dataset}"
        rows.append({"name": name, "origin": origin, "sha256": choice.sha256, "file": str(path)})
    if as_json:
        typer.echo(json.dumps(rows, indent=1))
        return
    if not rows:
        typer.echo("no benchmark file names weights")
    for row in rows:
        typer.echo(f"{row['name']}: {row['origin']} ({row['file']})")


@weights_app.command("verify")
def verify_command(config: Config = None, as_json: AsJson = False) -> None:
    """Check every file of weights against its checksum, and every trained one against what was recorded.

    Exit code 2 when one is altered, or one that your own file names is missing. A file that a plugin's benchmarks name
    and you have not brought is told, no more: `ok` is null.
    """
    from ferbench.canonical import file_digest
    from ferbench.catalogue import list_benchmarks
    from ferbench.plugins import discover
    from ferbench.trained import INFO, PARAMETERS, weights_root

    rows: list[dict[str, Any]] = []
    registry = discover()
    shipped = {provided.entry.path for provided in registry.all("benchmarks").values()}
    for path, name, choice in _weights(list_benchmarks(config, registry)):
        if choice.path is not None:
            file = path.parent / Path(choice.path).expanduser()
            found = file_digest(file) if file.is_file() else "no such file"
            ok = None if path in shipped and not file.is_file() else found == choice.sha256
            rows.append({"name": name, "path": str(file), "ok": ok, "found": found})
    for info in sorted(weights_root().glob(f"*/{INFO}")):
        file = info.parent / PARAMETERS
        found = file_digest(file) if file.is_file() else "no such file"
        expected = json.loads(info.read_text())["sha256"]
        rows.append({"name": info.parent.name[:12], "path": str(file), "ok": found == expected, "found": found})
    if as_json:
        typer.echo(json.dumps(rows, indent=1))
    else:
        for row in rows:
            typer.echo(f"{_VERDICTS[row['ok']]}  {row['name']}  {row['path']}  {row['found']}")
    raise typer.Exit(2 if any(row["ok"] is False for row in rows) else 0)


_VERDICTS = {True: "ok", False: "ALTERED OR MISSING", None: "not brought, needed by shipped benchmarks alone"}


def _weights(listed: dict) -> list:  # type: ignore[type-arg]  # imported lazily by the callers
    seen = {}
    for one in listed.values():
        for name, choice in one.file.weights.items():
            seen[str(one.path), name] = (one.path, name, choice)
    return list(seen.values())
