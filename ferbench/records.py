"""Records: what a finished cell leaves. A folder that is complete or absent, and tells when it was altered."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from ferbench.canonical import file_digest
from ferbench.errors import InputError, RecordError
from ferbench.places import explained, new_folder, write_atomically
from ferbench.predictions import Predictions

SCHEMA = 1
RECORD, PREDICTIONS, DIAGNOSTICS = "record.json", "predictions.parquet", "diagnostics.parquet"
STATE, SUMS = "state.safetensors", "SHA256SUMS"
SELECTIONS = ("validation", "last", "oracle")


@dataclass(frozen=True)
class Record:
    """One finished cell.

    Attributes:
        folder: where it is.
        content: `record.json`: spec, coordinates, metrics by selection, provenance, cost.
    """

    folder: Path
    content: Mapping[str, Any]

    @property
    def id(self) -> str:
        """The cell's id."""
        return str(self.content["id"])

    def metrics(self, selection: str) -> Mapping[str, float | None]:
        """Return the metrics of `validation`, `last` or `oracle`; None where a metric had no value."""
        values: Mapping[str, float | None] = self.content["metrics"][selection]
        return values

    def representation(self) -> Mapping[str, float | None]:
        """Return the metrics of representations as leaderboards name them: `metric.key`, `metric` for one number."""
        metrics = self.content.get("representation", {}).get("metrics", {})
        return {
            f"{name}.{key}" if key else name: value
            for name, account in metrics.items()
            for key, value in account["values"].items()
        }

    def predictions(self, selection: str) -> Predictions:
        """Read the stored predictions of a selection."""
        epoch = self.content["selected_epochs"][selection]
        table = pq.read_table(self.folder / PREDICTIONS, filters=[("epoch", "=", epoch)])

        def group(prefix: str) -> dict[str, npt.NDArray[Any]]:
            names = [name for name in table.column_names if name.startswith(prefix)]
            return {name.removeprefix(prefix): np.asarray(table.column(name).to_pylist()) for name in names}

        return Predictions(
            ids=np.asarray(table.column("id").to_pylist(), dtype=np.str_),
            probabilities=np.asarray(table.column("probabilities").to_pylist(), dtype=np.float32),
            labels=table.column("label").to_numpy(),
            classes=tuple(self.content["classes"]),
            columns=group("column_"),
            extras=group("extra_"),
        )


def prediction_table(epochs: Mapping[int, Predictions]) -> pa.Table:
    """Return predictions of some epochs as a table: epoch, id, label, probabilities (K), columns, extras."""
    tables = []
    for epoch, made in epochs.items():
        columns: dict[str, Any] = {
            "epoch": pa.array([epoch] * len(made.ids), pa.int32()),
            "id": pa.array(made.ids.tolist()),
            "label": pa.array(made.labels, pa.int64()),
            "probabilities": pa.array(list(made.probabilities.astype(np.float32)), pa.list_(pa.float32())),
        }
        for name, values in made.columns.items():
            columns[f"column_{name}"] = pa.array(values.tolist())
        for name, values in made.extras.items():
            columns[f"extra_{name}"] = pa.array(values.tolist())
        tables.append(pa.table(columns))
    return pa.concat_tables(tables)


