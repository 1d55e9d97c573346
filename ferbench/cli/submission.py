"""`ferbench submit` and `ferbench verify-submission`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ferbench.cli.grid import sheets
from ferbench.cli.options import AsJson, Config, DataRoot, ResultsFolder
from ferbench.errors import InputError

if TYPE_CHECKING:
    from ferbench.records import RecordStore
    from ferbench.submission.content import Manifest
    from ferbench.submission.verdict import Verdict
    from ferbench.submission.verify import Verifier


def submit_command(  # noqa: PLR0913  one parameter an option
    name: Annotated[str | None, typer.Argument(metavar="[BENCHMARK]", help="A benchmark; quickstart if none.")] = None,
    config: Config = None,
    data_root: DataRoot = None,
    results: ResultsFolder = Path("results"),
    entry: Annotated[
        list[str] | None, typer.Option("--entry", metavar="ROW", help="Rows to submit; every complete one if none.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="The file to write; BENCHMARK.ferbench.zip.")
    ] = None,
    as_run: Annotated[
        bool, typer.Option("--as-run", help="Take the cells of the last run, even if the code has changed since.")
    ] = False,
) -> None:
    """Put finished rows into one file: predictions, specs, provenance and hashes; no images, no parameters.

    A column is submitted with all its folds and seeds or not at all.
    """
    from ferbench.submission.pack import pack

    registry, (sheet,) = sheets([name] if name else None, config, data_root, results, as_run=as_run)
    path = out or Path(f"{sheet.benchmark}.ferbench.zip")
    manifest = pack(sheet, results, entry or [], path, registry)
    for row in manifest.rows:
        count = sum(cell.entry == row for cell in manifest.cells)
        typer.echo(f"{row}: {count} cells of {sum(cell.entry == row for cell in sheet.cells)}")
    typer.echo(f"written to {path}", err=True)


def verify_command(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Submissions.")],
    config: Config = None,
    data_root: DataRoot = None,
    add_to: Annotated[
        Path | None,
        typer.Option("--add-to", metavar="DIR", help="Add the rows of what is accepted to this folder of results."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Recompute every figure from the predictions, on test images that your own copy of the data determines.

    Exit code 1 when a submission is refused; every reason is listed. It is compared with the benchmark as your files
    have it: --config names them.
    """
    from rich.console import Console

    from ferbench.catalogue import list_benchmarks
    from ferbench.plugins import discover
    from ferbench.run.display import RunDisplay
    from ferbench.submission.accept import TakenError
    from ferbench.submission.verify import Verifier

    for file in files:
        if not file.is_file():
            raise InputError(
                expected="a submission", found="no such file", where=str(file), remedy="make one with ferbench submit"
            )
    registry = discover()
    registry.require_sound()
    told = []
    with RunDisplay(Console(stderr=True)) as display:
        verifier = Verifier(registry, list_benchmarks(config, registry), data_root, display.bar)
        for file in files:
            with verifier.opened(file) as (verdict, manifest, store):
                if verdict.accepted and add_to is not None and manifest is not None:
                    try:
                        _add(verifier, manifest, store, add_to)
                    except TakenError as error:  # the other files are told of too
                        verdict.refuse(error.where, str(error))
                told.append((file, verdict))
    if as_json:
        typer.echo(json.dumps([_as_json(file, verdict) for file, verdict in told], indent=1))
    else:
        for file, verdict in told:
            _print(file, verdict)
    raise typer.Exit(0 if all(verdict.accepted for _, verdict in told) else 1)


def _add(verifier: Verifier, manifest: Manifest, store: RecordStore, target: Path) -> None:
    from dataclasses import replace

    from ferbench.columns import columns_of
    from ferbench.plan import make_plan
    from ferbench.report.sheet import sheet_of
    from ferbench.submission.accept import add_rows

    benchmark, resolver = verifier.benchmark(manifest.benchmark)
    sheet = sheet_of(make_plan(benchmark, verifier.registry, resolver, target), verifier.registry)
    blank = replace(sheet, cells=(), weights={}, test_inputs={})
    columns = tuple(columns_of(benchmark, verifier.registry, resolver))
    for row in add_rows(manifest, store, target, blank, columns, benchmark):
        typer.echo(f"added {row} to {target}", err=True)


def _as_json(file: Path, verdict: Verdict) -> dict[str, object]:
    return {
        "file": str(file),
        "accepted": verdict.accepted,
        "benchmark": verdict.benchmark,
        "rows": verdict.rows,
        "findings": [{"where": one.where, "problem": one.problem} for one in verdict.findings],
        "notes": verdict.notes,
    }


def _print(file: Path, verdict: Verdict) -> None:
    for row, count in verdict.rows.items():
        typer.echo(f"{file.name}: {verdict.benchmark}, {row}: {count} cells")
    for one in verdict.findings:
        typer.echo(f"{file.name}: {one.where}: {one.problem}")
    for note in verdict.notes:
        typer.echo(f"{file.name}: note: {note}")
    found = len(verdict.findings)
    typer.echo(f"{file.name}: " + ("accepted" if verdict.accepted else f"refused, {found} reason{'s'[: found > 1]}"))
