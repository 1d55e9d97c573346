"""The base class of data sets that lie in a user's folder as their makers released them.

A subclass reads annotations into an `Index` and notes whatever is not as it should be. The rest follows from the
index: loading, counting, content hashes, verification, replicas.
"""

from __future__ import annotations

import os
import time
from abc import abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

import numpy as np
from pydantic import Field

from ferbench.data import index_memory
from ferbench.data.findings import Finding, as_error, listed
from ferbench.data.given_division import DIVISION, GivenDivision, read_division
from ferbench.data.image_folder import SUFFIXES
from ferbench.data.index_memory import IndexMemory
from ferbench.data.manifest import content_hashes, readable
from ferbench.data.replica import REPLICA, read_replica
from ferbench.datasource import DataSource, Site
from ferbench.errors import DataError
from ferbench.options import Options
from ferbench.sources import preparing_source

if TYPE_CHECKING:
    import datasets

Value = str | float | Sequence[float] | Sequence[Sequence[float]]
Kind = type[str] | tuple[int, ...]
"""What a column holds: `str`, or numbers of a shape; `()` is one number."""

KINDS: Mapping[str, Kind] = {
    "split": str,
    "subject": str,
    "pose": (),
    "landmarks": (5, 2),
    "box": (4,),
}
"""The columns that ferbench itself understands."""


class FileOptions(Options):
    """Options of every data set in a user's folder."""

    counts: Literal["official", "any"] = Field(
        default="official",
        description="'any' accepts a copy whose numbers differ from the release's; leaderboards then say so",
    )


OptionsT = TypeVar("OptionsT", bound=FileOptions)


@dataclass(frozen=True)
class Sample:
    """One image.

    Attributes:
        id: unique within the data set, the same on every machine.
        file: the image's path below the data set's folder, with '/'.
        label: class name.
        columns: further columns by name; one that is left out is missing.
    """

    id: str
    file: str
    label: str
    columns: Mapping[str, Value] = field(default_factory=dict)


@dataclass
class Index:
    """What a folder holds, as its annotations say.

    Attributes:
        samples: the images that the options ask for.
        counts: what was counted, by the names that the release's own numbers have; see `FileSource.official`.
        annotations: further files that decide the content, below the data set's folder.
        findings: what is not as it should be.
    """

    samples: list[Sample] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    annotations: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def count(self, *names: str) -> None:
        """Count one more of each name."""
        for name in names:
            self.counts[name] = self.counts.get(name, 0) + 1


