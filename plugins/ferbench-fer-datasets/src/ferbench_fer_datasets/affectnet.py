"""AffectNet, with 7 or 8 classes: the older release's lists, and the newer one's files of annotations.

Which release a folder holds is told by what is in it. Of both, the images of the eight expressions are read (without
contempt: of seven); codes 8 to 10 (none, uncertain, no face) are left out. The validation set is the test part of the
official division, as papers use it: the test set was never released.

Reading the lists is one pass over 420,000 lines. The newer release keeps four small files for each image, which are
opened once: `annotations = "expression"` opens one, and leaves the other columns out. What was read decides the
identity there, not the 1.2 million files: these are no images that somebody could look at, and the same number as text
or as float is the same annotation. Their sizes and times are still compared at each planning, as those of every
annotation, so that one that was changed is read anew.

The older release's folder of images holds more than its lists name, so that an image without annotation is no finding
there; its list of validation images may come without a header. Two images of its lists are left out: see `LACKING`.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import attrgetter
from typing import Any, Literal

from pydantic import Field

from ferbench import DatasetCard, DatasetEntry
from ferbench.canonical import digest
from ferbench.data.files import FileOptions, FileSource, Index, Kind, Sample, Value
from ferbench.data.findings import Finding
from ferbench_fer_datasets.arrays import read_array
from ferbench_fer_datasets.marks68 import five
from ferbench_fer_datasets.notes import note

CODES = ("neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger", "contempt")
LEFT_OUT = ("none", "uncertain", "no face")
"""Codes 8 to 10."""

TRAIN = (74874, 134415, 25459, 14090, 6378, 3803, 24882, 3750)
"""Training images of each class, as printed."""
TEST = {"lists": (500,) * 8, "folders": (500, 500, 500, 500, 500, 500, 500, 499)}
"""Of the validation set, by release."""

LISTS = {"Manually_Annotated_file_lists/training.csv": "train", "Manually_Annotated_file_lists/validation.csv": "test"}
HEADER = (
    "subDirectory_filePath",
    "face_x",
    "face_y",
    "face_width",
    "face_height",
    "facial_landmarks",
    "expression",
    "valence",
    "arousal",
)
LACKING = {
    "2/9db2af5a1da8bd77355e8c6a655da519a899ecc42641bf254107bfc0.jpg": "in none of the archives",
    "103/29a31ebf1567693f4644c8ba3476ca9a72ee07fe67a5860d98707a0a.jpg": "an empty file",
}
"""Images that the older release's lists name and the release itself does not have, and what is there instead."""

IMAGES = ("Manually_Annotated_Images/", "Manually_Annotated/Manually_Annotated_Images/")
"""Where the older release's images are: as its archives unpack, or moved up."""

SETS = {"train_set": "train", "val_set": "test"}
NO_RATING = -2.0
"""Valence and arousal of what was not rated."""

LAYOUT = """
affectnet-7/ (or affectnet-8/): either of the releases; option `release` says which where a folder holds both
├── Manually_Annotated_file_lists/{training,validation}.csv    the older: subDirectory_filePath,face_x,face_y,
│       face_width,face_height,facial_landmarks (68 points, "x;y;x;y…"),expression,valence,arousal
├── Manually_Annotated_Images/689/737db2483489.jpg             (or Manually_Annotated/Manually_Annotated_Images/…)
│
├── {train_set,val_set}/images/0.jpg                           the newer: 224 × 224
└── {train_set,val_set}/annotations/0_{exp,val,aro,lnd}.npy
Expressions: 0 neutral, 1 happiness, 2 sadness, 3 surprise, 4 fear, 5 disgust, 6 anger, 7 contempt (read by affectnet-8
only), 8 none, 9 uncertain, 10 no face (never read).
"""

Release = Literal["lists", "folders"]


