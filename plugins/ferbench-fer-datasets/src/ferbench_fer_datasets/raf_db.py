"""RAF-DB, the basic set: one label an image, aligned or original images."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Literal

from pydantic import Field

from ferbench import DatasetCard, DatasetEntry
from ferbench.data.files import FileOptions, FileSource, Index, Kind, Sample, Value
from ferbench.data.findings import Finding
from ferbench.data.replica import ReplicaSite
from ferbench_fer_datasets.faces import save, widened
from ferbench_fer_datasets.notes import is_picture, note, only_prefix, prefixes
from ferbench_fer_datasets.wild import put, scaled, shoot, whole_box

LIST = "EmoLabel/list_patition_label.txt"  # spelt so in the release
BOXES = "Annotation/boundingbox/"
CODES = ("surprise", "fear", "disgust", "happiness", "sadness", "anger", "neutral")
"""Label 1 is the first."""

COUNTS = {
    "train": (1290, 281, 717, 4772, 1982, 705, 2524),
    "test": (329, 74, 160, 1185, 478, 162, 680),
}

LAYOUT = """
raf-db/                                  (or raf-db/basic/, as the archive has it)
├── EmoLabel/list_patition_label.txt     lines "train_00001.jpg 5": 1 surprise, 2 fear, 3 disgust, 4 happiness,
│                                        5 sadness, 6 anger, 7 neutral (the basic set; the compound one has 1–11)
├── Image/
│   ├── aligned/train_00001_aligned.jpg  100 × 100
│   └── original/train_00001.jpg         only for images = "original"
└── Annotation/boundingbox/train_00001_boundingbox.txt
                                         "x0 y0 x1 y1", the labelled face in the original image; since version 1.1 of
                                         the release; read for images = "original", may be left out
"""


class RafDbOptions(FileOptions):
    """Options of RAF-DB.

    Attributes:
        images: the release's aligned images (100 × 100), or the original photographs for a detector to align.
    """

    images: Literal["aligned", "original"] = Field(default="aligned", description="which of the release's images")


class RafDb(FileSource[RafDbOptions]):
    """RAF-DB (basic): 12,271 training and 3,068 test images of 7 classes (Li, Deng & Du, CVPR 2017)."""

    name = "raf-db"
    classes = CODES

    def kinds(self) -> Mapping[str, Kind]:
        """Return the columns beside image and label; original images have a box, if its folder is there."""
        return {"split": str, "box": (4,)} if self.boxes else {"split": str}

    def official(self) -> Mapping[str, int]:
        """Return the release's number of images of each part and class."""
        return {
            f"{part}/{label}": count
            for part, counts in COUNTS.items()
            for label, count in zip(CODES, counts, strict=True)
        }

    @cached_property
    def tops(self) -> Sequence[str]:
        """The folders with a list of labels, that of the compound set, by its name, left out where there are others."""
        found = prefixes(self.files, rf"{re.escape(LIST)}$")
        return [top for top in found if not top.endswith("compound/")] or found

    @cached_property
    def top(self) -> str:
        """The folder in which everything lies."""
        return self.tops[0] if self.tops else ""

    @cached_property
    def boxes(self) -> Mapping[str, str]:
        """The files of boxes by the name of their image; none unless the options ask for original images."""
        if self.options.images == "aligned":
            return {}
        ending = "_boundingbox.txt"
        files = (file for file in self.files if file.startswith(self.top + BOXES) and file.endswith(ending))
        return {f"{file.rpartition('/')[2].removesuffix(ending)}.jpg": file for file in files}

    def read(self) -> Index:
        """Read the list of labels, and the boxes of original images."""
        index = Index()
        text = self.text(self.top + LIST)
        if text is None:
            index.findings.append(Finding("structure", "the list of labels", "no such file", LIST))
            return index
        only_prefix(index, self.tops, LIST)
        index.annotations.append(self.top + LIST)
        lines = [line.split() for line in text.splitlines() if line.strip()]
        if _is_compound(lines):
            index.findings.append(
                Finding(
                    "structure",
                    "labels 1 to 7 of the basic set",
                    "labels 1 to 11: the list of the compound set, which has the same file name",
                    self.top + LIST,
                )
            )
            return index
        wrong = [" ".join(line) for line in lines if not _is_line(line)]
        note(index, "annotation", "lines such as 'train_00001.jpg 5', with a label of 1 to 7", wrong, self.top + LIST)
        boxes = self._boxes(index, [line[0] for line in lines if _is_line(line)])
        for name, code in (line for line in lines if _is_line(line)):
            part, label = name.split("_")[0], CODES[int(code) - 1]
            columns: dict[str, Value] = {"split": part, **({"box": boxes[name]} if name in boxes else {})}
            index.samples.append(Sample(name, self._file(name), label, columns))
            index.count(f"{part}/{label}")
        # An image whose line cannot be read is told once, as that.
        named = {self._file(line[0]) for line in lines}
        folder = f"{self.top}Image/{self.options.images}/"
        there = {file for file in self.files if file.startswith(folder) and is_picture(file)}
        note(index, "unannotated-image", "an annotation for every image", sorted(there - named), folder)
        return index

    def _file(self, name: str) -> str:
        if self.options.images == "original":
            return f"{self.top}Image/original/{name}"
        return f"{self.top}Image/aligned/{name.removesuffix('.jpg')}_aligned.jpg"

    def _boxes(self, index: Index, names: Sequence[str]) -> Mapping[str, Sequence[float]]:
        """Return the boxes of images, where there are any at all; an image without one, and a wrong one, are noted."""
        if not self.boxes:
            return {}
        found = {name: parse_box(self.text(self.boxes[name]) or "") for name in names if name in self.boxes}
        index.annotations += [self.boxes[name] for name in found]
        wrong = [self.boxes[name] for name, box in found.items() if box is None]
        where = self.top + BOXES
        note(index, "annotation", "four numbers x0 y0 x1 y1 around an area", wrong, where)
        missing = [name for name in names if name not in self.boxes]
        note(index, "annotation", "a box for every image, or no folder of boxes", missing, where)
        return {name: box for name, box in found.items() if box is not None}


