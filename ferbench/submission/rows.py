"""The rows of a submission: whole columns of the benchmark, a record for each cell, a cell for each record."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from ferbench.columns import Column
from ferbench.config import Benchmark
from ferbench.records import RecordStore
from ferbench.submission.content import Manifest, SubmittedCell
from ferbench.submission.verdict import Verdict

Place = tuple[str, str]
"""A column by name: data set, and protocol as it prints."""


def check_rows(
    manifest: Manifest, store: RecordStore, benchmark: Benchmark, columns: Mapping[Place, Column], verdict: Verdict
) -> None:
    """Refuse rows that are not whole columns of this benchmark, and records that no row claims.

    Args:
        manifest: what the submission says it holds.
        store: its records.
        benchmark: as it is known here.
        columns: of it.
        verdict: where reasons go.
    """
    given: dict[tuple[str, Place], list[tuple[int, int]]] = {}
    for cell in manifest.cells:
        row = manifest.rows.get(cell.entry)
        if row is None:
            verdict.refuse(name_of(cell), "its row is not described")
        elif row.method != cell.method:
            verdict.refuse(name_of(cell), f"its row is the method {row.method!r}, it is {cell.method!r}")
        given.setdefault((cell.entry, (cell.dataset, cell.protocol)), []).append((cell.fold, cell.seed))
    for entry in manifest.rows.keys() - {cell.entry for cell in manifest.cells}:
        verdict.refuse(entry, "a row without cells")
    for (entry, place), cells in given.items():
        where = f"{entry}, {place[0]}, {place[1]}"
        if place not in columns:
            verdict.refuse(where, f"{benchmark.name} has no such column")
            continue
        planned = {(fold, seed) for fold in range(columns[place].protocol.folds) for seed in benchmark.seeds}
        _check_whole(where, cells, planned, verdict)
    _check_records({cell.id for cell in manifest.cells}, store.done(), verdict)


def _check_whole(where: str, given: list[tuple[int, int]], planned: set[tuple[int, int]], verdict: Verdict) -> None:
    """Every fold and every seed once: who could leave some out could choose the figure."""
    for told, which in (
        ("missing", sorted(planned - set(given))),
        ("not of this benchmark", sorted(set(given) - planned)),
        ("given twice", sorted(one for one, count in Counter(given).items() if count > 1)),
    ):
        if which:
            shown = ", ".join(f"fold {fold} seed {seed}" for fold, seed in which[:5])
            verdict.refuse(where, f"{len(which)} cells {told}: {shown}{' …' if len(which) > 5 else ''}")


def _check_records(claimed: set[str], there: frozenset[str], verdict: Verdict) -> None:
    for identity in sorted(claimed - there):
        verdict.refuse(f"record {identity[:12]}", "is not in the file")
    for identity in sorted(there - claimed):
        verdict.refuse(f"record {identity[:12]}", "belongs to no cell of the submission")


def name_of(cell: SubmittedCell) -> str:
    """Return a cell's place in words."""
    return f"{cell.entry}, {cell.dataset}, {cell.protocol}, fold {cell.fold}, seed {cell.seed}"
