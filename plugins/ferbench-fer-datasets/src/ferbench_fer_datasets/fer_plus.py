"""FER+: ten people's votes for each image of FER2013.

`fer2013new.csv` holds the votes, `fer2013.csv` the pixels; row by row they are the same image. The names in the file
of votes are no key: 173 rows have none (their ten votes all say that there is no face), four names stand twice, and the
number in a name is not that of the row.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydantic import Field

from ferbench import DatasetCard, DatasetEntry
from ferbench.data.files import FileOptions, Index, Kind, Sample, Value
from ferbench.data.findings import Finding
from ferbench.data.replica import ReplicaSite
from ferbench_fer_datasets import fer2013
from ferbench_fer_datasets.faces import grey
from ferbench_fer_datasets.fer2013 import SIDE, USAGES, PixelSource, csv_row, row_id
from ferbench_fer_datasets.notes import note
from ferbench_fer_datasets.wild import put, scaled, shoot

VOTES = "fer2013new.csv"
CLASSES = ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt")
HEADER = ("Usage", "Image name", *CLASSES, "unknown", "NF")
VOTERS = 10

Rule = Literal["majority", "plurality", "emotions"]
Ties = Literal["leave-out", "first"]

COUNTS = {
    "train": (8740, 7287, 3149, 3014, 2100, 119, 532, 119),
    "validation": (1182, 865, 415, 351, 287, 24, 62, 13),
    "test": (1090, 893, 396, 384, 273, 18, 83, 16),
}
"""Images of each class by the rule `majority`, as counted in the released file."""
ROWS = {"train": 28709, "validation": 3589, "test": 3589}
UNNAMED = 173

LAYOUT = """
fer-plus/
├── fer2013.csv       as for fer2013: the pixels
└── fer2013new.csv    Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF: the
                      votes of ten people for the image in the same row of fer2013.csv; NF is no face
