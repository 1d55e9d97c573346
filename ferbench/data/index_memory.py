"""Remembers what annotations say, so that planning over hundreds of thousands of them stays cheap."""

from __future__ import annotations

import hashlib
import os
import pickle
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
    """The memory of one folder under one set of options and code.

    Args:
        root: the data set's folder.
        files: every file below it.
        reading: what decides how it is read: name, options, digest of the reading code.
    """

    def __init__(self, root: Path, files: Iterable[str], reading: Mapping[str, Any]) -> None:
        listing = hashlib.sha256("\0".join(sorted(files)).encode()).hexdigest()
        key = digest({"root": str(root.resolve()), "files": listing, **reading})
        self._root, self._path = root, cache_folder() / "indexes" / f"{key}.pickle"

    def recall(self) -> Index | None:
        """Return the index if no annotation has another size or modification time than when it was read."""
        try:
            stamps, index = pickle.loads(self._path.read_bytes())  # our own file, in the user's own cache
            return index if stamps == self._stamps(index) else None
        except (OSError, ValueError, EOFError, TypeError, pickle.UnpicklingError, AttributeError, ImportError):
            return None  # none yet, a damaged one, or an annotation that is gone: it is read anew

    def keep(self, index: Index) -> None:
        """Remember an index."""
        try:
            stamps = self._stamps(index)
        except OSError:  # an annotation that is missing: nothing to be sure of
            return
        write_atomically(self._path, pickle.dumps((stamps, index), protocol=pickle.HIGHEST_PROTOCOL))

    def _stamps(self, index: Index) -> list[tuple[int, int]]:
        found = (os.stat(self._root / file) for file in index.annotations)
        return [(status.st_size, status.st_mtime_ns) for status in found]
