"""The prepared store: one memory-mapped uint8 array and one table, shared by all cells, folds and processes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from ferbench.errors import DataError
from ferbench.places import cache_folder
from ferbench.protocols import Samples
from ferbench.spec import PreparedSpec

IMAGES, TABLE, INFO = "images.npy", "table.parquet", "store.json"


def store_folder(spec: PreparedSpec) -> Path:
    """Return where the store of `spec` is, or will be."""
    return cache_folder() / "prepared" / spec.fingerprint


@dataclass(frozen=True)
class Store:
    """A prepared data set.

    Attributes:
        folder: where it is.
        info: what made it, its classes, and which images had no face.
        table: one row an image: id, label and every attribute.
    """

    folder: Path
    info: Mapping[str, Any]
    table: pa.Table

    @classmethod
    def open(cls, spec: PreparedSpec) -> Store:
        """Open the store of `spec`.

        Raises:
            DataError: it was not prepared, or is damaged.
        """
        folder = store_folder(spec)
        try:
            info = json.loads((folder / INFO).read_text())
            return cls(folder, info, pq.read_table(folder / TABLE))
        except (OSError, ValueError, pa.ArrowException) as error:
            raise DataError(
                expected=f"the prepared data of {spec.dataset}",
                found=str(error),
                where=str(folder),
                remedy=f"remove that folder and run 'ferbench data prepare {spec.dataset}'",
            ) from error

    @cached_property
    def images(self) -> npt.NDArray[np.uint8]:
        """(N, h, w, c) uint8, mapped from disk, read-only."""
        array: npt.NDArray[np.uint8] = np.load(self.folder / IMAGES, mmap_mode="r")
        return array

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names in the order of the label integers."""
        return tuple(self.info["classes"])

    def strings(self, name: str) -> npt.NDArray[np.str_]:
        """Return a column as an array of strings."""
        return np.asarray(self.table.column(name).to_pylist(), dtype=np.str_)

    def column(self, name: str) -> npt.NDArray[Any]:
        """Return a column: (N,) or (N, …) numbers, or (N,) strings."""
        values = self.table.column(name)
        if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
            return self.strings(name)
        if pa.types.is_nested(values.type):
            return _stacked(values.to_pylist())
        return np.asarray(values.to_numpy())

    def _as_classes(self, name: str, edges: Sequence[float] | None) -> tuple[npt.NDArray[np.int64], tuple[str, ...]]:
        values = self.column(name)
        if edges is not None:
            bounds = ["", *(f"{edge:g}" for edge in edges), ""]
            names = tuple(f"{name} {low}..{high}" for low, high in pairwise(bounds))
            return np.digitize(values.astype(np.float64), np.asarray(edges)).astype(np.int64), names
        if values.ndim != 1 or (values.dtype.kind == "f" and (values != np.round(values)).any()):
            raise DataError(
                expected="a target of names or whole numbers",
                found=f"the continuous column {name!r}",
                where=f"the data set {self.info['dataset']}",
                remedy="cut it into classes with target_edges",
            )
        found, labels = np.unique(values, return_inverse=True)
        return labels.astype(np.int64), tuple(str(value) for value in found)

    def samples(self, target: str = "label", edges: Sequence[float] | None = None) -> Samples:
        """Return what a protocol sees, with `target` in the place of the label.

        Args:
            target: a column.
            edges: for a continuous target: class i holds the values from edge i − 1 (included) to edge i.

        Raises:
            DataError: the data set has no such column, or it cannot serve as a class.
        """
        names = set(self.table.column_names)
        if target not in names:
            raise DataError(
                expected=f"a target among {', '.join(sorted(names))}",
                found=repr(target),
                where=f"the data set {self.info['dataset']}",
                remedy="correct the target",
            )
        labels, classes = self.column("label").astype(np.int64), self.classes
        if target != "label":
            labels, classes = self._as_classes(target, edges)
        return Samples(
            ids=self.strings("id"),
            labels=labels.astype(np.int64),
            classes=classes,
            subjects=self.strings("subject") if "subject" in names else None,
            split=self.strings("split") if "split" in names else None,
        )


def _stacked(values: list[Any]) -> npt.NDArray[np.float32]:
    """Return lists of one shape as an array; what is missing (a face without landmarks) becomes NaN."""
    shape = next((np.shape(value) for value in values if value is not None), ())
    filled = [np.full(shape, np.nan) if value is None else value for value in values]
    return np.asarray(filled, dtype=np.float32)
