"""Rows with tiny grey images, written in batches to a file that is then mapped: a million of them fill no memory."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ferbench.data.files import Kind
from ferbench.errors import DataError

if TYPE_CHECKING:
    import datasets

BATCH = 4096
"""Rows that are made at a time."""


def picture_bytes(image: npt.NDArray[np.uint8]) -> bytes:
    """Return a grey image (H, W) as a PGM file: with so few pixels, compressing costs more than it saves."""
    height, width = image.shape
    return f"P5 {width} {height} 255\n".encode() + image.tobytes()


def written(
    folder: Path, classes: Sequence[str], kinds: Mapping[str, Kind], batches: Iterable[Mapping[str, Any]]
) -> datasets.Dataset:
    """Write rows to a file, in place of what was there, and map it into memory.

    Args:
        folder: of the source's own.
        classes: names of the labels.
        kinds: of the columns besides `id`, `image` and `label`: texts, or single numbers.
        batches: columns of some rows each: `id`, `image` as bytes, `label` as numbers, and those of `kinds`.

    Raises:
        DataError: the file cannot be written.
    """
    import datasets as hf
    import pyarrow as pa

    features = {"id": hf.Value("string"), "image": hf.Image(), "label": hf.ClassLabel(names=list(classes))}
    features |= {name: hf.Value("string" if kind is str else "float32") for name, kind in kinds.items()}
    schema = hf.Features(features).arrow_schema
    # Nothing that is there already is trusted: the code that made it may have been another.
    path, aside = folder / "rows.arrow", folder / f".rows.{os.getpid()}.tmp"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with aside.open("wb") as stream, pa.ipc.new_stream(stream, schema) as writer:
            for batch in batches:
                images = [{"bytes": image, "path": None} for image in batch["image"]]
                columns = {**batch, "image": images}
                writer.write_batch(
                    pa.record_batch([pa.array(columns[field.name], field.type) for field in schema], schema=schema)
                )
        aside.replace(path)
    except OSError as error:
        raise DataError(
            expected="a cache folder that can be written",
            found=error.strerror or str(error),
            where=str(folder),
            remedy="free some space, correct the permissions, or choose another cache folder",
        ) from error
    finally:
        aside.unlink(missing_ok=True)
    return hf.Dataset.from_file(str(path))
