"""FER2013: one CSV that holds labels and grey 48 × 48 images, as numbers; its Usage is the official division."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Generic

import numpy as np
import numpy.typing as npt

from ferbench import DatasetCard, DatasetEntry
from ferbench.data.files import FileOptions, FileSource, Index, Kind, OptionsT, Sample
from ferbench.data.findings import Finding
from ferbench.data.replica import ReplicaSite
from ferbench.errors import DataError
from ferbench_fer_datasets.faces import Pixels, encoded, grey
from ferbench_fer_datasets.notes import note
from ferbench_fer_datasets.wild import put, scaled, shoot

FILE = "fer2013.csv"
HEADER = "emotion,pixels,Usage"
CODES = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")
USAGES = {"Training": "train", "PublicTest": "validation", "PrivateTest": "test"}
SIDE = 48

COUNTS = {
    "train": (3995, 436, 4097, 7215, 4830, 3171, 4965),
    "validation": (467, 56, 496, 895, 653, 415, 607),
    "test": (491, 55, 528, 879, 594, 416, 626),
}

LAYOUT = """
fer2013/
└── fer2013.csv    emotion,pixels,Usage: 0 anger, 1 disgust, 2 fear, 3 happiness, 4 sadness, 5 surprise, 6 neutral;
                   2304 numbers row by row; Training (train), PublicTest (validation), PrivateTest (test)
"""

_NUMBERS = {str(value).encode(): value for value in range(256)}


@dataclass(frozen=True)
class Row:
    """A row of the CSV; its pixels stay in the file until they are asked for.

    Attributes:
        number: of the row, from 0, the header not counted.
        emotion: its code.
        usage: as the file spells it.
        start: where the pixels' text begins, bytes.
        stop: where it ends.
    """

    number: int
    emotion: int
    usage: str
    start: int
    stop: int


@dataclass(frozen=True)
class Table:
    """The CSV.

    Attributes:
        header: its first line.
        rows: those that can be read.
        wrong: the others, as "row 17: …".
        size: how many rows there are, those that cannot be read included.
    """

    header: str
    rows: tuple[Row, ...]
    wrong: tuple[str, ...]
    size: int


def read_table(path: Path) -> Table:
    """Read the CSV but for its pixels, of which only number and characters are looked at."""
    rows: list[Row] = []
    wrong: list[str] = []
    number = -1
    with path.open("rb") as stream:
        header = stream.readline().removeprefix(b"\xef\xbb\xbf")
        start = stream.tell()
        for line in stream:
            if line.strip():
                number += 1
                try:
                    rows.append(_parse(line, number, start))
                except ValueError as error:
                    wrong.append(f"row {number}: {error}")
            start += len(line)
    return Table(header.decode("utf-8", "replace").strip(), tuple(rows), tuple(wrong), number + 1)


def _parse(line: bytes, number: int, start: int) -> Row:
    fields = line.rstrip(b"\r\n").split(b",")
    if len(fields) != 3:
        raise ValueError(f"{len(fields)} values, not 3")
    code, pixels, usage = fields
    if not code.isdigit() or int(code) >= len(CODES):
        raise ValueError(f"the emotion {code.decode('utf-8', 'replace')!r}")
    if usage.decode("utf-8", "replace") not in USAGES:
        raise ValueError(f"the usage {usage.decode('utf-8', 'replace')!r}")
    # Copies that went through a spreadsheet have the pixels in quotation marks.
    quoted = 1 if pixels[:1] == b'"' == pixels[-1:] and len(pixels) > 1 else 0
    pixels = pixels[quoted : len(pixels) - quoted]
    if pixels.translate(None, b"0123456789 ") or pixels.count(b" ") != SIDE * SIDE - 1:
        raise ValueError(f"not {SIDE * SIDE} numbers with a space between them")
    first = start + len(code) + 1 + quoted
    return Row(number, int(code), usage.decode(), first, first + len(pixels))


def read_pixels(path: Path, row: Row) -> npt.NDArray[np.uint8]:
    """Read the image of a row: (48, 48) grey.

    Raises:
        DataError: a number is missing or above 255.
    """
    with path.open("rb") as stream:
        stream.seek(row.start)
        text = stream.read(row.stop - row.start)
    try:
        values = bytes(map(_NUMBERS.__getitem__, text.split(b" ")))
    except KeyError as error:
        raise DataError(
            expected="pixels of 0 to 255",
            found=repr(error.args[0].decode("utf-8", "replace")),
            where=f"{path}, row {row.number}",
            remedy="take the file as it was released",
        ) from error
    return np.frombuffer(values, dtype=np.uint8).reshape(SIDE, SIDE)


class PixelSource(FileSource[OptionsT], Generic[OptionsT]):
    """A data set whose images are the rows of `fer2013.csv`, and its ids their numbers."""

    @cached_property
    def table(self) -> Table:
        """The rows of the CSV; not to be asked for where there is none."""
        return read_table(self.folder / FILE)

    @cached_property
    def by_id(self) -> Mapping[str, Row]:
        """The rows by the id of their sample."""
        return {row_id(row.number): row for row in self.table.rows}

    def open_table(self, index: Index) -> bool:
        """Read the CSV, add what is wrong with it to the findings, and return whether there are rows to use."""
        index.annotations.append(FILE)
        if FILE not in self.files:
            index.findings.append(Finding("structure", "FER2013's labels and pixels", "no such file", FILE))
        elif self.table.header != HEADER:
            found = repr(self.table.header[:60])
            index.findings.append(Finding("structure", f"the header {HEADER!r}", found, FILE))
        else:
            expected = f"a code of 0 to {len(CODES) - 1}, {SIDE * SIDE} numbers and one of {', '.join(USAGES)}"
            note(index, "annotation", expected, self.table.wrong, FILE)
            return True
        return False

    def picture(self, sample: Sample) -> dict[str, Any]:
        """Return the image as the bytes of a PNG."""
        pixels = read_pixels(self.folder / FILE, self.by_id[sample.id])
        return {"path": None, "bytes": encoded(pixels, ".png")}


class Fer2013(PixelSource[FileOptions]):
    """FER2013: 28,709 / 3,589 / 3,589 images of 7 classes (Goodfellow et al., ICONIP 2013); ids are row numbers."""

    name = "fer2013"
    classes = CODES

    def kinds(self) -> Mapping[str, Kind]:
        """Return the one column beside image and label."""
        return {"split": str}

    def official(self) -> Mapping[str, int]:
        """Return the release's number of images of each part and class."""
        return {
            f"{part}/{label}": count
            for part, counts in COUNTS.items()
            for label, count in zip(CODES, counts, strict=True)
        }

    def read(self) -> Index:
        """Read labels and parts."""
        index = Index()
        for row in self.table.rows if self.open_table(index) else ():
            part, label = USAGES[row.usage], CODES[row.emotion]
            index.samples.append(Sample(row_id(row.number), FILE, label, {"split": part}))
            index.count(f"{part}/{label}")
        return index


