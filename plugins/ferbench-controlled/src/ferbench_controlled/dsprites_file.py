"""dSprites' data file: read once, from one end to the other, without ever holding its 3 GB of pixels."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from ferbench.data.manifest import readable

FILE = "dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz"
SIDE = 64
SIZES = (1, 3, 6, 40, 32, 32)
"""Numbers of values of the latents: colour, shape, scale, orientation, x, y."""

COLOUR, SHAPE, SCALE, ORIENTATION, X, Y = range(6)

_AT_ONCE = 2048
_IMAGES = "imgs.npy"


@dataclass(frozen=True)
class Latents:
    """What each image shows.

    Attributes:
        values: (N, 6) float: colour 1, shape 1–3, scale .5–1, orientation in radians, x and y 0–1.
        classes: (N, 6) the numbers of those values, from 0.
    """

    values: npt.NDArray[np.float64]
    classes: npt.NDArray[np.int64]

    def __len__(self) -> int:
        """Return N."""
        return len(self.classes)


def read_latents(path: Path) -> Latents:
    """Read what the images show, and check that there are as many images.

    The file's `metadata` is a pickled object: it is never read.

    Raises:
        DataError: the file cannot be read.
        ValueError: it is no such file, or is damaged.
    """
    with _opened(path) as archive:
        values, classes = (_array(archive, f"latents_{name}.npy") for name in ("values", "classes"))
        with _member(archive, _IMAGES) as stream:
            count = _images_header(stream)
    for name, array in (("latents_values", values), ("latents_classes", classes)):
        if array.shape != (count, len(SIZES)):
            raise ValueError(f"{name} of the shape {array.shape} for {count} images")
    latents = Latents(values.astype(np.float64), classes.astype(np.int64))
    if (latents.classes < 0).any() or (latents.classes >= np.asarray(SIZES)).any():
        raise ValueError(f"latents_classes beyond the sizes {SIZES}")
    return latents


def chosen_masks(path: Path, rows: npt.NDArray[np.int64]) -> Iterator[npt.NDArray[np.uint8]]:
    """Read some images, a few thousand of the file at a time.

    Args:
        path: of the file.
        rows: (M,) which, in ascending order.

    Yields:
        (n, 64, 64) images of 0 and 1, in the order of `rows`.

    Raises:
        DataError: the file cannot be read.
        ValueError: it is damaged, or a pixel is neither 0 nor 1.
    """
    with _opened(path) as archive, _member(archive, _IMAGES) as stream:
        count = _images_header(stream)
        for start in range(0, count, _AT_ONCE):
            length = min(_AT_ONCE, count - start)
            content = stream.read(length * SIDE * SIDE)
            if len(content) != length * SIDE * SIDE:
                raise ValueError(f"{_IMAGES} cut off after image {start + len(content) // SIDE**2}")
            first, last = np.searchsorted(rows, (start, start + length))
            if first == last:
                continue
            masks = np.frombuffer(content, np.uint8).reshape(length, SIDE, SIDE)[rows[first:last] - start]
            if masks.max() > 1:
                raise ValueError(f"a pixel of {masks.max()} in images {start} to {start + length - 1}")
            yield masks


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with readable(path), zipfile.ZipFile(path) as archive:
            yield archive
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from error


def _member(archive: zipfile.ZipFile, name: str) -> IO[bytes]:
    if name not in archive.namelist():
        raise ValueError(f"no {name} in it")
    return archive.open(name)


def _array(archive: zipfile.ZipFile, name: str) -> npt.NDArray[Any]:
    with _member(archive, name) as stream:
        array: npt.NDArray[Any] = np.lib.format.read_array(stream, allow_pickle=False)
        return array


def _images_header(stream: IO[bytes]) -> int:
    """Read up to the first pixel, and return the number of images."""
    version = np.lib.format.read_magic(stream)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, kind = read(stream)
    if fortran or kind != np.uint8 or len(shape) != 3 or shape[1:] != (SIDE, SIDE):
        raise ValueError(f"images of the shape {shape} and type {kind}")
    return int(shape[0])
