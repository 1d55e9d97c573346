"""From a data source to a prepared store: every image is decoded and preprocessed once, then never again.

The rows go through in pieces, in several processes where that pays. What is done stands in a working folder beside
the store: pixels in the one array that will be the store's, attributes in a file a piece. A killed preparation goes
on where it stopped; a finished one is renamed into place.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import filelock
import numpy as np

from ferbench.canonical import digest
from ferbench.data.attributes import SPLITS
from ferbench.data.pieces import Pieces, PreparedRows, Row
from ferbench.data.pool import in_processes
from ferbench.data.preprocess import Image, NoFace, Points, Prepared, Preprocessor
from ferbench.data.store import Store, store_folder
from ferbench.datasource import DataSource, ProgressBar, Site, silent_progress
from ferbench.errors import DataError
from ferbench.options import Options
from ferbench.places import cache_folder, explained, sweep_asides
from ferbench.spec import PreparedSpec

if TYPE_CHECKING:
    import datasets

_REQUIRED = ("id", "image", "label")
_SHAPES: Mapping[str, tuple[int, ...]] = {"landmarks": (5, 2), "box": (4,)}

PIECE = 64
"""Images prepared at a time: what a kill can cost, a worker."""

WORTH_SECONDS = 4.0
"""Work that is longer than this is shared out over processes, which take a second or two to start."""


@dataclass(frozen=True)
class Preparation:
    """All that is needed to make one store.

    Attributes:
        spec: what the store will hold, and its name.
        source: where the images come from.
        make: builds the preprocessor; picklable where several processes are to work.
    """

    spec: PreparedSpec
    source: DataSource[Options]
    make: Callable[[], Preprocessor]


def prepare(job: Preparation, *, workers: int = 1, progress: ProgressBar = silent_progress) -> Store:
    """Return the store of `job`, making it if it is not there; two processes never make it twice.

    Args:
        job: what to prepare.
        workers: processes to use, where the work is long enough for them.
        progress: a progress bar factory.

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


def source_cache(dataset: str, identity: str, options: Mapping[str, Any]) -> Path:
    """Return the folder that a data source keeps what it makes in (`Site.cache`).

    Args:
        dataset: name of its entry.
        identity: digest of its identity.
        options: those that decide its content.
    """
    return cache_folder() / "sources" / f"{dataset}-{digest([identity, options])[:16]}"


def _require_unchanged(job: Preparation) -> None:
    """Refuse a store whose data was changed while it was made: it would bear the name of what is gone."""
    if digest(job.source.identity()) != job.spec.identity and job.source.root is not None:
        raise DataError(
            expected="data that stays as it is while it is prepared",
            found="files that were changed meanwhile",
            where=f"the data set {job.spec.dataset}",
            remedy="run again: what was changed is prepared anew",
        )


def _make(job: Preparation, folder: Path, workers: int, progress: ProgressBar) -> None:
    cache = source_cache(job.spec.dataset, job.spec.identity, job.spec.options)
    with explained(cache):
        cache.mkdir(parents=True, exist_ok=True)
    import datasets as hf

    hf.disable_progress_bars()  # there is one progress display, and plain lines where there is no terminal
    data = job.source.load(Site(cache, workers, progress))
    _check_columns(data, job.spec.dataset)
    data = _shuffled(data)
    pieces = Pieces(folder, len(data), PIECE, job.spec)
    with explained(folder), pieces.working(), progress(f"preparing {job.spec.dataset}", len(data)) as advance:
        missing = pieces.missing()
        advance(len(data) - sum(len(pieces.rows_of(number)) for number in missing))
        for number, made in _work(job, data, pieces, missing, workers):
            pieces.add(number, made)
            advance(len(made.rows))
        _require_unchanged(job)
        pieces.publish(list(data.features["label"].names))


def _work(
    job: Preparation, data: datasets.Dataset, pieces: Pieces, missing: Sequence[int], workers: int
) -> Iterator[tuple[int, PreparedRows]]:
    """Yield prepared pieces: the first ones here, the rest in processes if there is much left."""
    import datasets as hf

    if not missing:
        return
    raw = data.cast_column("image", hf.Image(decode=False))
    tasks = ((number, [raw[row] for row in pieces.rows_of(number)]) for number in missing)
    begun, preprocessor = time.monotonic(), job.make()
    for done, (number, rows) in enumerate(tasks, start=1):
        yield number, prepare_rows(job.spec, preprocessor, rows)
        left = len(missing) - done
        if workers > 1 and left > 1 and (time.monotonic() - begun) / done * left > WORTH_SECONDS:
            shared = in_processes(
                partial(_prepare_here, job.spec), tasks, min(workers, left), partial(_build_here, job.make)
            )
            for task, made in shared:
                yield task[0], made