class AffectNetOptions(FileOptions):
    """Options of AffectNet.

    Attributes:
        release: the older (`lists`) or the newer (`folders`); `auto` sees what is there.
        annotations: `all`, or the expression alone: three quarters of the newer release's files need not be opened.
    """

    release: Literal["auto", "lists", "folders"] = Field(default="auto", description="which release to read")
    annotations: Literal["all", "expression"] = Field(default="all", description="which annotations to read")


@dataclass(frozen=True)
class Annotation:
    """What is known of an image.

    Attributes:
        code: of the expression.
        columns: valence, arousal, landmarks, box, as far as they were read and are known.
    """

    code: int
    columns: Mapping[str, Value]


class AffectNet(FileSource[AffectNetOptions]):
    """AffectNet (Mollahosseini, Hasani & Mahoor, IEEE TAC 2017); a subclass says how many classes."""

    classes: tuple[str, ...] = CODES

    def kinds(self) -> Mapping[str, Kind]:
        """Return the columns beside image and label; only the older release has boxes."""
        kinds: dict[str, Kind] = {"split": str}
        if self.options.annotations == "all":
            kinds |= {"valence": (), "arousal": (), "landmarks": (5, 2)}
            kinds |= {"box": (4,)} if self.release == "lists" else {}
        return kinds

    def official(self) -> Mapping[str, int]:
        """Return the number of images of each part and class of the release that is there.

        Of the older one only the validation set's are certain; for the others see `_compare_training`.
        """
        if self.release is None:
            return {}
        parts = {"train": TRAIN} if self.release == "folders" else {}
        return {
            f"{part}/{label}": count
            for part, counts in (parts | {"test": TEST[self.release]}).items()
            for label, count in zip(CODES, counts, strict=True)
            if label in self.classes
        }

    @cached_property
    def release(self) -> Release | None:
        """The release that the options or the folder say; None where the folder holds both or neither."""
        if self.options.release != "auto":
            return self.options.release
        held = self._held()
        return held[0] if len(held) == 1 else None

    def _held(self) -> list[Release]:
        tops = {file.partition("/")[0] for file in self.files}
        lists = any(file.partition("/")[0] in tops for file in LISTS)
        return [*(["lists"] if lists else []), *(["folders"] if tops & set(SETS) else [])]  # type: ignore[list-item]

    def identity(self) -> Mapping[str, Any]:
        """Return the content hashes; of the newer release, those of the images and the digest of all annotations."""
        found = super().identity()
        if self.release == "folders":
            ordered = sorted(self.index.samples, key=attrgetter("id"))
            rows = [[one.id, one.label, dict(one.columns)] for one in ordered]
            found = {**found, "annotations": digest(rows)}
        return found

    def hashed_annotations(self) -> frozenset[str]:
        """Return the annotations that are identified by their bytes: none of the newer release's."""
        return frozenset(file for file in super().hashed_annotations() if not file.endswith(".npy"))

    def read(self) -> Index:
        """Read the annotations of the release that is there."""
        index = Index()
        if self.release is None:
            expected = f"{next(iter(LISTS))} (the older release), or train_set and val_set (the newer)"
            found = "both; the option 'release' says which to read" if self._held() else "neither"
            index.findings.append(Finding("structure", expected, found, "."))
        elif self.release == "lists":
            self._read_lists(index)
        else:
            for folder in SETS:
                self._read_folder(index, folder)
        return index

    def _take(self, index: Index, identifier: str, file: str, part: str, annotation: Annotation) -> None:
        if annotation.code < len(self.classes):
            label = self.classes[annotation.code]
            index.samples.append(Sample(identifier, file, label, {"split": part, **annotation.columns}))
            if part == "test" or self.release == "folders":
                index.count(f"{part}/{label}")

    def _read_lists(self, index: Index) -> None:
        folder = next((folder for folder in IMAGES if any(file.startswith(folder) for file in self.files)), IMAGES[0])
        everything = self.options.annotations == "all"
        for file, part in LISTS.items():
            if file not in self.files:
                index.findings.append(Finding("structure", f"the list of the {part} part", "no such file", file))
                continue
            index.annotations.append(file)
            wrong: list[str] = []
            for number, row in self._rows(file):
                if row[0] in LACKING:
                    continue
                try:
                    annotation = parse_row(row, len(self.classes), everything)
                except ValueError as error:
                    wrong.append(f"line {number}: {error}")
                    continue
                self._take(index, row[0], folder + row[0], part, annotation)
            expected = f"{','.join(HEADER)}, with an expression of 0 to {len(CODES) + len(LEFT_OUT) - 1}"
            note(index, "annotation", expected, wrong, file)
        if self.replica is None:
            self._compare_training(index)

    def _compare_training(self, index: Index) -> None:
        """Compare the training part of the lists with the printed numbers.

        These do not say whether they count the images that the release lacks: they may be off by so many.
        """
        found = Counter(sample.label for sample in index.samples if sample.columns["split"] == "train")
        for label, count in zip(self.classes, TRAIN, strict=False):
            if abs(found[label] - count) > len(LACKING):
                expected = f"{count}, give or take {len(LACKING)}"
                index.findings.append(Finding("count", expected, str(found[label]), f"train/{label}"))

    def _rows(self, file: str) -> Iterator[tuple[int, list[str]]]:
        with (self.folder / file).open(newline="", encoding="utf-8-sig", errors="replace") as stream:
            for number, row in enumerate(csv.reader(stream), start=1):
                if row and not (number == 1 and row[0] == HEADER[0]):
                    yield number, row

    def _read_folder(self, index: Index, folder: str) -> None:
        images, annotated = self._inside(folder)
        if not annotated:
            expected = f"annotations such as {folder}/annotations/0_exp.npy"
            index.findings.append(Finding("structure", expected, "none", folder))
            return
        wrong: list[str] = []
        for stem in sorted(annotated):
            try:
                annotation = self._annotation(f"{folder}/annotations/{stem}")
            except ValueError as error:
                wrong.append(f"{folder}/annotations/{stem}: {error}")
                continue
            self._take(index, f"{folder}/{stem}", f"{folder}/images/{stem}.jpg", SETS[folder], annotation)
        kinds = ("exp",) if self.options.annotations == "expression" else ("exp", "val", "aro", "lnd")
        index.annotations += [f"{folder}/annotations/{stem}_{kind}.npy" for stem in annotated for kind in kinds]
        expected = "an expression, valence, arousal and 68 points for every image, as its files of annotations"
        note(index, "annotation", expected, wrong, f"{folder}/annotations")
        extra = sorted(f"{folder}/images/{stem}.jpg" for stem in images - annotated)
        note(index, "unannotated-image", "an expression for every image", extra, f"{folder}/images")

    def _inside(self, folder: str) -> tuple[set[str], set[str]]:
        """Return the names of images, and of files of expressions, without endings."""
        images, annotations = f"{folder}/images/", f"{folder}/annotations/"
        return (
            {file[len(images) : -4] for file in self.files if file.startswith(images) and file.endswith(".jpg")},
            {
                file[len(annotations) : -8]
                for file in self.files
                if file.startswith(annotations) and file.endswith("_exp.npy")
            },
        )

    def _annotation(self, stem: str) -> Annotation:
        """Read the files of annotations of an image.

        Raises:
            ValueError: one is missing, or holds something else.
        """
        code = _code(self._number(stem, "exp"))
        if code >= len(self.classes) or self.options.annotations == "expression":
            return Annotation(code, {})
        columns: dict[str, Value] = {"landmarks": five(self._array(stem, "lnd").ravel().tolist())}
        _rate(columns, self._number(stem, "val"), self._number(stem, "aro"))
        return Annotation(code, columns)

    def _array(self, stem: str, kind: str) -> Any:  # noqa: ANN401  an array of numbers or texts
        file = f"{stem}_{kind}.npy"
        if file not in self.files:
            raise ValueError(f"no {kind}.npy")
        return read_array(f"{self.folder}/{file}")

    def _number(self, stem: str, kind: str) -> float:
        array = self._array(stem, kind)
        if array.size != 1:
            raise ValueError(f"{array.size} values in {kind}.npy")
        return float(array.item())  # the release has some numbers as texts


