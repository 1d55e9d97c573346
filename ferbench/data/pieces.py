"""A store while it is made: one array on disk that fills up piece by piece, and survives whoever fills it."""

from __future__ import annotations

import json
import os
import shutil
import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from ferbench.data.preprocess import Image
from ferbench.data.store import IMAGES, INFO, TABLE
from ferbench.errors import DataError
from ferbench.places import publish_folder, write_atomically
from ferbench.spec import PreparedSpec

Row = dict[str, Any]

ABANDONED_SECONDS = 14 * 24 * 3600
_WORKING = ".work-"


@dataclass(frozen=True)
class PreparedRows:
    """Some rows as a preprocessor leaves them.

    Attributes:
        images: n images (h, w, c), None where one is dropped for want of a face.
        rows: their n attributes.
        faceless: ids of those without a face, dropped or not.
    """

    images: Sequence[Image | None]
    rows: Sequence[Row]
    faceless: Sequence[str]


@dataclass
class Pieces:
    """A store while it is made, in a working folder beside it.

    Attributes:
        target: where the store is to be.
        count: images in all, N.
        size: images in a piece.
        spec: what the store will hold.
    """

    target: Path
    count: int
    size: int
    spec: PreparedSpec
    _array: npt.NDArray[np.uint8] | None = field(default=None, repr=False)

    @contextmanager
    def working(self) -> Iterator[None]:
        """Work in a new folder, or in the one that a killed maker left.

        Data that cannot be prepared is mended or prepared otherwise, and then has another name: what was made of it
        goes. What the machine stopped (a signal, a full disk, lack of memory) stays.
        """
        self._sweep()
        self.folder.mkdir(parents=True, exist_ok=True)
        os.utime(self.folder)
        try:
            self._array = np.load(self._images, mmap_mode="r+")
        except FileNotFoundError:  # not begun
            self._array = None
        try:
            yield
        except DataError:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise

    @property
    def folder(self) -> Path:
        """The working folder."""
        return self.target.with_name(f"{_WORKING}{self.target.name}")

    def _sweep(self) -> None:
        """Remove working folders that nobody has come back to: their data or code has another name by now."""
        for left in self.target.parent.glob(f"{_WORKING}*"):
            if left != self.folder and time.time() - left.stat().st_mtime > ABANDONED_SECONDS:
                shutil.rmtree(left, ignore_errors=True)

    def rows_of(self, number: int) -> range:
        """Return the rows of a piece."""
        return range(number * self.size, min((number + 1) * self.size, self.count))

    def missing(self) -> list[int]:
        """Return the numbers of the pieces that are not done; pixels that are not as they were written are not done."""
        return [number for number in range(-(-self.count // self.size)) if not self._is_done(number)]

    def add(self, number: int, made: PreparedRows) -> None:
        """Keep a piece: first its pixels, then the file that says that it is done.

        Raises:
            DataError: images of different sizes, or no room for them.
        """
        kept = [image for image in made.images if image is not None]
        for image, row in zip(made.images, made.rows, strict=True):
            if image is not None:
                self._check(image, kept[0].shape if self._array is None else self._array.shape[1:], row)
        if kept and self._array is None:
            self._array = self._allocate(kept[0].shape)
        pixels = 0
        if self._array is not None:
            part = self._array[self.rows_of(number).start : self.rows_of(number).stop]
            for place, image in enumerate(made.images):
                part[place] = 0 if image is None else image
            pixels = zlib.crc32(part.tobytes())
        dropped = [row["id"] for image, row in zip(made.images, made.rows, strict=True) if image is None]
        note = {"pixels": pixels, "rows": list(made.rows), "faceless": list(made.faceless), "dropped": dropped}
        write_atomically(self._note(number), json.dumps(note).encode())
        os.utime(self.folder)  # somebody is at it: nobody sweeps it away

    def publish(self, classes: Sequence[str]) -> None:
        """Put the whole store into place and remove the working folder.

        Raises:
            DataError: no image was kept.
        """
        notes = [json.loads(self._note(number).read_text()) for number in range(-(-self.count // self.size))]
        if self._array is None:
            raise DataError(
                expected="at least one image with a face",
                found=f"none in {self.count} images",
                where=f"the data set {self.spec.dataset}",
                remedy='choose another preprocessor, or no_face = "center-crop"',
            )
        self._array.flush()  # type: ignore[attr-defined]  # a memmap, which numpy's stubs do not tell
        table = pa.Table.from_pylist([row for note in notes for row in note["rows"]])
        # An attribute that no image has kept (a box after a crop that knows of none) is no attribute.
        table = table.select([name for name in table.column_names if table.column(name).null_count < len(table)])
        pq.write_table(table, self.folder / TABLE)
        info = {
            "dataset": self.spec.dataset,
            "classes": list(classes),
            "images": self.count,
            "shape": list(self._array.shape[1:]),
            "columns": sorted(set(table.column_names) - {"id", "label"}),
            "hidden": sorted(self.spec.hidden),
            "no_face": {
                "policy": self.spec.no_face,
                "count": sum(len(note["faceless"]) for note in notes),
                "ids": [name for note in notes for name in note["faceless"]],
                "dropped": [name for note in notes for name in note["dropped"]],
            },
            "spec": self.spec.pixels.as_json,
        }
        (self.folder / INFO).write_text(json.dumps(info, indent=1))
        self._array = None
        publish_folder(self.folder, self.target)
        shutil.rmtree(self.target / self._notes.name)

    @property
    def _images(self) -> Path:
        return self.folder / IMAGES

    @property
    def _notes(self) -> Path:
        return self.folder / "pieces"

    def _note(self, number: int) -> Path:
        return self._notes / f"{number:07d}.json"

    def _is_done(self, number: int) -> bool:
        try:
            note = json.loads(self._note(number).read_text())
        except (OSError, ValueError):  # not begun, or cut short by a power failure: it is made again
            return False
        if self._array is None:  # no image of any piece was kept so far
            return not note["pixels"] and len(note["dropped"]) == len(note["rows"])
        part = self._array[self.rows_of(number).start : self.rows_of(number).stop]
        return len(note["dropped"]) == len(note["rows"]) or zlib.crc32(part.tobytes()) == note["pixels"]

    def _check(self, image: Image, shape: tuple[int, ...], row: Row) -> None:
        if image.shape != shape or image.dtype != np.uint8:
            raise DataError(
                expected=f"uint8 images of {shape} from the preprocessor {self.spec.preprocessor}",
                found=f"{image.dtype} of {image.shape}",
                where=f"image {row['id']} of {self.spec.dataset}",
                remedy="choose a preprocessor that gives all images one size",
            )

    def _allocate(self, shape: tuple[int, ...]) -> npt.NDArray[np.uint8]:
        size, free = self.count * int(np.prod(shape)), shutil.disk_usage(self.folder).free
        if size > free:
            raise DataError(
                expected=f"{size / 1e9:.1f} GB free for the prepared images",
                found=f"{free / 1e9:.1f} GB",
                where=str(self.folder.parent),
                remedy="free some space, or move the cache with FERBENCH_CACHE",
            )
        part = self._images.with_suffix(".part")
        np.lib.format.open_memmap(part, "w+", np.uint8, (self.count, *shape))
        if hasattr(os, "posix_fallocate"):
            # A sparse file on a disk that fills up would end the process by a signal, without a word.
            with part.open("r+b") as stream:
                os.posix_fallocate(stream.fileno(), 0, part.stat().st_size)
        os.replace(part, self._images)  # what bears this name has all its room
        array: npt.NDArray[np.uint8] = np.load(self._images, mmap_mode="r+")
        return array
