"""Content hashes of a user's folder, cached by file size and modification time so that planning stays cheap."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from ferbench.canonical import digest, file_digest
from ferbench.errors import DataError
from ferbench.places import cache_folder, write_atomically


def content_hashes(root: Path, files: Iterable[str], *, remember: bool = True) -> Mapping[str, str]:
    """Return the SHA-256 of each file by its path below `root`, in order of path.

    A file whose size and modification time are as they were is not read again.

    Args:
        root: the data set's folder.
        files: paths below it, with '/'.
        remember: keep the hashes for the next time.

    Raises:
        DataError: a file cannot be read.
    """
    memory = cache_folder() / "manifests" / f"{digest(str(root.resolve()))}.json"
    known = _recall(memory)
    result: dict[str, str] = {}
    seen: dict[str, list[object]] = {}
    for name in sorted(files):
        path = f"{root}/{name}"
        with readable(path):
            status = os.stat(path)
            stamp = [status.st_size, status.st_mtime_ns]
            old = known.get(name)
            content = str(old[2]) if old is not None and old[:2] == stamp else file_digest(Path(path))
        result[name] = content
        seen[name] = [*stamp, content]
    # What else is known of the folder stays: another reading of it may ask for other files.
    merged = known | seen
    if remember and merged != known:
        write_atomically(memory, json.dumps(merged).encode())
    return result


@contextmanager
def readable(path: Path | str) -> Iterator[None]:
    """Turn a file or folder that cannot be read into a message.

    Raises:
        DataError: it cannot.
    """
    try:
        yield
    except OSError as error:
        remedy = "make it readable, or take it out of the data set"
        found = error.strerror or str(error)
        where = str(error.filename or path)
        raise DataError(expected="a readable file", found=found, where=where, remedy=remedy) from error


def _recall(memory: Path) -> dict[str, list[object]]:
    try:
        known: dict[str, list[object]] = json.loads(memory.read_text())
    except (OSError, ValueError):  # no memory yet, or a damaged one: the hashes are computed anew
        return {}
    return known
