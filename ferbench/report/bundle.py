"""Copy the records behind a leaderboard, so that they can be published beside it."""

from __future__ import annotations

import shutil
from pathlib import Path

from ferbench.records import RecordStore
from ferbench.report.sheet import Sheet, save_sheet


def copy_records(sheet: Sheet, results: Path, target: Path) -> None:
    """Copy a sheet and its finished cells' records to a folder that `ferbench report --results` can read.

    Records that are there and not of this sheet are removed: the folder holds what the leaderboard shows.

    Raises:
        RecordError: a record was altered.
    """
    source, copy = RecordStore(results), RecordStore(target)
    wanted = {cell.id for cell in sheet.cells} & source.done()
    for identity in copy.done() - wanted:
        shutil.rmtree(copy.records / identity)
    for identity in sorted(wanted - copy.done()):
        source.copy(identity, copy)
    save_sheet(sheet, target)