def prepare_rows(spec: PreparedSpec, preprocessor: Preprocessor, rows: Sequence[Row]) -> PreparedRows:
    """Decode and preprocess some rows.

    Args:
        spec: of the store they are for.
        preprocessor: what is done to each image.
        rows: with `image` as path or bytes, not decoded.

    Raises:
        DataError: an image cannot be read, has no face where that is an error, or gets another size than the others.
    """
    images: list[Image | None] = []
    attributes: list[Row] = []
    faceless: list[str] = []
    for row in rows:
        found = _apply(preprocessor, row, spec.dataset)
        if isinstance(found, NoFace):
            faceless.append(row["id"])
        kept = _without_face(found, row, spec) if isinstance(found, NoFace) else found
        images.append(None if kept is None else kept.image)
        known = {name: _known(getattr(kept, name, None), name in row, shape) for name, shape in _SHAPES.items()}
        attributes.append({name: value for name, value in row.items() if name != "image"} | known)
    return PreparedRows(images, attributes, faceless)


_here: list[Preprocessor] = []
"""The preprocessor of a worker process: built once, whatever it loads."""


def _build_here(make: Callable[[], Preprocessor]) -> None:
    import cv2

    cv2.setNumThreads(1)
    _here[:] = [make()]


def _prepare_here(spec: PreparedSpec, task: tuple[int, list[Row]]) -> PreparedRows:
    return prepare_rows(spec, _here[0], task[1])


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
    strange = (
        sorted({str(part) for part in data["split"]} - set(SPLITS.values())) if "split" in data.column_names else []
    )
    if strange:
        raise DataError(
            expected="a split of train, validation or test for every image",
            found=", ".join(strange[:6]),
            where=f"the column 'split' of the data set {name}",
            remedy="correct the plugin that loads it, or the column that is mapped to 'split'",
        )
    ids = data["id"]
    if len(set(ids)) != len(data):
        raise DataError(
            expected="a different id for every image",
            found=f"{len(data) - len(set(ids))} repeated ids",
            where=f"the data set {name}",
            remedy="correct the plugin that loads it",
        )


def decoded(row: Row, dataset: str) -> Image:
    """Return the image of a row as (H, W, 3) uint8 RGB.

    Raises:
        DataError: it cannot be read; the message names it.
    """
    import datasets as hf
    from PIL import Image as Pillow

    try:
        picture = hf.Image(mode="RGB").decode_example(row["image"])
        picture.load()
        return np.asarray(picture, dtype=np.uint8)
    except (OSError, ValueError, SyntaxError, Pillow.DecompressionBombError) as error:  # Pillow's, on damaged files
        raise DataError(
            expected="a readable image",
            found=f"{type(error).__name__}: {error}",
            where=f"{row['image'].get('path') or row['id']} of the data set {dataset}",
            remedy="restore that file from the original release, or take it out of the data set",
        ) from error


def _apply(preprocessor: Preprocessor, row: Row, dataset: str) -> Prepared | NoFace:
    landmarks = None if row.get("landmarks") is None else np.asarray(row["landmarks"], dtype=np.float32)
    box = None if row.get("box") is None else np.asarray(row["box"], dtype=np.float32)
    return preprocessor(decoded(row, dataset), landmarks, box)


def _known(points: Points | None, of_the_data: bool, shape: tuple[int, ...]) -> list[Any] | None:
    """Return points as JSON types; NaN where a column of the data set itself has lost them, so that it stays one."""
    if points is None and not of_the_data:
        return None
    listed: list[Any] = np.asarray(np.full(shape, np.nan) if points is None else points, np.float32).tolist()
    return listed


def _without_face(result: NoFace, row: Row, spec: PreparedSpec) -> Prepared | None:
    if spec.no_face == "drop":
        return None
    if spec.no_face == "center-crop" and result.fallback is not None:
        return result.fallback
    raise DataError(
        expected="a face",
        found=result.reason,
        where=f"image {row['id']} of {spec.dataset}, by {spec.preprocessor}",
        remedy='say what to do with such images: no_face = "drop" or "center-crop" in the benchmark\'s preprocessor',
    )
