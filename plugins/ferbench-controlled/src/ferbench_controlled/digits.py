"""MNIST's digits as data sets: upright, rotated, rotated and scaled; or with what was drawn as the class."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Generic

import numpy as np
import numpy.typing as npt

from ferbench import Site
from ferbench.data.files import FileOptions, FileSource, Index, Kind, OptionsT, Sample
from ferbench.data.findings import Finding
from ferbench.data.replica import REPLICA, read_replica
from ferbench.errors import DataError
from ferbench_controlled.draws import Values
from ferbench_controlled.factors import ROTATION, SCALE, Factor
from ferbench_controlled.intervals import bin_of
from ferbench_controlled.mnist_files import (
    COUNTS,
    DIGITS,
    FILES,
    IMAGES,
    Originals,
    file_content,
    present_file,
    read_originals,
)
from ferbench_controlled.options import DigitOptions
from ferbench_controlled.tables import BATCH, picture_bytes, written
from ferbench_controlled.warp import Interpolation, warped

if TYPE_CHECKING:
    import datasets

NAMES = ("mnist", "mnist-r", "mnist-rs", "mnist-r-rotation", "mnist-rs-rotation", "mnist-rs-scale")
"""All are read from the same files."""

Numbers = npt.NDArray[np.int64]


class Digits(FileSource[OptionsT], Generic[OptionsT]):
    """MNIST's digits (LeCun et al., Proc. IEEE 1998), each with the factors that a subclass names drawn for it."""

    factors: ClassVar[tuple[Factor, ...]] = ()
    target: ClassVar[Factor | None] = None
    """The factor whose bins are the classes; None: the classes are the digits."""

    seed, draws = 0, 1
    interpolation: Interpolation = "bilinear"

    @property
    def classes(self) -> tuple[str, ...]:
        """The digits, or the bins of the target in ascending order."""
        return DIGITS if self.target is None else self.target.classes

    def kinds(self) -> Mapping[str, Kind]:
        """Return split, subject (the original, whose draws belong together) and what was drawn."""
        kinds: dict[str, Kind] = {"split": str, "subject": str}
        if self.target is not None:
            kinds["digit"] = str
        return kinds | {self._column(factor): () for factor in self.factors}

    def _column(self, factor: Factor) -> str:
        return "target" if factor is self.target else factor.name

    def official(self) -> Mapping[str, int]:
        """Return the release's number of images of each part and digit, whatever the classes are."""
        return {
            f"{part}/{digit}": count
            for part, counts in COUNTS.items()
            for digit, count in zip(DIGITS, counts, strict=True)
        }

    @cached_property
    def replica(self) -> Mapping[str, Any] | None:
        """What `replica.json` says; a replica of any of the data sets that are read from these files will do."""
        found = read_replica(self.folder)
        if found is not None and found["replica_of"] not in NAMES:
            raise DataError(
                expected=f"{self.name}, or a replica of {', '.join(NAMES)}",
                found=f"a replica of {found['replica_of']}",
                where=str(self.folder / REPLICA),
                remedy="name that data set, or give another folder",
            )
        return found

    def identity(self) -> Mapping[str, Any]:
        """Return the hashes of the files' contents: the same for a plain and for a compressed copy.

        What cannot be uncompressed is known by its bytes as they are; `read` says what is wrong with it.
        """
        identity = super().identity()
        hashes: dict[str, str] = {}
        for name, found in identity["files"].items():
            plain = name.removesuffix(".gz")
            hashes[plain] = found
            if plain != name:
                with suppress(ValueError):
                    hashes[plain] = hashlib.sha256(file_content(self.folder / name)).hexdigest()
        return {**identity, "files": hashes}

    @cached_property
    def _opened(self) -> tuple[Originals | None, tuple[Finding, ...]]:
        return read_originals(self.folder, self.files, genuine=self.replica is None)

    @property
    def originals(self) -> Originals:
        """The digits as released; not to be asked for where a file is missing or wrong."""
        found, _ = self._opened
        assert found is not None  # `refuse_differences` comes first
        return found

    def read(self) -> Index:
        """Read the four files, and draw the first time for each image."""
        index = Index(annotations=[path for file in FILES if (path := present_file(self.files, file)) is not None])
        originals, findings = self._opened
        index.findings += findings
        if originals is None:
            return index
        files = {part: present_file(self.files, file) or file for part, file in IMAGES.items()}
        everything, kinds, classes = np.arange(len(originals)), self.kinds(), self.classes
        columns = self.rows(everything, self.values(everything, 0), 0)
        for row, part in enumerate(originals.parts):
            known = {name: columns[name][row] for name in kinds}
            index.samples.append(Sample(columns["id"][row], files[part], classes[columns["label"][row]], known))
            index.count(f"{part}/{DIGITS[originals.digits[row]]}")
        return index

    def values(self, numbers: Numbers, draw: int) -> Mapping[Factor, Values]:
        """Return what is drawn for some originals.

        Args:
            numbers: (N,) of the originals.
            draw: number of the draw, from 0.

        Returns:
            (N,) values of each factor.
        """
        names = [self.originals.names[number] for number in numbers]
        return {factor: factor.draw(names, self.seed, draw) for factor in self.factors}

    def rows(self, numbers: Numbers, values: Mapping[Factor, Values], draw: int) -> dict[str, list[Any]]:
        """Return the columns of some originals but for the image.

        Args:
            numbers: (N,) of the originals.
            values: what was drawn for them.
            draw: number of the draw.

        Returns:
            N values each: id, label (a number) and those of `kinds`.
        """
        names = [self.originals.names[number] for number in numbers]
        digits = self.originals.digits[numbers].astype(np.int64)
        labels = digits if self.target is None else bin_of(values[self.target], self.target.intervals)
        return {
            "id": [f"{name}-{draw}" for name in names],
            "label": labels.tolist(),
            "split": [self.originals.parts[number] for number in numbers],
            "subject": names,
            "digit": [DIGITS[digit] for digit in digits],
            **{self._column(factor): drawn.tolist() for factor, drawn in values.items()},
        }

    def images(self, numbers: Numbers, values: Mapping[Factor, Values]) -> npt.NDArray[np.uint8]:
        """Return the (N, 28, 28) images of some originals, warped as `values` says."""
        images = self.originals.images[numbers]
        return warped(images, values[ROTATION], values.get(SCALE, 1.0), self.interpolation) if values else images

    def picture(self, sample: Sample) -> dict[str, Any]:
        """Return the image of the first draw."""
        return {"path": None, "bytes": picture_bytes(self._first_images[self._places[sample.id]])}

    @cached_property
    def _first_images(self) -> npt.NDArray[np.uint8]:
        numbers = np.arange(len(self.originals))
        return self.images(numbers, self.values(numbers, 0))

    @cached_property
    def _places(self) -> Mapping[str, int]:
        return {sample.id: place for place, sample in enumerate(self.index.samples)}

    def load(self, site: Site) -> datasets.Dataset:
        """Draw and warp all images.

        Raises:
            DataError: a file is missing or is not as released, or the cache cannot be written.
        """
        self.refuse_differences()
        return written(site.cache, self.classes, self._all_kinds(), self._batches(site))

    def _batches(self, site: Site) -> Iterator[Mapping[str, Any]]:
        samples = self.index.samples
        training = np.asarray([sample.columns["split"] == "train" for sample in samples])
        everything, again = np.arange(len(samples)), np.flatnonzero(training)
        total = len(samples) + (self.draws - 1) * len(again)
        # A division of the user's own replaces the split and may add folds: what the index says holds for every draw.
        given = [name for name in self._all_kinds() if name not in self.kinds() or name == "split"]
        with site.progress(f"drawing {self.name}", total) as advance:
            for draw in range(self.draws):
                numbers = again if draw else everything
                for start in range(0, len(numbers), BATCH):
                    part = numbers[start : start + BATCH]
                    values = self.values(part, draw)
                    columns = self.rows(part, values, draw)
                    divided = {name: [samples[number].columns.get(name, "") for number in part] for name in given}
                    images = [picture_bytes(image) for image in self.images(part, values)]
                    yield {**columns, **divided, "image": images}
                    advance(len(part))


