"""`ferbench submit`: put finished rows of a leaderboard into one file that others can verify."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

from ferbench import __version__
from ferbench.errors import InputError, unknown_name
from ferbench.plan import DONE
from ferbench.plugins import Registry
from ferbench.records import RecordStore
from ferbench.report.sheet import Sheet, SheetCell
from ferbench.submission.archive import MANIFEST, RECORD_FILES, write_archive
from ferbench.submission.content import (
    MANIFEST_SCHEMA,
    Manifest,
    RecordContent,
    RefusedContentError,
    read_model,
)


def pack(sheet: Sheet, results: Path, rows: Sequence[str], file: Path, registry: Registry) -> Manifest:
    """Write a submission.

    A column is in it whole or not at all: with every fold and every seed of the benchmark. Kept parameters and
    diagnostics of training stay here, and images are in no record.

    Args:
        sheet: the benchmark as it was planned or run.
        results: folder of its records.
        rows: the entries to submit; all that are complete in some column when empty.
        file: the zip to write.
        registry: installed plugins, for the distributions of the methods.

    Returns:
        What the file says of itself.

    Raises:
        ConfigError: a row is unknown.
        InputError: a row has no complete column, or a record says what no submission may.
        RecordError: a record was altered, or is gone since the sheet was made.
    """
    chosen = _rows(sheet, rows)
    cells = [cell for row in chosen for cell in _whole_columns(sheet, row)]
    store = RecordStore(results)
    with tempfile.TemporaryDirectory(prefix="ferbench-submission-") as aside:
        copy = RecordStore(Path(aside))
        for identity in sorted({cell.id for cell in cells}):
            store.copy(identity, copy)
            copy.reduce(identity, RECORD_FILES)
            _check(copy, identity)
        content = _manifest(sheet, chosen, cells, registry)
        path = copy.root / MANIFEST
        path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")
        manifest = _read_manifest(path)
        files = {
            f"records/{identity}/{name}": copy.records / identity / name
            for identity in copy.done()
            for name in RECORD_FILES
            if (copy.records / identity / name).is_file()
        }
        write_archive(file, path.read_bytes(), files)
    return manifest


def _rows(sheet: Sheet, wanted: Sequence[str]) -> list[str]:
    names = list(dict.fromkeys(cell.entry for cell in sheet.cells))
    for name in wanted:
        if name not in names:
            raise unknown_name(name, names, what=f"a row of {sheet.benchmark}", where="--entry")
    complete = [name for name in names if _whole_columns(sheet, name)]
    lacking = [name for name in wanted or names if name not in complete]
    if (wanted and lacking) or not complete:
        raise InputError(
            expected="rows with at least one column of which every fold and seed is done",
            found=f"none in {', '.join(lacking) or 'this benchmark'}",
            where=f"benchmark {sheet.benchmark}",
            remedy=f"finish them: ferbench run {sheet.benchmark} --select entry='{lacking[0] if lacking else '…'}'",
        )
    return [name for name in complete if not wanted or name in wanted]


def _whole_columns(sheet: Sheet, row: str) -> list[SheetCell]:
    """Return the cells of a row's complete columns: a choice of folds or seeds would be a choice of figures."""
    columns: dict[tuple[str, str], list[SheetCell]] = {}
    for cell in sheet.cells:
        if cell.entry == row:
            columns.setdefault((cell.dataset, cell.protocol), []).append(cell)
    return [cell for cells in columns.values() if all(one.state == DONE for one in cells) for cell in cells]


def _check(store: RecordStore, identity: str) -> None:
    """Refuse now what every verifier would refuse: a name with a control character, a number that is none."""
    folder = store.records / identity
    try:
        read_model(folder / "record.json", RecordContent)
    except RefusedContentError as error:
        raise InputError(
            expected="a record as this version of ferbench writes it",
            found=str(error),
            where=f"record {identity[:12]}",
            remedy="run the cell again; names may hold no control characters, |, <, >, ` or backslashes",
        ) from error


def _manifest(sheet: Sheet, rows: Sequence[str], cells: Sequence[SheetCell], registry: Registry) -> dict[str, object]:
    methods = {cell.entry: cell.method for cell in cells}
    described = {}
    for row in rows:
        provided = registry.method(methods[row], f"row {row}")
        described[row] = {
            "method": methods[row],
            "distribution": provided.distribution,
            "version": provided.version,
            "weights": dict(sheet.weights.get(row, {})),
            "test_inputs": list(sheet.test_inputs.get(row, ())),
        }
    places = ("id", "entry", "method", "dataset", "protocol", "fold", "seed")
    return {
        "schema": MANIFEST_SCHEMA,
        "ferbench": __version__,
        "benchmark": sheet.benchmark,
        "rows": described,
        "cells": [{name: getattr(cell, name) for name in places} for cell in cells],
    }


def _read_manifest(path: Path) -> Manifest:
    try:
        return read_model(path, Manifest)
    except RefusedContentError as error:
        raise InputError(
            expected="names of rows, methods and weights of at most 120 characters without |, <, >, ` or backslashes",
            found=str(error),
            where="the benchmark file",
            remedy="rename them and run again",
        ) from error