class AffectNet7(AffectNet):
    """AffectNet without contempt: 283,901 training and 3,500 validation images."""

    name = "affectnet-7"
    classes = CODES[:7]


class AffectNet8(AffectNet):
    """AffectNet with contempt: 287,651 training and 3,999 validation images."""

    name = "affectnet-8"


def parse_row(row: Sequence[str], classes: int, everything: bool = True) -> Annotation:
    """Read a line of the older release's lists.

    Args:
        row: its nine values.
        classes: how many there are; of an expression beyond them nothing but the code is read.
        everything: read more than the expression.

    Raises:
        ValueError: a value is missing, no number, or out of range.
    """
    if len(row) != len(HEADER):
        raise ValueError(f"{len(row)} values, not {len(HEADER)}")
    code = _code(float(row[6]))
    if code >= classes or not everything:
        return Annotation(code, {})
    columns: dict[str, Value] = {}
    if row[1] != "NULL":
        x, y, width, height = (float(value) for value in row[1:5])
        if not (width > 0 and height > 0):
            raise ValueError(f"a face of {width:g} × {height:g} pixels")
        columns["box"] = (x, y, x + width, y + height)
    if row[5] != "NULL":
        columns["landmarks"] = five(row[5].split(";"))
    _rate(columns, float(row[7]), float(row[8]))
    return Annotation(code, columns)


