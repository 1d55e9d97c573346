"""The predictions of a submitted record: read within limits, and compared with the protocol's own test images."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ferbench.errors import FerbenchError
from ferbench.predictions import Predictions, check_probabilities
from ferbench.records import PREDICTIONS
from ferbench.run.faceless import with_unseen
from ferbench.submission.content import RecordContent
from ferbench.submission.ground import Ground

MOST_VALUES, WIDEST, LONGEST_TEXT = 1 << 26, 1 << 14, 4096
"""Numbers of one column of predictions that are read, in all and in a row; bytes of one text."""

SAME = 1e-6
"""How far a figure may lie from the one found here: another processor adds up in another order."""


class UnreadableError(Exception):
    """Predictions that cannot be read, or are not those of the record."""


def read_answers(path: Path, content: RecordContent, known: Ground) -> dict[int, Predictions]:
    """Read the predictions of every selected epoch, once their kinds and their size have been looked at.

    Raises:
        UnreadableError: they are of another form, too large, or not those of the record.
    """
    epochs = sorted(set(content.selected_epochs.values()))
    try:
        table = _read(path, len(epochs) * len(known.ids))
        if sorted(set(table.column("epoch").to_pylist())) != epochs:
            raise UnreadableError(f"{PREDICTIONS} holds other epochs than the selected ones, {epochs}")
        total, made = hashlib.sha256(), {}
        for epoch in epochs:
            part = table.filter(pc.equal(table.column("epoch"), epoch))
            made[epoch] = _of_epoch(part, tuple(content.classes))
            total.update(np.ascontiguousarray(made[epoch].probabilities).tobytes())
    except (pa.ArrowException, OSError, ValueError, TypeError, OverflowError, MemoryError) as error:
        raise UnreadableError(f"{PREDICTIONS} cannot be read: {error or type(error).__name__}") from error
    if total.hexdigest() != content.predictions_sha256:
        raise UnreadableError(f"{PREDICTIONS} are not those whose hash the record has")
    return made


def _read(path: Path, rows: int) -> pa.Table:
    file = pq.ParquetFile(path)
    _check_kinds(file.schema_arrow)
    _check_size(file, rows)
    texts = [field.name for field in file.schema_arrow if pa.types.is_string(field.type)]
    table = pq.ParquetFile(path, read_dictionary=texts).read()  # a long text that stands in many rows is read once
    for name in texts:
        for chunk in table.column(name).chunks:
            words = chunk.dictionary if pa.types.is_dictionary(chunk.type) else chunk
            if (pc.max(pc.binary_length(words)).as_py() or 0) > LONGEST_TEXT:
                raise UnreadableError(f"{PREDICTIONS}, {name}: a text of more than {LONGEST_TEXT} bytes")
    return table


def _check_size(file: pq.ParquetFile, rows: int) -> None:
    if file.metadata.num_rows != rows:
        raise UnreadableError(
            f"{PREDICTIONS} has {file.metadata.num_rows} rows; the test images of its selected epochs are {rows}"
        )
    groups = [file.metadata.row_group(number) for number in range(file.metadata.num_row_groups)]
    for position in range(file.metadata.num_columns):
        columns = [group.column(position) for group in groups]
        values = sum(column.num_values for column in columns)
        if values > min(MOST_VALUES, max(rows, 1) * WIDEST):
            raise UnreadableError(f"{PREDICTIONS}, {columns[0].path_in_schema}: {values} values in {rows} rows")


def _check_kinds(schema: pa.Schema) -> None:
    """Refuse columns that predictions do not have, before any is read."""
    required: dict[str, Callable[[pa.DataType], bool]] = {
        "epoch": pa.types.is_integer,
        "id": pa.types.is_string,
        "label": pa.types.is_integer,
        "probabilities": lambda kind: pa.types.is_list(kind) and pa.types.is_floating(kind.value_type),
    }
    names = schema.names
    wrong = [name for name, fits in required.items() if names.count(name) != 1 or not fits(schema.field(name).type)]
    for field in schema:
        if field.name not in required:
            text = field.name.startswith("column_") and pa.types.is_string(field.type)
            known = field.name.startswith(("column_", "extra_")) and _numeric(field.type)
            wrong += [] if (text or known) and names.count(field.name) == 1 else [field.name]
    if wrong:
        raise UnreadableError(f"{PREDICTIONS}: {', '.join(wrong[:5])} missing, of another type, or unknown")


def _numeric(kind: pa.DataType) -> bool:
    """Return whether it is of numbers, or of lists of numbers."""
    while pa.types.is_list(kind):
        kind = kind.value_type
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind))


def _of_epoch(table: pa.Table, classes: tuple[str, ...]) -> Predictions:
    def group(prefix: str) -> dict[str, npt.NDArray[Any]]:
        names = [name for name in table.column_names if name.startswith(prefix)]
        return {name.removeprefix(prefix): np.asarray(table.column(name).to_pylist()) for name in names}

    try:
        return Predictions(
            ids=np.asarray(table.column("id").to_pylist(), dtype=np.str_),
            probabilities=np.asarray(table.column("probabilities").to_pylist(), dtype=np.float32),
            labels=np.asarray(table.column("label").to_pylist(), dtype=np.int64),
            classes=classes,
            columns=group("column_"),
            extras=group("extra_"),
        )
    except (ValueError, TypeError) as error:
        raise UnreadableError(f"{PREDICTIONS}: rows of different lengths: {error}") from error


def problems_of_answers(made: Predictions, known: Ground) -> Iterator[str]:
    """Compare predictions with the test images of the protocol's own division."""
    if not np.array_equal(made.ids, known.ids):
        yield _other_images(made.ids, known.ids)
        return
    wrong = int((made.labels != known.fold.test_labels).sum())
    if wrong:
        yield f"{wrong} of {len(known.ids)} labels are not those of the data"
    try:
        check_probabilities(made.probabilities, len(known.ids), len(known.fold.classes), "")
    except FerbenchError as error:
        yield f"its probabilities: {error.found}, where {error.expected} are expected"
        return
    if made.columns.keys() != known.columns.keys():
        yield f"it has the columns {sorted(made.columns)}; the data have {sorted(known.columns)}"
    else:
        yield from (
            f"the column {name} is not that of the data"
            for name, values in known.columns.items()
            if not _same_values(made.columns[name], values)
        )
    if known.dropped.any():
        seen = ~known.dropped
        filled, _ = with_unseen(made.probabilities[seen], {}, seen, known.ids, known.fold.test_labels)
        if not np.allclose(filled, made.probabilities, atol=SAME):
            yield "it answers images in which no face was found, which no method has seen"


def _other_images(given: npt.NDArray[np.str_], own: npt.NDArray[np.str_]) -> str:
    lacking, foreign = np.setdiff1d(own, given), np.setdiff1d(given, own)
    repeated = len(given) - len(np.unique(given))
    found = [
        f"{len(lacking)} images of the protocol's test split are missing, such as {lacking[0]!r}"
        if len(lacking)
        else "",
        f"{len(foreign)} are not of it, such as {str(foreign[0])[:80]!r}" if len(foreign) else "",
        f"{repeated} stand in it more than once" if repeated else "",
    ]
    return "; ".join(filter(None, found)) or "its test images stand in another order than the protocol's"


def _same_values(given: npt.NDArray[Any], own: npt.NDArray[Any]) -> bool:
    if given.shape != own.shape:
        return False
    if own.dtype.kind == "f" and given.dtype.kind in "fiu":
        return bool(np.allclose(given, own, rtol=1e-4, atol=1e-4, equal_nan=True))
    return bool(np.array_equal(given.astype(np.str_), own.astype(np.str_)))
