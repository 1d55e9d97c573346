"""How metrics of representations become columns of a leaderboard: what is missing where, and which way is good."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ferbench.report.remarks import Remarks
from ferbench.report.sheet import Sheet, SheetCell, load_sheet, save_sheet


def test_what_is_missing_in_some_folds_is_not_said_to_be_missing_in_all() -> None:
    remarks = Remarks()
    for fold in range(3):
        reasons = {"retrieval": "of the moon", **({"class-scatter": "of the moon"} if fold == 1 else {})}
        cell = SheetCell("id", "net", "toy-net", "toy", "3-fold", fold, 0, "done", "")
        remarks.add(cell, {"representation": {"left_out": reasons}})
    told = "net on toy, 3-fold: not measured, since of the moon: retrieval; class-scatter (1 of 3 runs)."
    assert remarks.lines() == [told]


def test_a_sheet_of_before_has_no_representation_metrics(tmp_path: Path) -> None:
    save_sheet(Sheet("old", "", "", ("accuracy",), "validation", (), percent={"accuracy": True}), tmp_path)
    path = tmp_path / "sheets" / "old.json"
    content = json.loads(path.read_text())
    del content["representation_metrics"]
    path.write_text(json.dumps(content))
    sheet = load_sheet(tmp_path, "old")
    assert sheet.representation_metrics == ()
    assert sheet.in_percent("accuracy")
    assert not sheet.in_percent("macro-f1")
    assert not sheet.of_representations("accuracy")


@pytest.mark.parametrize(
    ("metric", "better"),
    [
        ("a.expression/linear", False),
        ("a.identity/mlp", True),
        ("a.chance", None),
        ("b", True),
        ("b.any", True),
        ("c", None),
    ],
)
def test_which_way_is_good_depends_on_the_representation(metric: str, better: bool | None) -> None:
    ways = {"a.expression/*": False, "a.identity/*": True, "b.*": True, "b": True, "c": None}
    assert Sheet("x", "", "", (), "validation", (), descending=ways).higher_is_better(metric) is better


# --- the command line ------------------------------------------------------------------------------------------------