"""


class FerPlusOptions(FileOptions):
    """Options of FER+: how votes become a label. A row that gets none is left out.

    Attributes:
        labels: `majority`, the authors' rule: classes with a single vote are dropped, and the label needs more than
            half of the votes that remain, those for unknown and NF included. `plurality`: most of the ten votes,
            whatever their share. `emotions`: most of the votes for the eight emotions, the others set aside.
        ties: for `plurality` and `emotions`, when several have most votes: `leave-out`, or the `first` of them in the
            order of the file's columns, as an argmax has it (which makes neutral the larger).
    """

    labels: Rule = Field(default="majority", description="how votes become a label; without one, a row is left out")
    ties: Ties = Field(default="leave-out", description="rows in which several classes have most votes")


def label_of(votes: Sequence[int], rule: Rule = "majority", ties: Ties = "leave-out") -> str | None:
    """Return the class that votes name; None where they name none, or unknown or NF.

    Args:
        votes: ten numbers in the order of `HEADER`.
        rule: see `FerPlusOptions`.
        ties: see `FerPlusOptions`; `majority` has none.

    >>> label_of([4, 0, 0, 1, 3, 2, 0, 0, 0, 0]), label_of([6, 0, 1, 1, 0, 0, 0, 0, 2, 0])
    (None, 'neutral')
    """
    if rule == "emotions":
        votes = votes[: len(CLASSES)]
    elif rule == "majority":
        votes = [count if count > 1 else 0 for count in votes]
    most = max(votes)
    winners = [place for place, count in enumerate(votes) if count == most]
    if most == 0 or winners[0] >= len(CLASSES):
        return None
    if rule == "majority":
        return CLASSES[winners[0]] if 2 * most > sum(votes) else None
    return CLASSES[winners[0]] if len(winners) == 1 or ties == "first" else None


@dataclass(frozen=True)
class Ballot:
    """A row of the file of votes.

    Attributes:
        usage: as the file spells it.
        name: of the image; empty where it has none.
        votes: in the order of `HEADER`.
    """

    usage: str
    name: str
    votes: tuple[int, ...]


def parse_ballot(row: Sequence[str]) -> Ballot:
    """Read a row of the file of votes.

    Raises:
        ValueError: it has not twelve values, or no votes of ten people at most.
    """
    if len(row) != len(HEADER):
        raise ValueError(f"{len(row)} values, not {len(HEADER)}")
    if row[0] not in USAGES:
        raise ValueError(f"the usage {row[0]!r}")
    if not all(value.isdecimal() for value in row[2:]):
        raise ValueError(f"the votes {','.join(row[2:])}")
    votes = tuple(int(value) for value in row[2:])
    if not 1 <= sum(votes) <= VOTERS:
        raise ValueError(f"{sum(votes)} votes")
    return Ballot(row[0], row[1], votes)


class FerPlus(PixelSource[FerPlusOptions]):
    """FER+: votes for FER2013's images, 8 classes (Barsoum et al., ICMI 2016); ids are row numbers, as FER2013's."""

    name = "fer-plus"
    classes = CLASSES

    def kinds(self) -> Mapping[str, Kind]:
        """Return the columns: the part, the ten votes, and the eight classes' shares in the votes for them."""
        return {"split": str, "votes": (len(HEADER) - 2,), "mixture": (len(CLASSES),)}

    def official(self) -> Mapping[str, int]:
        """Return the numbers of rows, of rows without a name, and of each class by the rule `majority`."""
        return {
            **ROWS,
            "unnamed": UNNAMED,
            **{
                f"{part}/{label}": count
                for part, counts in COUNTS.items()
                for label, count in zip(CLASSES, counts, strict=True)
            },
        }

    def read(self) -> Index:
        """Read both files and join them by row."""
        index = Index(annotations=[VOTES])
        usable = self.open_table(index)
        ballots = self._ballots(index)
        if not usable or ballots is None:
            return index
        if len(ballots) != self.table.size:
            expected = f"as many rows as {fer2013.FILE} has, {self.table.size}: the two are joined row by row"
            index.findings.append(Finding("structure", expected, str(len(ballots)), VOTES))
            return index
        self._compare_usages(index, ballots)
        for row in self.table.rows:
            ballot = ballots[row.number]
            if ballot is not None:
                self._take(index, row.number, ballot)
        return index

    def _take(self, index: Index, number: int, ballot: Ballot) -> None:
        part = USAGES[ballot.usage]
        index.count(part, *(["unnamed"] if not ballot.name else []))
        majority = label_of(ballot.votes)
        if majority is not None:
            index.count(f"{part}/{majority}")
        label = label_of(ballot.votes, self.options.labels, self.options.ties)
        if label is None:
            return
        named = ballot.votes[: len(CLASSES)]
        mixture = [count / sum(named) for count in named]
        columns: dict[str, Value] = {"split": part, "votes": ballot.votes, "mixture": mixture}
        index.samples.append(Sample(row_id(number), fer2013.FILE, label, columns))

    def _ballots(self, index: Index) -> list[Ballot | None] | None:
        """Return every row of the file of votes, None for one that cannot be read; None where it is no such file."""
        text = self.text(VOTES)
        if text is None:
            index.findings.append(Finding("structure", "the votes", "no such file", VOTES))
            return None
        rows = csv.reader(text.splitlines())
        header = next(rows, [])
        if tuple(header) != HEADER:
            found = repr(",".join(header)[:80])
            index.findings.append(Finding("structure", f"the header {','.join(HEADER)}", found, VOTES))
            return None
        ballots: list[Ballot | None] = []
        wrong: list[str] = []
        for number, row in enumerate(row for row in rows if row):
            try:
                ballots.append(parse_ballot(row))
            except ValueError as error:
                ballots.append(None)
                wrong.append(f"row {number}: {error}")
        note(index, "annotation", f"a usage, a name and the votes of {VOTERS} people", wrong, VOTES)
        return ballots

    def _compare_usages(self, index: Index, ballots: Sequence[Ballot | None]) -> None:
        different = [
            f"row {row.number}: {ballot.usage}, {row.usage} in {fer2013.FILE}"
            for row in self.table.rows
            if (ballot := ballots[row.number]) is not None and ballot.usage != row.usage
        ]
        expected = f"the usage of the same row of {fer2013.FILE}: the two are joined row by row"
        note(index, "annotation", expected, different, VOTES)