def parse_box(text: str) -> tuple[float, ...] | None:
    """Read a file of a box: left, top, right, bottom; None where it holds something else.

    >>> parse_box("10.5 20 110 140")
    (10.5, 20.0, 110.0, 140.0)
    """
    try:
        left, top, right, bottom = box = tuple(map(float, text.split()))
    except ValueError:
        return None
    return box if all(map(math.isfinite, box)) and left < right and top < bottom else None


def _is_line(words: list[str]) -> bool:
    named = len(words) == 2 and words[0].split("_")[0] in COUNTS and words[0].endswith(".jpg")
    return named and words[1].isdecimal() and 1 <= int(words[1]) <= len(CODES)


def _is_compound(lines: list[list[str]]) -> bool:
    """Say whether a list has the compound set's 11 labels; a few codes above 7 are errors of a basic list."""
    codes = [int(words[1]) for words in lines if len(words) == 2 and words[1].isdecimal()]
    above = [code for code in codes if code in range(8, 12)]
    return len(above) > len(codes) / 10 and max(codes) <= 11


def write(site: ReplicaSite) -> Mapping[str, int]:
    """Write a replica: the release's proportions, at least two images a class."""
    counts: Counter[str] = Counter()
    lines: list[str] = []
    parts = {part: scaled(CODES, numbers, 0.006) for part, numbers in COUNTS.items()}
    for role, face in shoot(site, "raf-db", parts, size=100):
        stem = f"train_{role.number:05d}" if role.part == "train" else f"test_{role.number:04d}"
        photograph = widened(face, 150, 130)
        save(site.folder / f"Image/aligned/{stem}_aligned.jpg", face.image)
        save(site.folder / f"Image/original/{stem}.jpg", photograph.image)
        box = " ".join(f"{value:.1f}" for value in whole_box(photograph))
        put(site.folder, f"{BOXES}{stem}_boundingbox.txt", f"{box}\n".encode())
        lines.append(f"{stem}.jpg {CODES.index(role.label) + 1}")
        counts[f"{role.part}/{role.label}"] += 1
    put(site.folder, LIST, "\n".join(lines).encode())  # the release's last line has no end either
    return counts


ENTRIES = [
    DatasetEntry(
        name="raf-db",
        factory="ferbench_fer_datasets.raf_db:RafDb",
        options=RafDbOptions,
        replica="ferbench_fer_datasets.raf_db:write",
        summary="RAF-DB, basic: 7 classes in the wild, official split",
        card=DatasetCard(
            title="Real-world Affective Faces Database, basic expressions",
            classes=CODES,
            attributes=("split", "box"),
            counts=tuple((part, sum(numbers)) for part, numbers in COUNTS.items()),
            layout=LAYOUT,
            licence="non-commercial research, on application; not to be passed on",
            homepage="http://www.whdeng.cn/RAF/model1.html",
            citation="Li, Deng & Du, Reliable crowdsourcing and deep locality-preserving learning for expression "
            "recognition in the wild, CVPR 2017",
            notes="an original photograph may show several people: which face is labelled, only the boxes say, which "
            "version 1.1 of the release added. Without `Annotation/boundingbox` a detector has to guess",
        ),
    )
]