class Upright(Digits[FileOptions]):
    """The digits as they are."""

    name = "mnist"


class Warped(Digits[DigitOptions]):
    """The digits warped; each training image as often as the options say."""

    @property
    def seed(self) -> int:  # type: ignore[override]  # of the options
        """Of all draws."""
        return self.options.seed

    @property
    def draws(self) -> int:  # type: ignore[override]  # of the options
        """How often each training image appears."""
        return self.options.draws

    @property
    def interpolation(self) -> Interpolation:  # type: ignore[override]  # of the options
        """Of the warp."""
        return self.options.interpolation


class Rotated(Warped):
    """MNIST-R: rotated by θ ~ U[−90°, 90°)."""

    name = "mnist-r"
    factors = (ROTATION,)


class RotatedScaled(Warped):
    """MNIST-RS: rotated likewise and scaled by s ~ U[.5, 1), in one warp."""

    name = "mnist-rs"
    factors = (ROTATION, SCALE)


class Rotation(Rotated):
    """MNIST-R with the rotation as the class."""

    name = "mnist-r-rotation"
    target = ROTATION


class RotationOfScaled(RotatedScaled):
    """MNIST-RS with the rotation as the class."""

    name = "mnist-rs-rotation"
    target = ROTATION


class Scale(RotatedScaled):
    """MNIST-RS with the scale as the class."""

    name = "mnist-rs-scale"
    target = SCALE
