"""The CSV beside a user's images: one row an image, one column an attribute."""

from __future__ import annotations

import csv
import math
from collections.abc import Collection
from pathlib import Path

from ferbench.errors import DataError

SPLITS = {"train": "train", "test": "test", "validation": "validation", "val": "validation"}
NAMES = ("subject", "split")
RESERVED = ("id", "image", "label")

Attributes = dict[str, dict[str, float | str]]


def read_attributes(path: Path, images: Collection[str]) -> Attributes:
    """Read the attributes of images: subject and split as names, pose as a number.

    Any other column holds numbers if all its values are numbers, else names.

    Args:
        path: a CSV in UTF-8 with a column `file`.
        images: the images' paths below the data set's folder.

    Returns:
        Attributes by image.

    Raises:
        DataError: not exactly one complete row for every image, an unknown split, a pose that is no number.
    """
    header, lines = _read(path)
    _check_header(path, header)
    rows = _by_image(path, header, lines, images)
    table: Attributes = {file: {} for file in rows}
    for name in header:
        if name == "file":
            continue
        values = {file: row[name] for file, row in rows.items()}
        numbers = {file: _number(value) for file, value in values.items()} if name not in NAMES else {}
        numeric = bool(numbers) and None not in numbers.values()
        for file, value in values.items():
            number = numbers.get(file)
            table[file][name] = number if numeric and number is not None else _checked(path, file, name, value, number)
    return table


def _read(path: Path) -> tuple[list[str], list[list[str]]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            lines = [line for line in csv.reader(stream, strict=True) if line]
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(
            expected="a CSV in UTF-8", found=str(error), where=str(path), remedy="save it as CSV with UTF-8 encoding"
        ) from error
    return (lines[0], lines[1:]) if lines else ([], [])


def _check_header(path: Path, header: list[str]) -> None:
    twice = [name for position, name in enumerate(header) if name in header[:position]]
    reserved = [name for name in header if name in RESERVED]
    if twice:
        expected, found = "every column once", f"{twice[0]!r} twice"
    elif reserved:
        expected, found = f"columns other than {', '.join(RESERVED)}, which the folders give", repr(reserved[0])
    elif "file" not in header:
        expected, found = "a column 'file' with exactly one row for every image", f"the columns {', '.join(header)}"
    else:
        return
    raise DataError(expected=expected, found=found, where=str(path), remedy="correct the first line of the CSV")


def _by_image(
    path: Path, header: list[str], lines: list[list[str]], images: Collection[str]
) -> dict[str, dict[str, str]]:
    rows: dict[str, dict[str, str]] = {}
    place = header.index("file")
    for line in lines:
        file = line[place] if place < len(line) else line[0]
        if len(line) != len(header):
            raise DataError(
                expected=f"as many values as columns, {len(header)}",
                found=str(len(line)),
                where=f"{path}, {file}",
                remedy="complete the row; quote values that hold a comma",
            )
        if file in rows:
            raise _no_match(path, f"{file!r} twice")
        rows[file] = dict(zip(header, line, strict=True))
    different = sorted(set(images) ^ set(rows))
    if different:
        side = "in the CSV only" if different[0] in rows else "an image only"
        raise _no_match(path, f"{len(different)} without partner, such as {different[0]!r} ({side})")
    return rows


def _no_match(path: Path, found: str) -> DataError:
    return DataError(
        expected="a column 'file' with exactly one row for every image",
        found=found,
        where=str(path),
        remedy="correct the CSV, or rename it to leave it out",
    )


def _checked(path: Path, file: str, name: str, value: str, number: float | None) -> str:
    expected = None
    if name == "split" and value not in SPLITS:
        expected = "split: train, validation or test"
    elif name == "pose" and number is None:
        expected = "pose: yaw in degrees"
    if expected:
        raise DataError(expected=expected, found=repr(value), where=f"{path}, {file}", remedy="correct the CSV")
    return SPLITS[value] if name == "split" else value


def _number(value: str) -> float | None:
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
