"""From a data source to a prepared store: every image is decoded and preprocessed once, then never again."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import filelock
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from ferbench.data.preprocess import NoFace, Prepared, Preprocessor
from ferbench.data.store import IMAGES, INFO, TABLE, Store, store_folder
from ferbench.datasource import DataSource, ProgressBar, Site, silent_progress
from ferbench.errors import DataError
from ferbench.options import Options
from ferbench.places import cache_folder, explained, new_folder, sweep_asides
from ferbench.spec import PreparedSpec

if TYPE_CHECKING:
    import datasets

_REQUIRED = ("id", "image", "label")
_SHAPES: Mapping[str, tuple[int, ...]] = {"landmarks": (5, 2), "box": (4,)}


@dataclass(frozen=True)
class Preparation:
    """All that is needed to make one store.

    Attributes:
        spec: what the store will hold, and its name.
        source: where the images come from.
        preprocessor: what is done to each.
    """

    spec: PreparedSpec
    source: DataSource[Options]
    preprocessor: Preprocessor


def prepare(job: Preparation, *, workers: int = 1, progress: ProgressBar = silent_progress) -> Store:
    """Return the store of `job`, making it if it is not there; two processes never make it twice.

    Raises:
        DataError: an image cannot be read, or the data set breaks its contract.
    """
    folder = store_folder(job.spec)
    with explained(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
    if not folder.exists():
        with filelock.FileLock(f"{folder}.lock"):
            if not folder.exists():
                sweep_asides(folder)
                _make(job, folder, workers, progress)
    return Store.open(job.spec)


def _make(job: Preparation, folder: Path, workers: int, progress: ProgressBar) -> None:
    cache = cache_folder() / "sources" / f"{job.spec.dataset}-{job.spec.identity[:16]}"
    with explained(cache):
        cache.mkdir(parents=True, exist_ok=True)
    import datasets as hf

    hf.disable_progress_bars()  # there is one progress display, and plain lines where there is no terminal
    data = job.source.load(Site(cache, workers, progress))
    _check_columns(data, job.spec.dataset)
    data = _shuffled(data)
    free = shutil.disk_usage(folder.parent).free
    with new_folder(folder) as aside, progress(f"preparing {job.spec.dataset}", len(data)) as advance:
        writer = _Writer(aside, len(data), free)
        for row in _rows(data, job.spec.dataset):
            writer.add(row, job)
            advance()
        writer.close(data, job)


def _shuffled(data: datasets.Dataset) -> datasets.Dataset:
    """Order the rows by a hash of their ids: the order of a release often tells the class, and batches show it."""
    digests = [hashlib.sha256(str(name).encode()).digest() for name in data["id"]]
    return data.select(sorted(range(len(digests)), key=digests.__getitem__))


def _check_columns(data: datasets.Dataset, name: str) -> None:
    missing = [column for column in _REQUIRED if column not in data.column_names]
    if missing or len(data) == 0:
        raise DataError(
            expected=f"a data set with images and the columns {', '.join(_REQUIRED)}",
            found=f"{len(data)} images; columns missing: {', '.join(missing) or 'none'}",
            where=f"the data set {name}",
            remedy="check the folder given with --data-root, or the plugin that loads it",
        )
    if not hasattr(data.features["label"], "names"):
        raise DataError(
            expected="class names for the column 'label' (datasets.ClassLabel)",
            found=str(data.features["label"]),
            where=f"the data set {name}",
            remedy="correct the plugin that loads it",
        )
    ids = data["id"]
    if len(set(ids)) != len(data):
        raise DataError(
            expected="a different id for every image",
            found=f"{len(data) - len(set(ids))} repeated ids",
            where=f"the data set {name}",
            remedy="correct the plugin that loads it",
        )


def _rows(data: datasets.Dataset, name: str) -> Iterator[dict[str, Any]]:
    """Yield the rows with decoded images; an unreadable image is an error that names it."""
    import datasets as hf

    raw = data.cast_column("image", hf.Image(decode=False))
    decoder = hf.Image(mode="RGB")
    for row in raw:
        try:
            decoded = decoder.decode_example(row["image"])
            decoded.load()
            row["image"] = np.asarray(decoded, dtype=np.uint8)
        except (OSError, ValueError, SyntaxError) as error:  # what Pillow raises on damaged files
            raise DataError(
                expected="a readable image",
                found=f"{type(error).__name__}: {error}",
                where=f"{row['image'].get('path') or row['id']} of the data set {name}",
                remedy="restore that file from the original release, or take it out of the data set",
            ) from error
        yield row


@dataclass
class _Writer:
    """Collects prepared images into one array on disk and their attributes into one table."""

    folder: Path
    capacity: int
    free: int
    images: npt.NDArray[np.uint8] | None = None
    rows: list[dict[str, Any]] = field(default_factory=list)
    faceless: list[str] = field(default_factory=list)

    def add(self, row: dict[str, Any], job: Preparation) -> None:
        result = _apply(job.preprocessor, row)
        if isinstance(result, NoFace):
            self.faceless.append(row["id"])
            replaced = _without_face(result, row, job)
            if replaced is None:
                return
            result = replaced
        if self.images is None:
            self.images = self._allocate(result.image.shape)
        if result.image.shape != self.images.shape[1:] or result.image.dtype != np.uint8:
            raise DataError(
                expected=f"uint8 images of {self.images.shape[1:]} from the preprocessor {job.spec.preprocessor}",
                found=f"{result.image.dtype} of {result.image.shape}",
                where=f"image {row['id']} of {job.spec.dataset}",
                remedy="choose a preprocessor that gives all images one size",
            )
        self.images[len(self.rows)] = result.image
        for name, value in (("landmarks", result.landmarks), ("box", result.box)):
            if name in row:  # NaN where the preprocessor knows of none: every row keeps the column's shape
                row[name] = (
                    np.full(_SHAPES[name], np.nan) if value is None else np.asarray(value, np.float32)
                ).tolist()
        self.rows.append({name: value for name, value in row.items() if name != "image"})

    def _allocate(self, shape: tuple[int, ...]) -> npt.NDArray[np.uint8]:
        size = self.capacity * int(np.prod(shape))
        if size > self.free:
            raise DataError(
                expected=f"{size / 1e9:.1f} GB free for the prepared images",
                found=f"{self.free / 1e9:.1f} GB",
                where=str(self.folder.parent),
                remedy="free some space, or move the cache with FERBENCH_CACHE",
            )
        path = self.folder / IMAGES
        array: npt.NDArray[np.uint8] = np.lib.format.open_memmap(path, "w+", np.uint8, (self.capacity, *shape))
        if hasattr(os, "posix_fallocate"):
            # A sparse file on a disk that fills up would end the process by a signal, without a word.
            with path.open("r+b") as stream:
                os.posix_fallocate(stream.fileno(), 0, path.stat().st_size)
        return array

    def close(self, data: datasets.Dataset, job: Preparation) -> None:
        if self.images is None:
            raise DataError(
                expected="at least one image with a face",
                found=f"none in {self.capacity} images",
                where=f"the data set {job.spec.dataset}",
                remedy='choose another preprocessor, or no_face = "center-crop"',
            )
        self._trim()
        table = pa.Table.from_pylist(self.rows)
        # An attribute that no image has kept (a box after a crop that knows of none) is no attribute.
        table = table.select([name for name in table.column_names if table.column(name).null_count < len(table)])
        pq.write_table(table, self.folder / TABLE)
        info = {
            "dataset": job.spec.dataset,
            "classes": list(data.features["label"].names),
            "images": len(self.rows),
            "shape": list(self.images.shape[1:]),
            "columns": sorted(set(table.column_names) - {"id", "label"}),
            "hidden": sorted(job.spec.hidden),
            "no_face": {"policy": job.spec.no_face, "count": len(self.faceless), "ids": self.faceless},
            "spec": job.spec.as_json,
        }
        (self.folder / INFO).write_text(json.dumps(info, indent=1))

    def _trim(self) -> None:
        """Rewrite the array when dropped images left room at its end."""
        assert self.images is not None
        count = len(self.rows)
        if count < self.capacity:
            kept = np.array(self.images[:count])
            self.images = None
            np.save(self.folder / IMAGES, kept)
            self.images = np.load(self.folder / IMAGES, mmap_mode="r")
        else:
            self.images.flush()  # type: ignore[attr-defined]  # a memmap, which numpy's stubs do not tell


def _apply(preprocessor: Preprocessor, row: Mapping[str, Any]) -> Prepared | NoFace:
    landmarks = None if row.get("landmarks") is None else np.asarray(row["landmarks"], dtype=np.float32)
    box = None if row.get("box") is None else np.asarray(row["box"], dtype=np.float32)
    return preprocessor(row["image"], landmarks, box)


def _without_face(result: NoFace, row: Mapping[str, Any], job: Preparation) -> Prepared | None:
    if job.spec.no_face == "drop":
        return None
    if job.spec.no_face == "center-crop" and result.fallback is not None:
        return result.fallback
    raise DataError(
        expected="a face",
        found=result.reason,
        where=f"image {row['id']} of {job.spec.dataset}, by {job.spec.preprocessor}",
        remedy='say what to do with such images: no_face = "drop" or "center-crop" in the benchmark\'s preprocessor',
    )
