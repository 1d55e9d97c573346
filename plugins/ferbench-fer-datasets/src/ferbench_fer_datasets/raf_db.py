"""RAF-DB, the basic set: one label an image, aligned or original images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from ferbench import DatasetCard, DatasetEntry
from ferbench.data.files import FileOptions, FileSource, Index, Kind, Sample
from ferbench.data.findings import Finding
from ferbench.data.replica import ReplicaSite
from ferbench_fer_datasets.faces import save, widened
from ferbench_fer_datasets.notes import is_picture, note
from ferbench_fer_datasets.wild import put, scaled, shoot

LIST = "EmoLabel/list_patition_label.txt"  # spelt so in the release
CODES = ("surprise", "fear", "disgust", "happiness", "sadness", "anger", "neutral")
"""Label 1 is the first."""

COUNTS = {
    "train": (1290, 281, 717, 4772, 1982, 705, 2524),
    "test": (329, 74, 160, 1185, 478, 162, 680),
}

LAYOUT = """
raf-db/
├── EmoLabel/list_patition_label.txt     lines "train_00001.jpg 5": 1 surprise, 2 fear, 3 disgust, 4 happiness,
│                                        5 sadness, 6 anger, 7 neutral (the basic set; the compound one has 1–11)
└── Image/
    ├── aligned/train_00001_aligned.jpg  100 × 100
    └── original/train_00001.jpg         only for images = "original"
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
        """Read the list of labels."""
        index = Index(annotations=[LIST])
        text = self.text(LIST)
        if text is None:
            index.findings.append(Finding("structure", "the list of labels", "no such file", LIST))
            return index
        lines = [line.split() for line in text.splitlines() if line.strip()]
        if _is_compound(lines):
            index.findings.append(
                Finding(
                    "structure",
                    "labels 1 to 7 of the basic set",
                    "labels 1 to 11: the list of the compound set, which has the same file name",
                    LIST,
                )
            )
            return index
        wrong = [" ".join(line) for line in lines if not _is_line(line)]
        note(index, "annotation", "lines such as 'train_00001.jpg 5', with a label of 1 to 7", wrong, LIST)
        for name, code in (line for line in lines if _is_line(line)):
            part, label = name.split("_")[0], CODES[int(code) - 1]
            index.samples.append(Sample(name, self._file(name), label, {"split": part}))
            index.count(f"{part}/{label}")
        # An image whose line cannot be read is told once, as that.
        named = {self._file(line[0]) for line in lines}
        folder = f"Image/{self.options.images}/"
        there = {file for file in self.files if file.startswith(folder) and is_picture(file)}
        note(index, "unannotated-image", "an annotation for every image", sorted(there - named), folder)
        return index

    def _file(self, name: str) -> str:
        if self.options.images == "original":
            return f"Image/original/{name}"
        return f"Image/aligned/{name.removesuffix('.jpg')}_aligned.jpg"


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
    counts: dict[str, int] = {}
    lines: list[str] = []
    parts = {part: scaled(CODES, numbers, 0.006) for part, numbers in COUNTS.items()}
    for role, face in shoot(site, "raf-db", parts, size=100):
        stem = f"{role.part}_{role.number:05d}"
        save(site.folder / f"Image/aligned/{stem}_aligned.jpg", face.image)
        save(site.folder / f"Image/original/{stem}.jpg", widened(face, 150, 130).image)
        lines.append(f"{stem}.jpg {CODES.index(role.label) + 1}")
        name = f"{role.part}/{role.label}"
        counts[name] = counts.get(name, 0) + 1
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
            attributes=("split",),
            counts=tuple((part, sum(numbers)) for part, numbers in COUNTS.items()),
            layout=LAYOUT,
            licence="non-commercial research, on application; not to be passed on",
            homepage="http://www.whdeng.cn/RAF/model1.html",
            citation="Li, Deng & Du, Reliable crowdsourcing and deep locality-preserving learning for expression "
            "recognition in the wild, CVPR 2017",
        ),
    )
]
