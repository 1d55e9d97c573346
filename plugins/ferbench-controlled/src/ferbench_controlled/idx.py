"""The idx files that MNIST is released in, plain or compressed."""

from __future__ import annotations

import gzip
import zlib
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

_BYTES = b"\0\0\x08"


def read_content(path: Path) -> bytes:
    """Return what a file holds, uncompressed where its name ends in `.gz`.

    Raises:
        OSError: it cannot be read.
        ValueError: it is cut off, or not compressed.
    """
    content = path.read_bytes()
    if path.suffix != ".gz":
        return content
    try:
        return gzip.decompress(content)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(f"no gzip file: {error}") from error


def parse_idx(content: bytes, dimensions: int) -> npt.NDArray[np.uint8]:
    """Return the array of an idx file of bytes.

    It begins with two zeros, the type 8, the number of dimensions, and each dimension as a big-endian 32-bit number.

    Args:
        content: of the file, uncompressed.
        dimensions: how many there have to be.

    Raises:
        ValueError: it is no such file, or is cut off.
    """
    start = 4 + 4 * dimensions
    if not content.startswith(_BYTES + bytes([dimensions])) or len(content) < start:
        raise ValueError(f"it begins with {content[:4]!r}")
    shape = tuple(int(size) for size in np.frombuffer(content, ">u4", dimensions, 4))
    if len(content) - start != prod(shape):
        raise ValueError(f"{len(content) - start} bytes for {' × '.join(map(str, shape))}")
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


def idx_bytes(array: npt.NDArray[np.uint8]) -> bytes:
    """Return an array as an idx file."""
    sizes: npt.NDArray[Any] = np.asarray(array.shape, dtype=">u4")
    return _BYTES + bytes([array.ndim]) + sizes.tobytes() + array.tobytes()