@dataclass(frozen=True)
class RecordStore:
    """The results folder: records, failures, checkpoints and leases.

    Attributes:
        root: the folder given with `--results`.
    """

    root: Path

    @property
    def records(self) -> Path:
        """Folder of finished cells."""
        return self.root / "records"

    @property
    def failures(self) -> Path:
        """Folder of cells that raised."""
        return self.root / "failures"

    @property
    def running(self) -> Path:
        """Folder of what is under way: leases and checkpoints."""
        return self.root / "running"

    def check_writable(self) -> None:
        """Find out now, not after an hour, whether the folder can be written.

        Raises:
            InputError: it cannot.
        """
        with explained(self.root):
            for folder in (self.root, self.records, self.failures, self.running):
                folder.mkdir(parents=True, exist_ok=True)
                with tempfile.TemporaryFile(dir=folder):
                    pass

    def done(self) -> frozenset[str]:
        """Return the ids of finished cells."""
        return frozenset(_names(self.records))

    def failed(self) -> frozenset[str]:
        """Return the ids of cells that raised."""
        return frozenset(name.removesuffix(".json") for name in _names(self.failures))

    def designs(self) -> frozenset[str]:
        """Return the design ids of finished cells: the same cell, whatever the source code was."""
        return frozenset(_names(self.root / "designs"))

    def data_identities(self, design: str) -> list[str]:
        """Return what identified the data of the finished cell of a design; empty when that cannot be read."""
        try:
            identity = (self.root / "designs" / design).read_text()
            spec = json.loads((self.records / identity / RECORD).read_bytes())["spec"]
        except (OSError, ValueError, KeyError):  # a record that was removed or damaged says nothing of the past
            return []
        return [part["identity"] for part in (spec["data"], spec["test"]) if part is not None]

    def write(
        self,
        content: Mapping[str, Any],
        files: Mapping[str, pa.Table],
        state: Mapping[str, Any] | None = None,
    ) -> None:
        """Publish a record: written aside, flushed, renamed.

        Args:
            content: `record.json`, with `id` and `design_id`.
            files: further tables by file name.
            state: the method's state, when its tensors are to be kept.

        Raises:
            InputError: the folder cannot be written.
        """
        identity = str(content["id"])
        with new_folder(self.records / identity) as folder:
            for name, table in files.items():
                write_table(table, folder / name)
            if state is not None:
                _save_state(state, folder / STATE)
            text = json.dumps({"schema": SCHEMA, **content}, indent=1, allow_nan=False)
            (folder / RECORD).write_text(text + "\n")
            _write_sums(folder)
        write_atomically(self.root / "designs" / str(content["design_id"]), identity.encode())
        (self.failures / f"{identity}.json").unlink(missing_ok=True)

    def copy(self, identity: str, target: RecordStore) -> None:
        """Copy a finished record into another store. Its tables are packed as `write` packs them, their rows the same.

        Raises:
            RecordError: it was altered.
        """
        source = self.read(identity).folder
        with new_folder(target.records / identity) as folder:
            for name in _visible(source):
                if name.endswith(".parquet"):
                    write_table(pq.read_table(source / name), folder / name)
                elif name != SUMS:
                    shutil.copy(source / name, folder / name)
            _write_sums(folder)

    def reduce(self, identity: str, names: Iterable[str]) -> None:
        """Remove from a copied record whatever has another name than these."""
        folder = self.records / identity
        for name in set(_visible(folder)).difference(names, [SUMS]):
            (folder / name).unlink()
        (folder / SUMS).unlink()
        _write_sums(folder)

    def read(self, identity: str) -> Record:
        """Read a record and check that it is as it was written.

        Raises:
            RecordError: it is truncated, altered, or of another schema.
        """
        folder = self.records / identity
        try:
            sums = (folder / SUMS).read_text()
            entries = [line.split("  ", 1) for line in sums.splitlines()]
            altered = [name for expected, name in entries if file_digest(folder / name) != expected]
            content = json.loads((folder / RECORD).read_bytes()) if not altered else {}
            names = {name for _, name in entries}
        except (OSError, ValueError) as error:
            raise _damaged(folder, "a complete record", f"{type(error).__name__}: {error}") from error
        if altered or RECORD not in names or PREDICTIONS not in names:
            raise _damaged(
                folder, "files as their SHA256SUMS say", f"altered: {', '.join(altered) or 'the list itself'}"
            )
        if content.get("schema") != SCHEMA or content.get("id") != identity:
            found = f"schema {content.get('schema')}, id {str(content.get('id'))[:12]}"
            raise _damaged(folder, f"schema {SCHEMA} and the id of its folder", found)
        return Record(folder, content)

    def write_failure(self, identity: str, content: Mapping[str, Any]) -> None:
        """Leave a failure record: what raised, with its traceback."""
        write_atomically(self.failures / f"{identity}.json", json.dumps(content, indent=1).encode())

    def read_failure(self, identity: str) -> Mapping[str, Any]:
        """Read a failure record; an unreadable one says so in its place."""
        try:
            content: Mapping[str, Any] = json.loads((self.failures / f"{identity}.json").read_text())
        except (OSError, ValueError) as error:
            return {"error": f"unreadable failure record: {error}", "traceback": ""}
        return content

    def has_failed(self, identity: str) -> bool:
        """Return whether there is a failure record."""
        return (self.failures / f"{identity}.json").exists()

    def forget_failure(self, identity: str) -> None:
        """Remove a failure record, so that the cell is tried again."""
        (self.failures / f"{identity}.json").unlink(missing_ok=True)

    def sweep(self) -> None:
        """Remove what killed writers left aside (an hour old, never renamed) and checkpoints of finished cells."""
        for path in _hidden(self.records):
            shutil.rmtree(path, ignore_errors=True)
        done = self.done()
        for path in self.running.glob("*.checkpoint"):
            if path.stem in done:
                path.unlink(missing_ok=True)
        for path in self.running.glob("*.part"):
            if time.time() - path.stat().st_mtime > 3600:
                path.unlink(missing_ok=True)


def write_table(table: pa.Table, path: Path) -> None:
    """Write a table: the bytes of fractions apart by their significance, which makes predictions a third smaller."""
    columns = [
        (f"{field.name}.list.element", field.type.value_type)
        if pa.types.is_list(field.type)
        else (field.name, field.type)
        for field in table.schema
    ]
    fractions = [name for name, kind in columns if pa.types.is_floating(kind)]
    others = [name for name, _ in columns if name not in fractions]
    pq.write_table(table, path, compression="zstd", use_dictionary=others, use_byte_stream_split=fractions)


def _write_sums(folder: Path) -> None:
    sums = [f"{file_digest(folder / name)}  {name}" for name in _visible(folder)]
    (folder / SUMS).write_text("\n".join(sums) + "\n")


def _visible(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def _save_state(state: Mapping[str, Any], path: Path) -> None:
    from safetensors.torch import save  # torch is loaded already where there is a state to save
    from torch import Tensor

    tensors = {name: value.contiguous() for name, value in state.items() if isinstance(value, Tensor)}
    path.write_bytes(save(tensors))  # save_file would not tell a full disk as such


def _names(folder: Path) -> list[str]:
    try:
        return [entry.name for entry in os.scandir(folder) if not entry.name.startswith(".")]
    except FileNotFoundError:
        return []
    except NotADirectoryError as error:
        raise InputError(
            expected="a results folder", found="a file", where=str(folder), remedy="choose another --results DIR"
        ) from error


def _hidden(folder: Path) -> Iterator[Path]:
    if not folder.is_dir():
        return
    for path in folder.iterdir():
        if path.name.startswith(".") and time.time() - path.stat().st_mtime > 3600:
            yield path


def _damaged(folder: Path, expected: str, found: str) -> RecordError:
    return RecordError(
        expected=expected,
        found=found,
        where=str(folder),
        remedy="remove that folder and run the cell again; a record is never edited",
    )
