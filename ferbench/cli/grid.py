"""`ferbench run`, `plan` and `report`."""

from __future__ import annotations

import enum
import json
import signal
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from ferbench.cli.options import AsJson, Config, DataRoot, Names, ResultsFolder, Select, load

if TYPE_CHECKING:
    from ferbench.plan import Cell, Plan
    from ferbench.plugins import Registry
    from ferbench.report.sheet import Sheet


class Format(enum.StrEnum):
    """Formats of a leaderboard."""

    markdown = "markdown"
    latex = "latex"
    csv = "csv"
    json = "json"
    html = "html"


SUFFIXES = {
    Format.markdown: "md",
    Format.latex: "tex",
    Format.csv: "csv",
    Format.json: "json",
    Format.html: "html",
}


def _plans(
    names: list[str] | None, config: Path | None, data_root: Path | None, results: Path
) -> tuple[Registry, list[Plan]]:
    from ferbench.plan import make_plan

    registry, listed = load(names, config, data_root)
    plans = [make_plan(one.benchmark, registry, one.resolver(registry, data_root), results) for one in listed]
    return registry, plans


def run_command(  # noqa: PLR0913  one parameter an option
    names: Names = None,
    config: Config = None,
    select: Select = None,
    workers: Annotated[
        int | None, typer.Option("--workers", metavar="N", min=1, help="Processes; as many as cores allow by default.")
    ] = None,
    data_root: DataRoot = None,
    results: ResultsFolder = Path("results"),
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Run failed cells again.")] = False,
    checkpoint_seconds: Annotated[
        float, typer.Option(metavar="S", min=0, help="Least time between two checkpoints of a cell.")
    ] = 20.0,
) -> None:
    """Run every cell that is not done, then print and write the leaderboards.

    Stop it at any moment, by Ctrl-C or otherwise: the same command goes on where it stopped. Several runs over one
    results folder share the work.
    """
    from rich.console import Console

    from ferbench.plan import select as choose_cells
    from ferbench.run.display import RunDisplay
    from ferbench.run.session import RunSettings, run_plan

    signal.signal(signal.SIGTERM, _as_interrupt)  # what a cluster sends before it kills
    registry, plans = _plans(names, config, data_root, results)
    settings = RunSettings(results, workers, retry_failed, checkpoint_seconds)
    code = 0
    for plan in plans:
        cells = choose_cells(plan.cells, tuple(select or ()))
        with RunDisplay(Console(stderr=True)) as display:
            tally = run_plan(plan, cells, settings, display)
        _write_leaderboard(plan, registry, results)
        code = max(code, _explain_end(plan, cells, len(tally.failed)))
    raise typer.Exit(code)


def _as_interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _write_leaderboard(plan: Plan, registry: Registry, results: Path) -> None:
    from ferbench.places import write_atomically
    from ferbench.plan import make_plan
    from ferbench.report.sheet import save_sheet, sheet_of

    sheet = sheet_of(make_plan(plan.benchmark, registry, plan.resolver, results), registry)
    save_sheet(sheet, results)
    text = _rendered(sheet, registry, results, Format.markdown)
    path = results / "leaderboards" / f"{sheet.benchmark}.md"
    write_atomically(path, text.encode())
    typer.echo(text)
    typer.echo(f"written to {path}", err=True)


def _explain_end(plan: Plan, cells: tuple[Cell, ...], failed: int) -> int:
    """Say what is left, and return the exit code."""
    missing = sorted({f"{cell.dataset}: {cell.reason}" for cell in cells if cell.missing_data})
    for line in missing:
        typer.echo(f"not run, {line}", err=True)
    if failed:
        name = plan.benchmark.name
        typer.echo(f"{failed} failed: 'ferbench plan {name}' tells why; --retry-failed runs them again", err=True)
        return 1
    return 2 if missing else 0


def plan_command(
    names: Names = None,
    config: Config = None,
    select: Select = None,
    data_root: DataRoot = None,
    results: ResultsFolder = Path("results"),
    as_json: AsJson = False,
) -> None:
    """Show what would run, what is done, and what cannot run and why."""
    from ferbench.plan import select as choose_cells

    _, plans = _plans(names, config, data_root, results)
    cells = [(plan, cell) for plan in plans for cell in choose_cells(plan.cells, tuple(select or ()))]
    if as_json:
        rows = [{"benchmark": plan.benchmark.name, **cell.coordinates()} for plan, cell in cells]
        typer.echo(json.dumps(rows, indent=1))
        return
    _print_plan([(plan.benchmark.name, cell) for plan, cell in cells])


