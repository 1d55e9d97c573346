"""The prepared store: one memory-mapped uint8 array and one table, shared by all cells, folds and processes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from ferbench.errors import DataError
from ferbench.labels import MIXTURE, check_relabel
from ferbench.places import cache_folder
from ferbench.protocols import Samples
from ferbench.spec import DerivedSpec, PreparedSpec

IMAGES, TABLE, INFO = "images.npy", "table.parquet", "store.json"


def store_folder(spec: PreparedSpec) -> Path:
    """Return where the store of `spec` is, or will be."""
    return cache_folder() / "prepared" / spec.pixels.fingerprint


def derived_file(spec: PreparedSpec, part: DerivedSpec) -> Path:
    """Return where the columns of a derived attribute are, or will be."""
    return cache_folder() / "derived" / f"{spec.derived_key(part)}.parquet"


def is_prepared(spec: PreparedSpec) -> bool:
    """Return whether the store and all derived attributes of `spec` are there."""
    there = (store_folder(spec) / INFO).is_file()
    return there and all(derived_file(spec, part).is_file() for part in spec.derived)


@dataclass(frozen=True)
class Store:
    """A prepared data set.

    Attributes:
        folder: where it is.
        info: what made it, its classes as released, and which images had no face.
        table: one row an image: id, label as released, and every attribute.
        relabel: other names of classes; an empty one leaves the class out.
    """

    folder: Path
    info: Mapping[str, Any]
    table: pa.Table
    relabel: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def open(cls, spec: PreparedSpec) -> Store:
        """Open the store of `spec`.

        Raises:
            DataError: it was not prepared, or is damaged.
        """
        folder = store_folder(spec)
        try:
            info = json.loads((folder / INFO).read_text())
            table = pq.read_table(folder / TABLE)
        except (OSError, ValueError, pa.ArrowException) as error:
            raise DataError(
                expected=f"the prepared data of {spec.dataset}",
                found=str(error),
                where=str(folder),
                remedy=f"remove that folder and run 'ferbench data prepare {spec.dataset}'",
            ) from error
        table = _with_derived(table, spec)
        info["columns"] = sorted(set(table.column_names) - {"id", "label"})
        check_relabel(spec.dataset, spec.relabel, info["classes"])
        return cls(folder, info, table, spec.relabel)

    @cached_property
    def images(self) -> npt.NDArray[np.uint8]:
        """(N, h, w, c) uint8, mapped from disk, read-only."""
        array: npt.NDArray[np.uint8] = np.load(self.folder / IMAGES, mmap_mode="r")
        return array

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """Class names in the order of the label integers: as released, renamed where the benchmark says so."""
        renamed = (self.relabel.get(name, name) for name in self.info["classes"])
        return tuple(dict.fromkeys(name for name in renamed if name))

    @cached_property
    def labels(self) -> npt.NDArray[np.int64]:
        """(N,) indices into `classes`; −1 where the class is left out."""
        renamed = [self.relabel.get(name, name) for name in self.info["classes"]]
        numbers = np.asarray([self.classes.index(name) if name else -1 for name in renamed], dtype=np.int64)
        return numbers[self.column("label").astype(np.int64)]

    def mixtures(self) -> npt.NDArray[np.float32]:
        """Return the label distributions, (N, K) shares of `classes`: those of merged classes together."""
        released = self.column(MIXTURE)
        shares = np.zeros((len(released), len(self.classes)), dtype=np.float32)
        for place, name in enumerate(self.info["classes"]):
            new = self.relabel.get(name, name)
            if new:
                shares[:, self.classes.index(new)] += released[:, place]
        return shares

    @cached_property
    def dropped(self) -> npt.NDArray[np.bool_]:
        """(N,) whether an image was dropped for want of a face: its pixels are zero, nothing is trained on it."""
        return np.isin(self.strings("id"), self.info["no_face"]["dropped"])

    @cached_property
    def faceless(self) -> npt.NDArray[np.bool_]:
        """(N,) whether no face was found, dropped or kept as a centre crop."""
        return np.isin(self.strings("id"), self.info["no_face"]["ids"])

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
            numbers = values.astype(np.float64)
            binned = np.digitize(numbers, np.asarray(edges)).astype(np.int64)
            return np.where(np.isnan(numbers), -1, binned), names
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
            edges: for a continuous target: class i holds the values from edge i − 1 (included) to edge i; a value
                that is not known has the label −1.

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
        labels, classes = self.labels, self.classes
        if target != "label":
            labels, classes = self._as_classes(target, edges)
        return Samples(
            ids=self.strings("id"),
            labels=labels,
            classes=classes,
            subjects=self.strings("subject") if "subject" in names else None,
            split=self.strings("split") if "split" in names else None,
            folds=self.strings("fold") if "fold" in names else None,
        )


def _with_derived(table: pa.Table, spec: PreparedSpec) -> pa.Table:
    for part in spec.derived:
        path = derived_file(spec, part)
        try:
            for name, column in zip(part.gives, pq.read_table(path).columns, strict=True):
                table = table.append_column(name, column)
        except (OSError, ValueError, pa.ArrowException) as error:
            raise DataError(
                expected=f"the derived attribute {part.name} of {spec.dataset}",
                found=str(error),
                where=str(path),
                remedy="remove that file; it is estimated again",
            ) from error
    return table


def _stacked(values: list[Any]) -> npt.NDArray[np.float32]:
    """Return lists of one shape as an array; what is missing (a face without landmarks) becomes NaN."""
    shape = next((np.shape(value) for value in values if value is not None), ())
    filled = [np.full(shape, np.nan) if value is None else value for value in values]
    return np.asarray(filled, dtype=np.float32)
