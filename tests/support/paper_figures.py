"""The figures of a paper that a plugin maps, and those transcribed from it where the transcription is at hand."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

TRANSCRIBED = Path(__file__).parents[3] / "shared" / "paper_tables.csv"
"""Beside the checkout: the papers' tables are not ours to distribute as a whole."""

needs_transcription = pytest.mark.skipif(
    not TRANSCRIBED.is_file(), reason="the transcribed tables do not stand beside this checkout"
)
Row = dict[str, str]


def rows(path: Path) -> list[Row]:
    """Return the lines of a CSV file by column."""
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def transcribed(paper: str) -> list[Row]:
    """Return every figure that a paper prints."""
    return [row for row in rows(TRANSCRIBED) if row["paper"] == paper]
