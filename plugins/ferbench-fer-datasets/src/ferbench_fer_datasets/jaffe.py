"""JAFFE, the Japanese Female Facial Expression data set: ten women, seven posed expressions, rated by others."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from functools import cached_property

from ferbench import DatasetCard, DatasetEntry
from ferbench.data.files import FileOptions, FileSource, Index, Kind, Sample, Value
from ferbench.data.findings import Finding
from ferbench.data.replica import ReplicaSite
from ferbench_fer_datasets.notes import is_picture, note

EXPRESSIONS = {
    "AN": "anger",
    "DI": "disgust",
    "FE": "fear",
    "HA": "happiness",
    "NE": "neutral",
    "SA": "sadness",
    "SU": "surprise",
}

COUNTS = {"anger": 30, "disgust": 29, "fear": 32, "happiness": 31, "neutral": 30, "sadness": 31, "surprise": 30}
TOTALS = {"images": 213, "subjects": 10}

SUBJECTS = ("KA", "KL", "KM", "KR", "MK", "NA", "NM", "TM", "UY", "YM")

RATED = ("happiness", "sadness", "surprise", "anger", "disgust", "fear")
"""What the table of ratings rates, in the order of its columns HAP SAD SUR ANG DIS FEA."""

RATINGS = tuple(f"rating_{label}" for label in RATED)

LAYOUT = """
jaffe/
├── KA.AN1.39.tiff        person (KA KL KM KR MK NA NM TM UY YM), expression (AN angry, DI disgusted, FE afraid,
│                         HA happy, NE neutral, SA sad, SU surprised) and its number, serial number; 256 × 256, grey
└── README_FIRST.txt      with the table of semantic ratings, "# HAP SAD SUR ANG DIS FEA PIC" and rows
                          "39 1.61 1.87 1.74 4.13 2.77 2.00 KA-AN1"; any .txt with that table; may be left out
"""

_STEM = re.compile(rf"({'|'.join(SUBJECTS)})\.({'|'.join(EXPRESSIONS)})(\d)\.(\d{{1,3}})")
_HEADER = re.compile(r"(?:N|#)\s+HAP\s+SAD\s+SUR\s+ANG\s+DIS\s+FEA\s+PIC", re.IGNORECASE)
_NUMBER = r"\d+(?:\.\d+)?"
_ROW = re.compile(rf"\d+((?:\s+{_NUMBER}){{6}})\s+([A-Z]{{2}}-[A-Z]{{2}}\d)")


class JaffeOptions(FileOptions):
    """Options of JAFFE: none of its own."""


@dataclass(frozen=True)
class Name:
    """What a file's name says.

    >>> Name.parse("KA.AN1.39")
    Name(subject='KA', expression='AN', number=1, serial=39)
    """

    subject: str
    expression: str
    number: int
    serial: int

    @classmethod
    def parse(cls, stem: str) -> Name | None:
        """Return the fields of a file's name without its suffix; None where it is no name of the release."""
        match = _STEM.fullmatch(stem)
        return None if match is None else cls(match[1], match[2], int(match[3]), int(match[4]))

    @property
    def stem(self) -> str:
        """The file's name without its suffix."""
        return f"{self.subject}.{self.expression}{self.number}.{self.serial}"

    @property
    def picture(self) -> str:
        """What the table of ratings calls it."""
        return f"{self.subject}-{self.expression}{self.number}"


class Jaffe(FileSource[JaffeOptions]):
    """JAFFE: 213 images of 10 subjects (Lyons et al., FG 1998)."""

    name = "jaffe"
    classes = tuple(EXPRESSIONS.values())

    def kinds(self) -> Mapping[str, Kind]:
        """Return the subject, and the mean ratings of six emotions if their table is there."""
        return {"subject": str, **(dict.fromkeys(RATINGS, ()) if self._tables else {})}

    def official(self) -> Mapping[str, int]:
        """Return the release's number of images, of subjects, and of images of each expression."""
        return TOTALS | COUNTS

    @cached_property
    def _tables(self) -> Mapping[str, list[str]]:
        """The lines below the header of the table of ratings, by the files that have one."""
        found: dict[str, list[str]] = {}
        for file in sorted(self.files):
            if not file.lower().endswith(".txt"):
                continue
            lines = [line.strip() for line in (self.text(file) or "").splitlines()]
            starts = [place for place, line in enumerate(lines) if _HEADER.fullmatch(line)]
            if starts:
                found[file] = lines[starts[0] + 1 :]
        return found

    def read(self) -> Index:
        """Read names of files, and the ratings."""
        index = Index(annotations=list(self._tables))
        pictures = sorted(file for file in self.files if is_picture(file))
        if not pictures:
            index.findings.append(Finding("structure", "images such as KA.AN1.39.tiff", "no image", "."))
            return index
        names = {file: _parse(file) for file in pictures}
        ratings = self._ratings(index, {name.picture for name in names.values() if name is not None})
        for file, name in names.items():
            if name is None:
                continue
            label = EXPRESSIONS[name.expression]
            columns: dict[str, Value] = {"subject": name.subject}
            columns.update(zip(RATINGS, ratings.get(name.picture, ()), strict=False))
            index.samples.append(Sample(name.stem, file, label, columns))
            index.count("images", label)
        index.counts["subjects"] = len({name.subject for name in names.values() if name is not None})
        misnamed = [file for file, name in names.items() if name is None]
        note(index, "annotation", "names such as KA.AN1.39.tiff", misnamed, ".")
        return index

    def _ratings(self, index: Index, pictures: Set[str]) -> Mapping[str, tuple[float, ...]]:
        """Return the six mean ratings of each picture of the table, 1 to 5.

        A few rows of the release name no picture of it; a table of which none does belongs to something else.
        """
        if len(self._tables) > 1:
            note(index, "annotation", "one table of ratings", self._tables, ".")
            return {}
        ratings: dict[str, tuple[float, ...]] = {}
        wrong: list[str] = []
        twice: list[str] = []
        for line in (line for lines in self._tables.values() for line in _rows(lines)):
            match = _ROW.fullmatch(line)
            values = tuple(float(word) for word in match[1].split()) if match else ()
            if match is None or not all(1 <= value <= 5 for value in values):
                wrong.append(line)
            elif match[2] in ratings:
                twice.append(match[2])
            else:
                ratings[match[2]] = values
        where = ", ".join(self._tables)
        note(index, "annotation", "rows such as '39 1.61 1.87 1.74 4.13 2.77 2.00 KA-AN1', 1 to 5", wrong, where)
        note(index, "annotation", "one row of ratings for a picture", twice, where)
        if self._tables and not wrong and ratings.keys().isdisjoint(pictures):
            found = f"none of {len(ratings)} rows does"
            index.findings.append(Finding("annotation", "ratings of which most name a picture", found, where))
        return ratings


