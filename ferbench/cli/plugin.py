"""`ferbench plugin`: begin a plugin of one's own, and check one that is installed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ferbench.cli.options import AsJson, DataRoot, options_of

if TYPE_CHECKING:
    from ferbench.testing.distribution import Checked

plugin_app = typer.Typer(help="Plugins: begin one, check one.", no_args_is_help=True)


@plugin_app.command("check")
def check_command(
    distribution: Annotated[str, typer.Argument(metavar="DISTRIBUTION", help="An installed distribution.")],
    option: Annotated[
        list[str] | None,
        typer.Option("--option", metavar="ENTRY.KEY=VALUE", help="Check an entry with this option."),
    ] = None,
    data_root: DataRoot = None,
    as_json: AsJson = False,
) -> None:
    """Check all that a distribution offers: methods, data sets, preprocessors, metrics, protocols, files.

    Exit code 1 when a check fails; each says what is wrong and how to mend it.
    """
    from ferbench.plugins import discover
    from ferbench.testing.distribution import Conditions, check_distribution

    conditions = Conditions(_by_entry(option or []), data_root)
    results = []
    for checked in check_distribution(discover(), distribution, conditions, _announce):
        results.append(checked)
        if not as_json:
            _tell(checked)
    failed = sum(len(checked.findings) for checked in results)
    if as_json:
        typer.echo(json.dumps([_as_json(checked) for checked in results], indent=1))
    else:
        made = sum(checked.checks for checked in results)
        told = f"{failed} failed" if failed else "all passed"
        typer.echo(f"{made} checks, {told}" if made else "nothing could be checked")
    raise typer.Exit(1 if failed else 0)


def _announce(kind: str, name: str) -> None:
    typer.echo(f"checking {kind}: {name}", err=True)


def _by_entry(words: list[str]) -> dict[str, dict[str, Any]]:
    made: dict[str, dict[str, Any]] = {}
    for key, value in options_of(words, "ENTRY.KEY=VALUE").items():
        entry, _, name = key.rpartition(".")
        made.setdefault(entry, {})[name] = value
    return made


def _tell(checked: Checked) -> None:
    told = checked.left_out or f"{checked.checks - len(checked.findings)} of {checked.checks} checks passed"
    typer.echo(f"{checked.kind}: {checked.name}: {told}")
    for finding in checked.findings:
        typer.echo(f"  {finding}".replace("\n", "\n  "))


def _as_json(checked: Checked) -> dict[str, object]:
    findings = [{"check": one.check, "problem": one.problem, "remedy": one.remedy} for one in checked.findings]
    return {
        "kind": checked.kind,
        "name": checked.name,
        "checks": checked.checks,
        "left_out": checked.left_out,
        "findings": findings,
    }


@plugin_app.command("new")
def new_command(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Of the distribution, such as my-method.")],
    kind: Annotated[
        str, typer.Option("--kind", metavar="KIND", help="method, dataset, preprocessor, metric or protocol.")
    ] = "method",
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="The folder to write; NAME below this one.")
    ] = None,
    author: Annotated[str, typer.Option("--author", metavar="NAME", help="Whose it is.")] = "",
) -> None:
    """Write a complete distribution: a small working plugin, its tests, README, licence and CI.

    Its tests pass as written. Change what it does, then 'ferbench plugin check NAME'.
    """
    from ferbench.templates.write import write_plugin

    folder = out or Path(name)
    for path in write_plugin(name, kind, folder, author):
        typer.echo(str(path))
    typer.echo(f"next: uv pip install -e {folder}, then ferbench plugin check {name}", err=True)
