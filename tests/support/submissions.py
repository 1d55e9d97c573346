"""Submissions for tests: unpacked, spoiled in one way, packed again as somebody would who hopes to pass."""

from __future__ import annotations

import hashlib
import json
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ferbench.canonical import digest, file_digest
from ferbench.submission.verdict import Verdict


@dataclass(frozen=True)
class Opened:
    """An unpacked submission that may be spoiled.

    Attributes:
        folder: where it is.
    """

    folder: Path

    @property
    def manifest(self) -> dict[str, Any]:
        """The content of `submission.json`."""
        return json.loads((self.folder / "submission.json").read_text())

    def write_manifest(self, content: dict[str, Any]) -> None:
        """Replace `submission.json`."""
        (self.folder / "submission.json").write_text(json.dumps(content))

    def record(self, position: int = 0) -> Path:
        """Return the folder of a cell's record, in the order of the manifest."""
        return self.folder / "records" / self.manifest["cells"][position]["id"]

    def edit_record(self, change: Callable[[dict[str, Any]], None], position: int = 0) -> None:
        """Change a `record.json`."""
        path = self.record(position) / "record.json"
        content = json.loads(path.read_text())
        change(content)
        path.write_text(json.dumps(content))

    def edit_spec(self, change: Callable[[dict[str, Any]], None], position: int = 0) -> None:
        """Change what a record says it ran, and give it the id that belongs to it."""
        old = self.record(position)
        content = json.loads((old / "record.json").read_text())
        change(content["spec"])
        content["id"] = digest(content["spec"])
        (old / "record.json").write_text(json.dumps(content))
        old.rename(old.parent / content["id"])
        manifest = self.manifest
        for cell in manifest["cells"]:
            if cell["id"] == old.name:
                cell["id"] = content["id"]
        self.write_manifest(manifest)

    def edit_predictions(
        self, change: Callable[[dict[str, list[Any]]], None], position: int = 0, *, hashed: bool = True
    ) -> None:
        """Change columns of the predictions; `hashed`: and the hash that the record has of them."""
        path = self.record(position) / "predictions.parquet"
        table = pq.read_table(path)
        columns = table.to_pydict()
        change(columns)
        kinds = {field.name: field.type for field in table.schema}
        arrays = {name: pa.array(values, kinds.get(name)) for name, values in columns.items()}
        pq.write_table(pa.table(arrays), path)
        if hashed:
            self.rehash(position)

    def rehash(self, position: int = 0) -> None:
        """Give a record the hash of the predictions that lie beside it."""
        table = pq.read_table(self.record(position) / "predictions.parquet").to_pydict()
        total = hashlib.sha256()
        for epoch in sorted(set(table["epoch"])):
            rows = [p for e, p in zip(table["epoch"], table["probabilities"], strict=True) if e == epoch]
            total.update(np.asarray(rows, dtype=np.float32).tobytes())
        self.edit_record(lambda content: content.update(predictions_sha256=total.hexdigest()), position)

    def sum_up(self) -> None:
        """Write every list of hashes anew."""
        for folder in (self.folder / "records").iterdir():
            names = sorted(path.name for path in folder.iterdir() if path.name != "SHA256SUMS")
            lines = [f"{file_digest(folder / name)}  {name}" for name in names]
            (folder / "SHA256SUMS").write_text("\n".join(lines) + "\n")

    def packed(self, path: Path) -> Path:
        """Pack it again."""
        with zipfile.ZipFile(path, "w") as archive:
            for file in sorted(self.folder.rglob("*")):
                if file.is_file():
                    archive.write(file, file.relative_to(self.folder).as_posix())
        return path


def opened(file: Path, folder: Path) -> Opened:
    """Unpack a sound submission."""
    shutil.rmtree(folder, ignore_errors=True)
    with zipfile.ZipFile(file) as archive:
        archive.extractall(folder)
    return Opened(folder)


def reasons(verdict: Verdict) -> str:
    """Return why a submission was refused, a line each."""
    return "\n".join(f"{one.where}: {one.problem}" for one in verdict.findings)