def _print_plan(cells: list[tuple[str, Cell]]) -> None:
    """Print one line for each entry, column and state: a grid of thousands still fits a screen."""
    groups: dict[tuple[str, ...], list[Cell]] = {}
    for name, cell in cells:
        key = (name, cell.entry, cell.dataset, cell.protocol, cell.state, cell.reason)
        groups.setdefault(key, []).append(cell)
    for (name, entry, dataset, protocol, state, reason), members in groups.items():
        note = f"  ({reason})" if reason else ""
        typer.echo(f"{name}  {entry}  {dataset}  {protocol}  {len(members)} {state}{note}")
    states = [cell.state for _, cell in cells]
    typer.echo(", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states)) or "no cells")


def report_command(  # noqa: PLR0913  one parameter an option
    names: Names = None,
    config: Config = None,
    data_root: DataRoot = None,
    results: ResultsFolder = Path("results"),
    style: Annotated[
        Format, typer.Option("--format", help="Of the leaderboard; html: one page with tables to sort, and pictures.")
    ] = Format.markdown,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Write DIR/<benchmark>.<ext> instead of printing.")
    ] = None,
    with_records: Annotated[
        bool, typer.Option("--with-records", help="Copy the records behind it to DIR/<benchmark>/ (needs --out).")
    ] = False,
    as_run: Annotated[
        bool,
        typer.Option(
            "--as-run", help="Use the cells of the last run as they were, even if the code has changed since."
        ),
    ] = False,
    pictures: Annotated[
        bool,
        typer.Option(
            "--pictures",
            help="Draw feature-map and neighbours, where runs kept them, to DIR/<benchmark>/ (needs --out).",
        ),
    ] = False,
) -> None:
    """Make leaderboards from the records: metrics from stored predictions, those of representations as measured."""
    if out is None:
        _refuse_without_folder({"--with-records": with_records, "--pictures": pictures})
    registry, chosen = sheets(names, config, data_root, results, as_run=as_run)
    for sheet in chosen:
        text = _rendered(sheet, registry, results, style)
        if out is None:
            typer.echo(text, nl=False)
            continue
        from ferbench.places import write_atomically

        write_atomically(out / f"{sheet.benchmark}.{SUFFIXES[style]}", text.encode())
        if with_records:
            from ferbench.report.bundle import copy_records

            copy_records(sheet, results, out / sheet.benchmark)
        if pictures:
            _draw(sheet, results, out / sheet.benchmark)


def _refuse_without_folder(asked: Mapping[str, bool]) -> None:
    """Refuse options that write beside the leaderboard where it is printed.

    Raises:
        InputError: one of them was given.
    """
    from ferbench.errors import InputError

    for name in (name for name, given in asked.items() if given):
        raise InputError(
            expected=f"--out DIR beside {name}", found="no --out", where="the command line", remedy="add it"
        )


def _draw(sheet: Sheet, results: Path, out: Path) -> None:
    from ferbench.data.recorded import images_of
    from ferbench.records import RecordStore
    from ferbench.report.pictures import write_pictures

    for path in write_pictures(sheet, RecordStore(results), out, images_of):
        typer.echo(f"written to {path}", err=True)


def sheets(
    names: list[str] | None, config: Path | None, data_root: Path | None, results: Path, *, as_run: bool
) -> tuple[Registry, list[Sheet]]:
    """Return the sheets of the named benchmarks: as they are planned now, or as they were run.

    Raises:
        FerbenchError: a benchmark is unknown, or was never run here.
    """
    from ferbench.catalogue import DEFAULT
    from ferbench.plugins import discover
    from ferbench.report.sheet import load_sheet, sheet_of

    if as_run:
        registry = discover()
        registry.require_sound()
        return registry, [load_sheet(results, name) for name in names or [DEFAULT]]
    registry, plans = _plans(names, config, data_root, results)
    return registry, [sheet_of(plan, registry) for plan in plans]


def _rendered(sheet: Sheet, registry: Registry, results: Path, style: Format) -> str:
    from ferbench.records import RecordStore
    from ferbench.report.formats import Leaderboard
    from ferbench.report.reported import read_reported
    from ferbench.report.table import collect

    store = RecordStore(results)
    board = Leaderboard(collect(sheet, store, registry), read_reported(registry))
    if style is Format.html:
        from ferbench.report.html.page import as_page

        return as_page(board, store)
    made = {
        Format.markdown: board.as_markdown,
        Format.latex: board.as_latex,
        Format.csv: board.as_csv,
        Format.json: board.as_json,
    }
    return made[style]()
