"""Every committed leaderboard is what `ferbench report` makes of the records committed beside it."""

from __future__ import annotations

from pathlib import Path

import pytest
from sklearn.metrics import accuracy_score

from ferbench.plugins import discover
from ferbench.records import RecordStore
from ferbench.report.formats import Leaderboard
from ferbench.report.reported import read_reported
from ferbench.report.sheet import load_sheet
from ferbench.report.table import collect

FOLDER = Path(__file__).parents[2] / "leaderboards"
NAMES = sorted(path.stem for path in FOLDER.glob("*.md"))


def test_there_is_the_quickstart() -> None:
    assert "quickstart" in NAMES


@pytest.mark.parametrize("name", NAMES)
def test_it_is_made_from_its_records(name: str) -> None:
    registry = discover()
    sheet = load_sheet(FOLDER / name, name)
    board = Leaderboard(collect(sheet, RecordStore(FOLDER / name), registry), read_reported(registry))
    assert board.as_markdown() == (FOLDER / f"{name}.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_all_its_cells_are_there_and_their_figures_are_those_of_the_predictions(name: str) -> None:
    store, sheet = RecordStore(FOLDER / name), load_sheet(FOLDER / name, name)
    wanted = {cell.id for cell in sheet.cells if cell.state == "done"}
    assert store.done() == wanted
    assert {cell.state for cell in sheet.cells} <= {"done", "unavailable"}
    for identity in wanted:
        record = store.read(identity)
        made = record.predictions("validation")
        assert record.metrics("validation")["accuracy"] == pytest.approx(accuracy_score(made.labels, made.predicted))
        assert not record.content["provenance"]["commit"].endswith("+"), "made by code that was not committed"
