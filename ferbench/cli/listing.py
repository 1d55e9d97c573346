"""`ferbench plugins`: what is installed, from which distribution, and what could not be loaded and why."""

from __future__ import annotations

import json

import typer

from ferbench.cli.options import AsJson


def plugins_command(as_json: AsJson = False) -> None:
    """List installed plugins: data sets, preprocessors, methods, metrics, protocols, benchmarks, reported figures.

    Exit code 2 when something could not be loaded.
    """
    from ferbench.plugins import KINDS, discover

    registry = discover()
    rows = [
        {
            "kind": kind,
            "name": name,
            "distribution": provided.distribution,
            "version": provided.version,
            "summary": getattr(provided.entry, "summary", ""),
        }
        for kind in KINDS
        for name, provided in sorted(registry.all(kind).items())
    ]
    problems = [
        {"distribution": p.distribution, "plugin": p.plugin, "reason": p.reason, "remedy": p.error.remedy}
        for p in registry.problems
    ]
    if as_json:
        typer.echo(json.dumps({"plugins": rows, "problems": problems}, indent=1))
    else:
        for kind in KINDS:
            mine = [row for row in rows if row["kind"] == kind]
            if mine:
                typer.echo(f"{kind}:")
            for row in mine:
                owner = f"{row['distribution']} {row['version']}"
                typer.echo(f"  {row['name']:<22} {owner:<28} {row['summary']}")
        for problem in problems:
            typer.echo(
                f"cannot be used: {problem['plugin']} of {problem['distribution']}: {problem['reason']}; "
                f"{problem['remedy']}",
                err=True,
            )
    raise typer.Exit(2 if problems else 0)
