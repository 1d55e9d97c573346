"""The prepared images behind a record, where they are still on this machine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ferbench.data.store import Store, is_prepared
from ferbench.errors import DataError
from ferbench.records import Record
from ferbench.spec import PreparedSpec


def images_of(record: Record) -> tuple[npt.NDArray[np.uint8], list[str]]:
    """Return the images (N, h, w, c) of the data that a record was tested on, mapped from disk, and their sample ids.

    Raises:
        DataError: they are no longer prepared here.
    """
    spec = _prepared(record.content["spec"]["test"] or record.content["spec"]["data"])
    if not is_prepared(spec):
        raise DataError(
            expected="the prepared images of the cell",
            found="none",
            where=str(record.folder),
            remedy="run 'ferbench data prepare' for its data set with the same options and code",
        )
    store = Store.open(spec)
    return store.images, store.strings("id").tolist()


def _prepared(data: Mapping[str, Any]) -> PreparedSpec:
    """Return what decides the stored images, from a record's spec."""
    return PreparedSpec(
        dataset=data["dataset"],
        options=data["options"],
        identity=data["identity"],
        preprocessor=data["preprocessor"],
        preprocessor_options=data["preprocessor_options"],
        preprocessor_version=data["version"],
        no_face=data["no_face"],
        source=data["source"],
        hidden=tuple(data["hidden"]),
        weights=data["weights"],
    )