def _parse(file: str) -> Name | None:
    stem, _, suffix = file.rpartition(".")
    return Name.parse(stem) if suffix.lower() == "tiff" else None


def _rows(lines: list[str]) -> Iterator[str]:
    """Yield the rows of the table: from the first line with a word on to the first without a number at its start.

    A second table follows in the release (ratings without fear): it has a heading of its own.
    """
    begun = False
    for line in lines:
        if line[:1].isdigit():
            begun = True
            yield line
        elif begun and any(letter.isalnum() for letter in line):
            return


# --- the replica ------------------------------------------------------------------------------------------------


def write(site: ReplicaSite) -> Mapping[str, int]:
    """Write a replica: up to ten women, two images of each expression, and a few more of the later ones."""
    from ferbench_fer_datasets.faces import Shot, draw, grey, save

    subjects = SUBJECTS[: site.subjects]
    places = [
        (person, code, number)
        for person in range(len(subjects))
        for place, code in enumerate(EXPRESSIONS)
        for number in (1, 2, 3)
        if number < 3 or person < place
    ]
    counts = Counter(subjects=len(subjects))
    rows: list[str] = []
    with site.progress("drawing jaffe", len(places)) as advance:
        for serial, (person, code, number) in enumerate(places, start=1):
            name, label = Name(subjects[person], code, number, serial), EXPRESSIONS[code]
            face = draw(Shot(person, label, number=number, size=96), site.seed)
            save(site.folder / f"{name.stem}.tiff", grey(face.image))
            means = " ".join(f"{_rating(label, rated, serial):.2f}" for rated in RATED)
            rows.append(f"{serial} {means} {name.picture}")
            counts.update(["images", label])
            advance()
    (site.folder / "README_FIRST.txt").write_text(_README.format("\n".join(rows)))
    return counts


def _rating(label: str, rated: str, serial: int) -> float:
    return (4 if rated == label else 1.5) + (serial % 10) / 20


_README = """A replica. Semantic ratings data:

# HAP SAD SUR ANG DIS FEA PIC
-----------------------------
{}

Semantic ratings data (fear excluded):

# HAP SAD SUR ANG DIS PIC
-------------------------
1 1.50 1.50 1.50 4.00 1.50 KA-AN1
"""

ENTRIES = [
    DatasetEntry(
        name="jaffe",
        factory="ferbench_fer_datasets.jaffe:Jaffe",
        options=JaffeOptions,
        replica="ferbench_fer_datasets.jaffe:write",
        summary="JAFFE: posed, 7 classes, ten women, by subject",
        card=DatasetCard(
            title="Japanese Female Facial Expression data set",
            classes=tuple(EXPRESSIONS.values()),
            attributes=("subject", *RATINGS),
            label_columns=RATINGS,
            counts=(*TOTALS.items(), *COUNTS.items()),
            layout=LAYOUT,
            licence="non-commercial scientific research, on application; not to be passed on",
            homepage="https://zenodo.org/records/3451524",
            citation="Lyons, Akamatsu, Kamachi & Gyoba, Coding facial expressions with Gabor wavelets, FG 1998",
            notes="The label is the expression that was posed; the ratings, 1 to 5, say what others saw. An image "
            "without a row in the table has none. Of the release's 219 rows seven name no image of it and are passed "
            "over: KM-DI2, KM-HA5, KM-SA4, KR-HA3, NM-DI2, TM-HA4, and YN-HA2, where YM-HA2 seems to be meant: "
            "YM.HA2 has no ratings.",
        ),
    )
]
