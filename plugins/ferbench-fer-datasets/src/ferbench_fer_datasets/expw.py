"""ExpW: photographs with one or several labelled faces, each with a box and the detector's confidence.

Its folder of images also holds photographs in which no face is labelled: an image without annotation is no finding
here. The release has no division into parts. THIN keeps the faces with a confidence above 60, 26,701 of them for
training and 6,673 for testing, but does not say which: the faces can be had (`confidence = 60`), the division cannot.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import Field

from ferbench import DatasetCard, DatasetEntry
from ferbench.data.files import FileOptions, FileSource, Index, Kind, Sample, Value
from ferbench.data.findings import Finding, listed
from ferbench.data.replica import ReplicaSite
from ferbench_fer_datasets.faces import Face, save, widened
from ferbench_fer_datasets.notes import note
from ferbench_fer_datasets.wild import Role, put, scaled, shoot, whole_box

LISTS = ("label/label.lst", "label.lst")
"""Where the list is: as the release unpacks, or moved up."""
FOLDERS = ("image/origin/", "origin/", "image/")
"""Where the photographs are: the first of these that has any."""

CODES = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")
COUNTS = (3671, 3995, 1088, 30537, 10559, 7060, 34883)
"""Faces of each class; 91,793 in all."""

LAYOUT = """
expw/
├── label/label.lst          a face a line: "angry_actor_104.jpg 0 28 113 226 141 22.9362 0" is file, number of the face
│                            in it, TOP, LEFT, RIGHT, BOTTOM, confidence of the detector, label: 0 anger, 1 disgust,
│                            2 fear, 3 happiness, 4 sadness, 5 surprise, 6 neutral
└── image/origin/angry_actor_104.jpg
"""


class ExpWOptions(FileOptions):
    """Options of ExpW.

    Attributes:
        confidence: leave out faces of which the detector was no surer than this; None keeps all.
    """

    confidence: float | None = Field(
        default=None,
        description="keep only faces with a higher confidence than this",
        json_schema_extra={"paper": 60},
    )


@dataclass(frozen=True)
class Line:
    """A line of the list.

    Attributes:
        name: file name of the photograph.
        face: number of the face in it, as written.
        top, left, right, bottom: the face, in the list's order, pixels.
        confidence: of the face detector.
        code: of the expression.
    """

    name: str
    face: str
    top: int
    left: int
    right: int
    bottom: int
    confidence: float
    code: int

    @property
    def possible(self) -> bool:
        """Whether the box has an area."""
        return self.right > self.left and self.bottom > self.top

    @property
    def possible_otherwise(self) -> bool:
        """Whether it has one if the columns are left, top, right, bottom."""
        return self.right > self.top and self.bottom > self.left

    def __str__(self) -> str:
        """Return the line as it stands in the list."""
        box = f"{self.top} {self.left} {self.right} {self.bottom}"
        return f"{self.name} {self.face} {box} {self.confidence!r} {self.code}"


def parse_line(text: str) -> Line:
    """Read a line of the list.

    Raises:
        ValueError: it has not eight values, or one of them is no number or no code.

    >>> parse_line("angry_actor_104.jpg 0 28 113 226 141 22.9362 0").left
    113
    """
    name, face, top, left, right, bottom, confidence, code = text.split()
    line = Line(name, face, int(top), int(left), int(right), int(bottom), float(confidence), int(code))
    if not 0 <= line.code < len(CODES) or not math.isfinite(line.confidence):
        raise ValueError(text)
    return line


class ExpW(FileSource[ExpWOptions]):
    """ExpW: 91,793 faces of 7 classes (Zhang, Luo, Loy & Tang, IJCV 2018); a sample is a face, `<file>#<face>`."""

    name = "expw"
    classes = CODES

    def kinds(self) -> Mapping[str, Kind]:
        """Return the columns beside image and label."""
        return {"box": (4,), "confidence": ()}

    def official(self) -> Mapping[str, int]:
        """Return the release's number of faces of each class, whatever their confidence."""
        return dict(zip(CODES, COUNTS, strict=True))

    def read(self) -> Index:
        """Read the list of faces. All are counted and checked, those of little confidence too."""
        index = Index()
        file = next((file for file in LISTS if file in self.files), None)
        text = self.text(file) if file is not None else None
        if file is None or text is None:
            index.findings.append(Finding("structure", "the list of labels", "no such file", LISTS[0]))
            return index
        index.annotations.append(file)
        lines, wrong = _parse(text)
        expected = "lines such as 'angry_actor_104.jpg 0 28 113 226 141 22.9362 0', with a label of 0 to 6"
        note(index, "annotation", expected, wrong, file)
        index.findings += _check_boxes(lines, file)
        folder = self._images()
        least = self.options.confidence
        for line in lines:
            index.count(CODES[line.code])
            if least is not None and line.confidence <= least:
                continue
            box = (line.left, line.top, line.right, line.bottom)
            columns: dict[str, Value] = {"box": box, "confidence": line.confidence}
            index.samples.append(Sample(f"{line.name}#{line.face}", folder + line.name, CODES[line.code], columns))
        return index

    def _images(self) -> str:
        held = {file.rpartition("/")[0] + "/" for file in self.files}
        return next((folder for folder in FOLDERS if folder in held), FOLDERS[0])