def row_id(number: int) -> str:
    """Return the id of the sample in a row.

    >>> row_id(17)
    '00017'
    """
    return f"{number:05d}"


def csv_row(emotion: int, image: Pixels, usage: str) -> str:
    """Return a row of the CSV.

    Args:
        emotion: its code.
        image: (48, 48) grey.
        usage: as the file spells it.
    """
    return f"{emotion},{' '.join(map(str, image.ravel().tolist()))},{usage}"


def write(site: ReplicaSite) -> Mapping[str, int]:
    """Write a replica: the parts one after the other, as in the release."""
    parts = {part: scaled(CODES, numbers, 0.002) for part, numbers in COUNTS.items()}
    usages = {part: usage for usage, part in USAGES.items()}
    lines = [HEADER]
    counts: Counter[str] = Counter()
    for role, face in shoot(site, "fer2013", parts, size=SIDE):
        lines.append(csv_row(CODES.index(role.label), grey(face.image), usages[role.part]))
        counts[f"{role.part}/{role.label}"] += 1
    put(site.folder, FILE, ("\n".join(lines) + "\n").encode())
    return counts


ENTRIES = [
    DatasetEntry(
        name="fer2013",
        factory="ferbench_fer_datasets.fer2013:Fer2013",
        options=FileOptions,
        replica="ferbench_fer_datasets.fer2013:write",
        summary="FER2013: 7 classes, 48 × 48 grey, official split with validation",
        card=DatasetCard(
            title="Facial Expression Recognition 2013",
            classes=CODES,
            attributes=("split",),
            counts=tuple((part, sum(numbers)) for part, numbers in COUNTS.items()),
            layout=LAYOUT,
            licence="as stated by the competition; not to be passed on",
            homepage="https://www.kaggle.com/c/challenges-in-representation-learning-facial-expression-recognition-"
            "challenge",
            citation="Goodfellow et al., Challenges in representation learning: a report on three machine learning "
            "contests, ICONIP 2013",
            notes="the labels are noisy: FER+ names the same images anew. An id is the number of the row, so that both "
            "data sets' samples can be matched",
        ),
    )
]