def _code(value: float) -> int:
    if value not in range(len(CODES) + len(LEFT_OUT)):
        raise ValueError(f"the expression {value:g}")
    return int(value)


def _rate(columns: dict[str, Value], valence: float, arousal: float) -> None:
    """Add valence and arousal, where they were rated."""
    for name, value in (("valence", valence), ("arousal", arousal)):
        if value == NO_RATING:
            continue
        if not -1 <= value <= 1:
            raise ValueError(f"the {name} {value:g}")
        columns[name] = value


def _entry(classes: Iterable[str], factory: str, replica: str) -> DatasetEntry:
    names = tuple(classes)
    return DatasetEntry(
        name=f"affectnet-{len(names)}",
        factory=f"ferbench_fer_datasets.affectnet:{factory}",
        options=AffectNetOptions,
        replica=f"ferbench_fer_datasets.affectnet_replica:{replica}",
        summary=f"AffectNet, {len(names)} classes in the wild; its validation set is the test part",
        card=DatasetCard(
            title=f"AffectNet, manually annotated, {len(names)} expressions",
            classes=names,
            attributes=("split", "valence", "arousal", "landmarks", "box"),
            label_columns=("valence", "arousal"),
            counts=(("train", sum(TRAIN[: len(names)])), ("test", sum(TEST["folders"][: len(names)]))),
            layout=LAYOUT,
            licence="non-commercial research, on application; not to be passed on",
            homepage="https://mohammadmahoor.com/pages/databases/affectnet/",
            citation="Mollahosseini, Hasani & Mahoor, AffectNet: a database for facial expression, valence, and "
            "arousal computing in the wild, IEEE Transactions on Affective Computing 10(1), 2017",
            notes="the validation set is the test part, as papers use it, and validation data are carved from the "
            "training part; boxes are in the older release only. Numbers are the newer release's; the older one has "
            "500 validation images of each class, and of its training part the printed numbers do not say whether they "
            "count two images that its lists name and it does not have, which are left out here: "
            + "; ".join(f"{file} ({what})" for file, what in LACKING.items()),
        ),
    )


ENTRIES = [_entry(CODES[:7], "AffectNet7", "write_lists"), _entry(CODES, "AffectNet8", "write_folders")]
