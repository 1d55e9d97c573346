"""JAFFE: the grammar of names, the table of ratings, and what can be wrong."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferbench.data.files import FileSource
from ferbench.data.findings import Finding
from ferbench.errors import DataError
from ferbench.plugins import Registry
from ferbench_fer_datasets.jaffe import COUNTS, EXPRESSIONS, RATINGS, SUBJECTS, TOTALS, Name

NAME = "jaffe"
README = "README_FIRST.txt"
Rows = Callable[..., datasets.Dataset]
Open = Callable[..., FileSource[Any]]


@given(
    st.builds(
        Name, st.sampled_from(SUBJECTS), st.sampled_from(list(EXPRESSIONS)), st.integers(1, 9), st.integers(1, 219)
    )
)
def test_a_name_is_read_as_it_is_written(name: Name) -> None:
    assert Name.parse(name.stem) == name


@pytest.mark.parametrize("stem", ["XX.AN1.39", "KA.XX1.39", "KA.AN.39", "KA.AN1", "KA-AN1-39", "KA.AN1.39.1"])
def test_unknown_codes_are_no_name(stem: str) -> None:
    assert Name.parse(stem) is None


def test_the_classes_make_up_the_release() -> None:
    assert sum(COUNTS.values()) == TOTALS["images"]
    assert len(SUBJECTS) == TOTALS["subjects"]


def test_rows_say_what_names_and_ratings_say(replica: Callable[[str], Path], rows: Rows) -> None:
    data = rows(NAME, replica(NAME))
    assert data.features["label"].names == list(EXPRESSIONS.values())
    row = next(row for row in data if row["id"] == "KA.HA2.10")
    assert (row["label"], row["subject"]) == (3, "KA")
    assert (row["image"].mode, row["image"].size) == ("L", (96, 96))
    line = next(line for line in (replica(NAME) / README).read_text().splitlines() if line.endswith("KA-HA2"))
    table = [float(word) for word in line.split()[1:-1]]
    assert [row[rating] for rating in RATINGS] == pytest.approx(table)
    assert row["rating_happiness"] == max(table)
    assert len(data) == 161


def test_a_few_rows_may_name_no_picture(copy_of: Callable[[str], Path], rows: Rows) -> None:
    """As in the release, where YN-HA2 stands and YM-HA2 seems to be meant."""
    folder = copy_of(NAME)
    _edit(folder, "YM-HA2", "YN-HA2")
    by_id = {row["id"]: row for row in rows(NAME, folder)}
    unrated = [name for name, row in by_id.items() if math.isnan(row["rating_fear"])]
    assert [name[:6] for name in unrated] == ["YM.HA2"]


def test_ratings_are_told_to_metrics_only(registry: Registry) -> None:
    assert registry.dataset(NAME, "a test").entry.card.label_columns == RATINGS


def test_the_table_may_be_missing(copy_of: Callable[[str], Path], opened: Open) -> None:
    folder = copy_of(NAME)
    (folder / README).unlink()
    source = opened(NAME, folder)
    assert source.index.findings == []
    assert source.columns() == {"id", "image", "label", "subject"}


def test_the_other_heading_and_the_second_table(copy_of: Callable[[str], Path], rows: Rows) -> None:
    """The table may begin with N; the ratings without fear, below it in the release, are another table."""
    folder = copy_of(NAME)
    text = (folder / README).read_text()
    (folder / README).unlink()
    (folder / "ratings.txt").write_text(text.replace("# HAP", "N HAP").replace("\n", "\r\n"))
    anger = next(row for row in rows(NAME, folder) if row["id"] == "KA.AN1.1")
    assert anger["rating_fear"] == pytest.approx(1.55)


def test_an_image_without_a_row_has_no_ratings(copy_of: Callable[[str], Path], rows: Rows) -> None:
    folder = copy_of(NAME)
    lines = (folder / README).read_text().splitlines()
    (folder / README).write_text("\n".join(line for line in lines if not line.endswith("KA-AN2")))
    by_id = {row["id"]: row for row in rows(NAME, folder)}
    assert all(math.isnan(by_id["KA.AN2.2"][rating]) for rating in RATINGS)
    assert not any(math.isnan(by_id["KA.DI1.3"][rating]) for rating in RATINGS)


def _edit(folder: Path, old: str, new: str) -> None:
    text = (folder / README).read_text()
    assert old in text
    (folder / README).write_text(text.replace(old, new, 1))


SPOILT: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "an unknown person": (
        lambda folder: (folder / "KA.AN1.1.tiff").rename(folder / "XY.AN1.1.tiff"),
        "names such as KA.AN1.39.tiff",
        "1: XY.AN1.1.tiff",
    ),
    "an unknown expression": (
        lambda folder: (folder / "KA.AN1.1.tiff").rename(folder / "KA.CO1.1.tiff"),
        "names such as KA.AN1.39.tiff",
        "1: KA.CO1.1.tiff",
    ),
    "another format": (
        lambda folder: (folder / "KA.AN1.1.tiff").rename(folder / "KA.AN1.1.jpg"),
        "names such as KA.AN1.39.tiff",
        "1: KA.AN1.1.jpg",
    ),
    "five ratings": (
        lambda folder: _edit(folder, "1 1.55 1.55 1.55 4.05 1.55 1.55 KA-AN1", "1 1.55 1.55 1.55 4.05 1.55 KA-AN1"),
        "rows such as '39 1.61",
        "1: 1 1.55 1.55 1.55 4.05 1.55 KA-AN1",
    ),
    "a rating out of range": (
        lambda folder: _edit(folder, "4.05 1.55 1.55 KA-AN1", "40.5 1.55 1.55 KA-AN1"),
        "rows such as '39 1.61",
        "40.5",
    ),
    "a row twice": (
        lambda folder: _edit(folder, "KA-AN2", "KA-AN1"),
        "one row of ratings for a picture",
        "1: KA-AN1",
    ),
    "ratings of other pictures": (
        lambda folder: (folder / README).write_text(
            "".join(line for line in (folder / README).read_text().splitlines(keepends=True) if "KA-" not in line)
            .replace("KL-", "XA-")
            .replace("KM-", "XB-")
            .replace("KR-", "XC-")
            .replace("MK-", "XD-")
            .replace("NA-", "XE-")
            .replace("NM-", "XF-")
            .replace("TM-", "XG-")
            .replace("UY-", "XH-")
            .replace("YM-", "XI-")
        ),
        "ratings of which most name a picture",
        "rows does",
    ),
    "no row of ratings": (
        lambda folder: (folder / README).write_text("# HAP SAD SUR ANG DIS FEA PIC\n"),
        "ratings of which most name a picture",
        "none of 0 rows does",
    ),
    "two tables": (
        lambda folder: (folder / "copy.txt").write_text((folder / README).read_text()),
        "one table of ratings",
        f"2: {README}, copy.txt",
    ),
}


@pytest.mark.parametrize("fault", SPOILT)
def test_each_fault_is_found(
    fault: str, copy_of: Callable[[str], Path], finding: Callable[..., Finding], rows: Rows
) -> None:
    spoil, expected, found = SPOILT[fault]
    folder = copy_of(NAME)
    spoil(folder)
    one = finding(NAME, folder)
    assert one.check == "annotation"
    assert expected in one.expected
    assert found in one.found
    with pytest.raises(DataError, match="ferbench data verify jaffe"):
        rows(NAME, folder, counts="any")


def test_swapped_codes_show_in_the_counts(copy_of: Callable[[str], Path], opened: Open) -> None:
    folder = copy_of(NAME)
    for path in folder.glob("*.SA*.tiff"):
        path.rename(folder / path.name.replace(".SA", ".TMP"))
    for path in folder.glob("*.DI*.tiff"):
        path.rename(folder / path.name.replace(".DI", ".SA"))
    for path in folder.glob("*.TMP*.tiff"):
        path.rename(folder / path.name.replace(".TMP", ".DI"))
    found = opened(NAME, folder).index.findings
    assert {(one.where, one.expected, one.found) for one in found} == {
        ("disgust", "21", "25"),
        ("sadness", "25", "21"),
    }
