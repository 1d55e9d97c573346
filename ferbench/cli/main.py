"""`ferbench`: the entry point, and how errors reach the user."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from ferbench import __version__
from ferbench.cli.data import data_app
from ferbench.cli.grid import plan_command, report_command, run_command
from ferbench.cli.listing import plugins_command
from ferbench.cli.plugin import plugin_app
from ferbench.cli.submission import submit_command, verify_command
from ferbench.cli.weights import weights_app
from ferbench.errors import FerbenchError

HELP = """Benchmark facial expression recognition under one set of rules.

A benchmark file names data sets, methods and protocols; `ferbench run` trains and tests every cell of that grid,
resumes where it was stopped, and writes leaderboards computed from stored predictions.

Start with `ferbench run` (the quickstart, on faces it renders itself), look ahead with `ferbench plan`.

Exit codes: 0 all done, 1 some cell failed, 2 the input was wrong, 130 interrupted.
"""

INTERRUPTED = 130
"""What the command-line library makes of Ctrl-C, as shells do."""

app = typer.Typer(help=HELP, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
app.command("run")(run_command)
app.command("plan")(plan_command)
app.command("report")(report_command)
app.command("plugins")(plugins_command)
app.command("submit")(submit_command)
app.command("verify-submission")(verify_command)
app.add_typer(data_app, name="data")
app.add_typer(weights_app, name="weights")
app.add_typer(plugin_app, name="plugin")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"ferbench {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    del version


def main() -> None:
    """Run the command line; a typed error becomes one message and its exit code."""
    try:
        app()
    except FerbenchError as error:
        for name, text in error.as_dict().items():
            sys.stderr.write(f"{name + ':':<10} {text}\n")
        sys.exit(error.exit_code)
    except SystemExit as end:
        if end.code == INTERRUPTED:
            sys.stderr.write("interrupted; the same command goes on where it stopped\n")
        raise
