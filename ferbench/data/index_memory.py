"""Remembers what annotations say, so that planning over hundreds of thousands of them stays cheap."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ferbench.canonical import digest
from ferbench.places import cache_folder, write_atomically

if TYPE_CHECKING:
    from ferbench.data.files import Index

WORTH_SECONDS = 1.0
"""Annotations that are read faster than this are read again each time."""


class IndexMemory:
    """The memory of one folder under one set of options; the latest reading replaces the one before.

    Args:
        root: the data set's folder.
        files: every file below it.
        reading: what it is read as: name, options.
        code: digest of the reading code.
    """

    def __init__(self, root: Path, files: Iterable[str], reading: Mapping[str, Any], code: str) -> None:
        self._files = frozenset(files)
        listing = hashlib.sha256("\0".join(sorted(self._files)).encode()).hexdigest()
        self._root, self._made_from = root, {"files": listing, "code": code}
        self._path = cache_folder() / "indexes" / f"{digest({'root': str(root.resolve()), **reading})}.json"

    def recall(self) -> Index | None:
        """Return the index if no annotation has another size or modification time than when it was read."""
        from ferbench.data.files import Index, Sample
        from ferbench.data.findings import Finding

        try:
            kept = json.loads(self._path.read_bytes())
            if kept["made_from"] != self._made_from or kept["stamps"] != self._stamps(kept["annotations"]):
                return None
            samples = [Sample(*fields) for fields in kept["samples"]]
            findings = [Finding(**{**one, "items": tuple(one["items"])}) for one in kept["findings"]]
            return Index(samples, kept["counts"], kept["annotations"], findings)
        except (OSError, ValueError, KeyError, TypeError):  # none yet, or a damaged one: it is read anew
            return None

    def keep(self, index: Index, before: float) -> None:
        """Remember an index.

        Args:
            index: as it was read.
            before: when reading began (seconds since the epoch); what was changed since may not have been read.
        """
        stamps = self._stamps(index.annotations)
        if any(changed > before * 1e9 for _, changed in stamps):
            return
        content = {
            "made_from": self._made_from,
            "stamps": stamps,
            "annotations": index.annotations,
            "counts": index.counts,
            "samples": [[one.id, one.file, one.label, dict(one.columns)] for one in index.samples],
            "findings": [one.as_json() for one in index.findings],
        }
        write_atomically(self._path, json.dumps(content).encode())

    def _stamps(self, annotations: Iterable[str]) -> list[list[int]]:
        """Return size and modification time of the annotations that are there; which are, the listing says."""
        found = (os.stat(f"{self._root}/{file}") for file in annotations if file in self._files)
        return [[status.st_size, status.st_mtime_ns] for status in found]
