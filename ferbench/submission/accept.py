"""Add the rows of a verified submission to a folder of results, from which a leaderboard is made again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ferbench.columns import Column
from ferbench.config import Benchmark
from ferbench.errors import InputError
from ferbench.plan import DONE, UNAVAILABLE
from ferbench.records import RecordStore
from ferbench.report.sheet import Sheet, SheetCell, load_sheet, save_sheet, sheet_path
from ferbench.submission.content import Manifest

ABSENT = "not submitted"


class TakenError(InputError):
    """A row's name is taken in the leaderboard."""


def add_rows(
    manifest: Manifest, store: RecordStore, target: Path, blank: Sheet, columns: Sequence[Column], benchmark: Benchmark
) -> tuple[str, ...]:
    """Copy records and put their rows at the end of the leaderboard's sheet.

    `ferbench report BENCHMARK --results TARGET --as-run` makes the leaderboard. Everything but the rows comes from the
    verifier's own benchmark: titles, metrics, notes on the data.

    Args:
        manifest: of an accepted submission.
        store: its unpacked records.
        target: a folder of results, or a new one.
        blank: the sheet of the benchmark as it is known here, without rows.
        columns: of the benchmark, in order.
        benchmark: for its seeds.

    Returns:
        The rows that were not there yet.

    Raises:
        TakenError: a row of that name is there with other cells.
    """
    there = load_sheet(target, blank.benchmark) if sheet_path(target, blank.benchmark).exists() else blank
    new = tuple(entry for entry in manifest.rows if not _is_there(entry, manifest, there, target))
    cells = [cell for entry in new for cell in _cells(entry, manifest, columns, benchmark)]
    copies = RecordStore(target)
    for identity in sorted({cell.id for cell in cells if cell.state == DONE} - copies.done()):
        store.copy(identity, copies)
    rows = {entry: manifest.rows[entry] for entry in new}
    order = {(column.place.label, column.protocol.label): rank for rank, column in enumerate(columns)}
    both = sorted((*there.cells, *cells), key=lambda cell: order.get((cell.dataset, cell.protocol), len(order)))
    merged = replace(
        blank,
        cells=tuple(both),
        weights={**there.weights, **{entry: row.weights for entry, row in rows.items() if row.weights}},
        test_inputs={
            **there.test_inputs,
            **{entry: tuple(row.test_inputs) for entry, row in rows.items() if row.test_inputs},
        },
    )
    save_sheet(merged, target)
    return new


def _is_there(entry: str, manifest: Manifest, sheet: Sheet, target: Path) -> bool:
    """Return whether the folder has the row already; one row's name for two results is refused."""
    known = {cell.id for cell in sheet.cells if cell.entry == entry and cell.state == DONE}
    if not any(cell.entry == entry for cell in sheet.cells):
        return False
    if known == {cell.id for cell in manifest.cells if cell.entry == entry}:
        return True
    raise TakenError(
        expected=f"a new row, or {entry!r} with the cells that it has in the leaderboard",
        found=f"{entry!r} with other cells",
        where=str(target),
        remedy="let the submitter name the row otherwise, or take the old one out of the folder first",
    )


def _cells(entry: str, manifest: Manifest, columns: Sequence[Column], benchmark: Benchmark) -> list[SheetCell]:
    """Return a row's cells in the benchmark's order; columns that were not submitted are told as such."""
    given = {
        (cell.dataset, cell.protocol, cell.fold, cell.seed): cell.id for cell in manifest.cells if cell.entry == entry
    }
    made = []
    for column in columns:
        for fold in range(column.protocol.folds):
            for seed in benchmark.seeds:
                place = (column.place.label, column.protocol.label, fold, seed)
                state, reason = (DONE, "") if place in given else (UNAVAILABLE, ABSENT)
                made.append(SheetCell(given.get(place, ""), entry, manifest.rows[entry].method, *place, state, reason))
    return made
