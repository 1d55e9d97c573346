"""Derived attributes: columns estimated from prepared images for data sets that do not have them."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Protocol

import filelock
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from ferbench.data.store import Store, derived_file
from ferbench.datasource import ProgressBar
from ferbench.errors import PluginError
from ferbench.places import explained, write_atomically
from ferbench.spec import DerivedSpec, PreparedSpec

Columns = Mapping[str, npt.NDArray[Any]]


class Deriver(Protocol):
    """Estimates attributes of all images of a data set at once. Deterministic."""

    def __call__(self, images: npt.NDArray[np.uint8], columns: Columns, progress: ProgressBar) -> Columns:
        """Estimate.

        Args:
            images: (N, h, w, c) prepared images, mapped from disk.
            columns: (N, …) columns of the prepared data that its entry's `needs` names; landmarks are pixels of the
                prepared image, NaN where none are known.
            progress: a progress bar factory.

        Returns:
            (N,) of each column that its entry's `gives` names: names, or numbers with NaN where there is no estimate.
        """


_SHAPES = {"landmarks": (5, 2), "box": (4,)}


def _column(store: Store, name: str) -> npt.NDArray[Any]:
    """Return a column; NaN where a preprocessor that finds faces has found none at all."""
    if name in store.table.column_names or name not in _SHAPES:
        return store.column(name)
    return np.full((len(store.images), *_SHAPES[name]), np.nan, dtype=np.float32)


def add_derived(spec: PreparedSpec, part: DerivedSpec, derive: Deriver, progress: ProgressBar) -> None:
    """Estimate an attribute of a prepared data set and keep it beside the store; once, whoever asks.

    Images that were dropped for want of a face get an estimate like all others; nothing is trained on them.

    Raises:
        PluginError: the deriver gives other columns than its entry says, or not one value an image.
    """
    path = derived_file(spec, part)
    with explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(f"{path}.lock"):
        if path.is_file():
            return
        store = Store.open(replace(spec, derived=()))
        columns = {name: _column(store, name) for name in part.needs}
        made = derive(store.images, columns, progress)
        wrong = [name for name in part.gives if name not in made or len(made[name]) != len(store.images)]
        if wrong or set(made) != set(part.gives):
            raise PluginError(
                expected=f"one value an image of {', '.join(part.gives)}",
                found=", ".join(f"{len(values)} of {name}" for name, values in made.items()) or "nothing",
                where=f"the derived attribute {part.name}",
                remedy="correct the plugin that derives it",
            )
        stream = io.BytesIO()
        pq.write_table(pa.table({name: pa.array(made[name].tolist()) for name in part.gives}), stream)
        write_atomically(path, stream.getvalue())
