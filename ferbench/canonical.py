"""One JSON text for one value, and hashes of it: what cell ids and fingerprints are made of."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any


def canonical_json(value: Any) -> str:  # noqa: ANN401  (any JSON value)
    """Return the one canonical text of a JSON value: sorted keys, no spaces, shortest floats, no NaN.

    >>> canonical_json({"b": 1, "a": (0.1, None)})
    '{"a":[0.1,null],"b":1}'
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=False)


def digest(value: Any) -> str:  # noqa: ANN401  (any JSON value)
    """Return the SHA-256 (hex) of a JSON value's canonical text."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def file_digest(path: Path) -> str:
    """Return the SHA-256 (hex) of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def source_digest(root: Path, files: Iterable[Path]) -> str:
    """Return the SHA-256 (hex) of source files: their paths below `root` and their text, line ends normalised."""
    total = hashlib.sha256()
    for path in sorted(files):
        total.update(path.relative_to(root).as_posix().encode() + b"\0")
        total.update(path.read_bytes().replace(b"\r\n", b"\n") + b"\0")
    return total.hexdigest()