class FileSource(DataSource[OptionsT], Generic[OptionsT]):
    """A data set in a user's folder.

    A subclass gives `name`, `classes`, `kinds`, `official` and `read`.
    """

    name: str
    """The entry's name, for messages."""

    @property
    @abstractmethod
    def classes(self) -> tuple[str, ...]:
        """Class names in the order of the label integers, under these options."""

    @abstractmethod
    def kinds(self) -> Mapping[str, Kind]:
        """Return what each column besides id, image and label holds."""

    @abstractmethod
    def official(self) -> Mapping[str, int]:
        """Return the release's own numbers, by the names under which `read` counts (`train/anger`, `subjects`).

        They are the release's whatever the options ask for: `read` counts what is there, then chooses.
        """

    @abstractmethod
    def read(self) -> Index:
        """Read the annotations. Decodes no image, and goes on after a finding: all of them are wanted."""

    @property
    def folder(self) -> Path:
        """The data set's own folder.

        Raises:
            DataError: there is none.
        """
        if self.root is None or not self.root.is_dir():
            raise DataError(
                expected=f"the folder of {self.name}",
                found="no such folder",
                where=str(self.root) if self.root is not None else f"the data set {self.name}",
                remedy=f"'ferbench data layout {self.name}' shows what it holds and where to ask for it",
            )
        return self.root

    @cached_property
    def files(self) -> frozenset[str]:
        """The paths of all files below the folder, with '/'; hidden ones left out."""
        with readable(self.folder):
            return frozenset(_walk(self.folder))

    @cached_property
    def index(self) -> Index:
        """What `read` found, checked: each image once, and there; the counts as the release states them."""
        index = self._remembered()
        index.findings += [*self._check_samples(index), *compare_counts(self.expected_counts(), index.counts)]
        self._divide(index)
        return index

    @cached_property
    def replica(self) -> Mapping[str, Any] | None:
        """What `replica.json` says; None for anything else."""
        found = read_replica(self.folder)
        if found is not None and found["replica_of"] != self.name:
            raise DataError(
                expected=f"{self.name}, or a replica of it",
                found=f"a replica of {found['replica_of']}",
                where=str(self.folder / REPLICA),
                remedy="name that data set, or give another folder",
            )
        return found

    def expected_counts(self) -> Mapping[str, int]:
        """Return the numbers of the release, or those a replica was written with."""
        if self.replica is not None:
            counts: Mapping[str, int] = self.replica["counts"]
            return counts
        return self.official()

    def text(self, file: str) -> str | None:
        """Read an annotation file, or note nothing and return None where there is none."""
        if file not in self.files:
            return None
        with readable(self.folder / file):
            return (self.folder / file).read_text(encoding="utf-8-sig", errors="replace")

    def picture(self, sample: Sample) -> dict[str, Any]:
        """Return where an image is, as `datasets.Image` takes it: a path, or bytes."""
        return {"path": str(self.folder / sample.file), "bytes": None}

    def picture_key(self, sample: Sample) -> str:
        """Return what tells pictures apart: the file, which samples of one photograph share; else the sample's id.

        A table of pixels or a model to be rendered is no picture: each sample has one of its own.
        """
        return sample.file if PurePosixPath(sample.file).suffix.lower() in SUFFIXES else sample.id

    def identity(self) -> Mapping[str, Any]:
        """Return the content hashes of all images and annotations."""
        index = self.index
        wanted = {sample.file for sample in index.samples} & self.files | self.hashed_annotations()
        if self.replica is not None:
            wanted.add(REPLICA)
        return {"layout": self.name, "files": content_hashes(self.folder, wanted)}

    def annotation_hashes(self) -> Mapping[str, str]:
        """Return the content hashes of the annotation files."""
        return content_hashes(self.folder, self.hashed_annotations())

    def hashed_annotations(self) -> frozenset[str]:
        """Return the annotation files that are identified by their contents: all of those that are there.

        A source with several files for each image may leave them out, if its `identity` tells the values read instead.
        """
        return self.files.intersection(self.index.annotations)

    def columns(self) -> frozenset[str]:
        """Return the columns."""
        return frozenset({"id", "image", "label", *self._all_kinds()})

    def caveat(self) -> str:
        """Return that this is a replica, or that its counts differ from the release's."""
        if self.replica is not None:
            return "a replica: synthetic images in its layout, not the data set"
        given = self._division(())
        if given is not None and "split" in given.columns:
            return f"divided as its {DIVISION} says, not as released"
        different = [finding for finding in self.index.findings if finding.check == "count"]
        if not different:
            return ""
        return f"not as released: {different[0].where} {different[0].found}, expected {different[0].expected}"

    def load(self, site: Site) -> datasets.Dataset:
        """Return the images by path; they are decoded when the store is made.

        Raises:
            DataError: something is not as the release has it.
        """
        del site
        self.refuse_differences()
        return self.dataset(self.index.samples, [self.picture(sample) for sample in self.index.samples])

    def refuse_differences(self) -> None:
        """Refuse a copy that is not as released; other counts pass where the options accept them.

        Raises:
            DataError: the first difference, and how many there are.
        """
        any_counts = self.options.counts == "any"
        fatal = [finding for finding in self.index.findings if not (finding.check == "count" and any_counts)]
        if fatal:
            raise as_error(fatal, self.name)

    def dataset(self, samples: Sequence[Sample], pictures: Sequence[Mapping[str, Any]]) -> datasets.Dataset:
        """Return samples with their pictures as a data set; what is missing of a column is NaN or an empty text."""
        import datasets as hf

        kinds, numbers = self._all_kinds(), {label: number for number, label in enumerate(self.classes)}
        table: dict[str, list[Any]] = {
            "id": [sample.id for sample in samples],
            "image": list(pictures),
            "label": [numbers[sample.label] for sample in samples],
        }
        for name, kind in kinds.items():
            missing = "" if isinstance(kind, type) else np.full(kind, np.nan).tolist()
            table[name] = [sample.columns.get(name, missing) for sample in samples]
        features = {"id": hf.Value("string"), "image": hf.Image(), "label": hf.ClassLabel(names=list(self.classes))}
        return hf.Dataset.from_dict(
            table, hf.Features(features | {name: _feature(kind) for name, kind in kinds.items()})
        )

    def _remembered(self) -> Index:
        """Read the annotations, or recall them where that took long and none has changed."""
        code = preparing_source(type(self).__module__.split(".")[0])
        memory = IndexMemory(self.folder, self.files, {"name": self.name, "options": self.deciding_options()}, code)
        index = memory.recall()
        if index is None:
            begun, clock = time.monotonic(), time.time()
            index = self.read()
            if time.monotonic() - begun > index_memory.WORTH_SECONDS:
                memory.keep(index, before=clock)
        return index

    def _divide(self, index: Index) -> None:
        """Give the samples the split or fold of `division.csv`, where there is one."""
        given = self._division(tuple(sample.id for sample in index.samples))
        if given is None:
            return
        index.annotations.append(DIVISION)
        index.findings += given.findings
        index.samples = [
            replace(sample, columns={**sample.columns, **given.rows.get(sample.id, {})}) for sample in index.samples
        ]

    def _division(self, ids: tuple[str, ...]) -> GivenDivision | None:
        text = self.text(DIVISION)
        return None if text is None else read_division(text, ids)

    def _all_kinds(self) -> Mapping[str, Kind]:
        """Return the columns of the release and those of `division.csv`."""
        given = self._division(()) if self.root is not None and self.root.is_dir() else None
        return {**self.kinds(), **dict.fromkeys(given.columns if given is not None else (), str)}

    def _check_samples(self, index: Index) -> list[Finding]:
        found: list[Finding] = []
        twice = [name for name, count in Counter(sample.id for sample in index.samples).items() if count > 1]
        if twice:
            found.append(Finding("annotation", "each image once", listed(twice), "the annotations", tuple(twice)))
        absent = sorted({sample.file for sample in index.samples} - self.files)
        if absent:
            found.append(Finding("missing-image", "an image for every annotation", listed(absent), ".", tuple(absent)))
        if not index.samples and not index.findings:
            found.append(Finding("structure", f"the files of {self.name}", "no image", str(self.folder)))
        return found


def compare_counts(expected: Mapping[str, int], found: Mapping[str, int]) -> list[Finding]:
    """Return a finding for each number that differs; a name that nothing was counted under stands for 0."""
    names = [*expected, *(name for name in found if name not in expected)] if expected else []
    return [
        Finding("count", str(expected.get(name, 0)), str(found.get(name, 0)), name)
        for name in names
        if expected.get(name, 0) != found.get(name, 0)
    ]


def _walk(root: Path) -> list[str]:
    found: list[str] = []
    waiting = [""]
    while waiting:
        below = waiting.pop()
        with os.scandir(root / below) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                path = f"{below}{entry.name}"
                if entry.is_dir():
                    waiting.append(f"{path}/")
                elif path != REPLICA:
                    found.append(path)
    return found


def _feature(kind: Kind) -> Any:  # noqa: ANN401  a feature of datasets
    import datasets as hf

    if isinstance(kind, type):
        return hf.Value("string")
    feature: Any = hf.Value("float32")
    for length in reversed(kind):
        feature = hf.Sequence(feature, length=length)
    return feature