def write(site: ReplicaSite) -> Mapping[str, int]:
    """Write a replica with the release's odd rows: unnamed ones, a name twice, ties, nine votes, no majority."""
    random = np.random.default_rng([site.seed, 11])
    usages = {part: usage for usage, part in USAGES.items()}
    parts = {part: scaled(CLASSES, numbers, 0.002) for part, numbers in COUNTS.items()}
    counts = Counter({"unnamed": 0})
    images, ballots = [fer2013.HEADER], [",".join(HEADER)]
    for role, face in shoot(site, "fer-plus", parts, size=SIDE):
        votes, clear = _draw_votes(random, CLASSES.index(role.label), role.number)
        unnamed = votes[-1] == VOTERS
        # The release's numbers go on past what was taken out, so that a name's number is not its row's.
        name = "" if unnamed else f"fer{len(ballots) + len(ballots) // 9 * 3:07d}.png"
        if role.number == 8:
            name = ballots[-1].split(",")[1]
        counts["unnamed"] += not name
        counts.update([role.part, *([f"{role.part}/{role.label}"] if clear else [])])
        code = fer2013.CODES.index(role.label) if role.label in fer2013.CODES else 6  # FER2013 knows no contempt
        images.append(csv_row(code, grey(face.image), usages[role.part]))
        ballots.append(",".join([usages[role.part], name, *map(str, votes)]))
    put(site.folder, fer2013.FILE, ("\n".join(images) + "\n").encode())
    put(site.folder, VOTES, ("\n".join(ballots) + "\n").encode())
    return counts


def _draw_votes(random: np.random.Generator, label: int, number: int) -> tuple[list[int], bool]:
    """Return votes, and whether they make the label a majority by the authors' rule.

    Args:
        random: draws the ordinary rows.
        label: place of the class.
        number: of the row in its part, from 1; those of 1 to 6 are the odd ones.
    """
    votes = [0] * (len(HEADER) - 2)
    other = (label + 1) % len(CLASSES)
    odd: Mapping[int, tuple[tuple[tuple[int, int], ...], bool]] = {
        1: (((-1, 10),), False),  # no face, no name
        2: (((label, 5), (other, 5)), False),  # a tie
        3: (((label, 7), (other, 2)), True),  # nine votes
        4: (((label, 4), (other, 3), (-2, 3)), False),  # most votes, but not half
        5: (((-2, 7), (label, 3)), False),  # unknown
        6: (((label, 5), (other, 3), (-2, 1), (-1, 1)), True),  # more than half without the single votes only
    }
    if number in odd:
        given, clear = odd[number]
        for place, count in given:
            votes[place] = count
        return votes, clear
    votes[label] = int(random.integers(6, 11))
    rest = VOTERS - votes[label]
    votes[other] = rest // 2
    votes[-2] = rest - rest // 2
    return votes, True


ENTRIES = [
    DatasetEntry(
        name="fer-plus",
        factory="ferbench_fer_datasets.fer_plus:FerPlus",
        options=FerPlusOptions,
        replica="ferbench_fer_datasets.fer_plus:write",
        summary="FER+: FER2013's images with ten people's votes, 8 classes, official split with validation",
        card=DatasetCard(
            title="FER+",
            classes=CLASSES,
            attributes=("split", "votes", "mixture"),
            label_columns=("votes", "mixture"),
            counts=(*ROWS.items(), ("unnamed", UNNAMED)),
            layout=LAYOUT,
            licence="the votes MIT; the images as FER2013's",
            homepage="https://github.com/microsoft/FERPlus",
            citation="Barsoum, Zhang, Canton Ferrer & Zhang, Training deep networks for facial expression recognition "
            "with crowd-sourced label distribution, ICMI 2016",
            notes="figures of papers depend on how votes became labels (option `labels`); the default, the authors' "
            f"majority, leaves {sum(map(sum, COUNTS.values())):,} of {sum(ROWS.values()):,} images",
        ),
    )
]