def _parse(text: str) -> tuple[list[Line], list[str]]:
    lines: list[Line] = []
    wrong: list[str] = []
    for row in text.splitlines():
        if not row.strip():
            continue
        try:
            lines.append(parse_line(row))
        except ValueError:
            wrong.append(row)
    return lines, wrong


def _check_boxes(lines: Sequence[Line], where: str) -> list[Finding]:
    """Find boxes without area, and say so where another order of the columns explains every one of them."""
    wrong = [f"{line.name}#{line.face}" for line in lines if not line.possible]
    if not wrong:
        return []
    found = f"without area, {listed(wrong)}"
    if all(line.possible_otherwise for line in lines):
        found += "; the columns look like left top right bottom, in which order every box has an area"
    return [Finding("box", "faces as top left right bottom", found, where, tuple(wrong))]


def write(site: ReplicaSite) -> Mapping[str, int]:
    """Write a replica: every third photograph has two faces, none is square, and one has no label at all."""
    parts = {"photograph": scaled(CODES, COUNTS, 0.0008)}
    random = np.random.default_rng([site.seed, 7])
    lines: list[Line] = []
    waiting: list[tuple[Role, Face]] = []
    for role, face in shoot(site, "expw", parts, size=96):
        waiting.append((role, widened(face, 180, 110)))
        if len(waiting) == (2 if len(lines) % 4 == 0 else 1):
            lines += _photograph(site, waiting, random)
            waiting = []
    if waiting:
        lines += _photograph(site, waiting, random)
    save(site.folder / "image/origin/nobody_here_1.jpg", np.full((60, 90, 3), 128, np.uint8))
    put(site.folder, LISTS[0], "".join(f"{line}\n" for line in lines).encode())
    return Counter(CODES[line.code] for line in lines)


def _photograph(site: ReplicaSite, faces: Sequence[tuple[Role, Face]], random: np.random.Generator) -> list[Line]:
    """Put faces side by side into one photograph; return their lines."""
    name = f"{faces[0][0].label}_somebody_{faces[0][0].number}.jpg"
    image = np.concatenate([face.image for _, face in faces], axis=1)
    save(site.folder / f"image/origin/{name}", image)
    lines = []
    for number, (role, face) in enumerate(faces):
        left, top, right, bottom = whole_box(face)
        shift = number * face.image.shape[1]
        confidence = round(float(random.uniform(5, 120)), 4)
        code = CODES.index(role.label)
        lines.append(Line(name, str(number), top, left + shift, right + shift, bottom, confidence, code))
    return lines


ENTRIES = [
    DatasetEntry(
        name="expw",
        factory="ferbench_fer_datasets.expw:ExpW",
        options=ExpWOptions,
        replica="ferbench_fer_datasets.expw:write",
        summary="ExpW: 7 classes in the wild, one sample a face, boxes; no official split",
        card=DatasetCard(
            title="Expression in the Wild",
            classes=CODES,
            attributes=("box", "confidence"),
            counts=(*zip(CODES, COUNTS, strict=True),),
            layout=LAYOUT,
            licence="non-commercial research; not to be passed on",
            homepage="http://mmlab.ie.cuhk.edu.hk/projects/socialrelation/index.html",
            citation="Zhang, Luo, Loy & Tang, From facial expression recognition to interpersonal relation prediction, "
            "IJCV 2018",
            notes="no official division: use k-fold. THIN divides the faces with a confidence above 60 into 26,701 and "
            "6,673, but does not say which; faces of one photograph may stand in two folds",
        ),
    )
]
