"""The file of a submission: a zip of known names, written alike each time and unpacked only within limits."""

from __future__ import annotations

import re
import stat
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ferbench.places import explained
from ferbench.records import PREDICTIONS, RECORD, SUMS
from ferbench.submission.content import MOST_CELLS

MANIFEST = "submission.json"
RECORD_FILES = (RECORD, PREDICTIONS, SUMS)
PACKINGS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
KNOWN_FLAGS = 0b1000_0000_1110  # how well deflated, sizes after the data, names in UTF-8; none of them encrypts
NEWEST = 45
"""Version of the format: zip64, which large files need."""

_NAME = re.compile(r"submission\.json|records/[0-9a-f]{64}/(" + "|".join(map(re.escape, RECORD_FILES)) + ")")
_EPOCH = (1980, 1, 1, 0, 0, 0)
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Limits:
    """What a submission may weigh; more is refused before it is unpacked.

    Attributes:
        packed: bytes of the zip.
        files: how many files it holds.
        text: bytes of a JSON file or a list of hashes, unpacked.
        table: bytes of a table, unpacked from the zip.
        total: bytes of all of them, unpacked.
    """

    packed: int = 1 << 30
    files: int = 3 * MOST_CELLS + 1
    text: int = 16 << 20
    table: int = 128 << 20
    total: int = 4 << 30

    def of(self, name: str) -> int:
        """Return what a file of this name may weigh."""
        return self.table if name.endswith(".parquet") else self.text


class RefusedArchiveError(Exception):
    """An archive that will not be unpacked; the text says why."""


def write_archive(path: Path, manifest: bytes, files: Mapping[str, Path]) -> None:
    """Write a submission. The same content gives the same bytes.

    Args:
        path: of the zip; it appears complete or not at all.
        manifest: the content of `submission.json`.
        files: of the records, by their names in the zip.

    Raises:
        StorageError: it cannot be written.
    """
    aside = path.with_name(f".{path.name}.part")
    with explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with zipfile.ZipFile(aside, "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr(zipfile.ZipInfo(MANIFEST, _EPOCH), manifest, zipfile.ZIP_DEFLATED)
                for name, file in sorted(files.items()):
                    archive.writestr(zipfile.ZipInfo(name, _EPOCH), file.read_bytes(), zipfile.ZIP_DEFLATED)
            aside.replace(path)
        finally:
            aside.unlink(missing_ok=True)


def unpack(path: Path, folder: Path, limits: Limits | None = None) -> None:
    """Unpack a submission that somebody sent.

    Args:
        path: the zip.
        folder: an empty one.
        limits: what it may weigh.

    Raises:
        RefusedArchiveError: it is no zip, holds another kind of file, a name twice, or too much.
    """
    limits = limits or Limits()
    if path.stat().st_size > limits.packed:
        raise RefusedArchiveError(f"{path.stat().st_size} bytes; at most {limits.packed} are read")
    with _sound(), zipfile.ZipFile(path) as archive:
        room = limits.total
        for entry in _checked(archive, limits):
            target = folder / entry.filename
            with explained(target):
                target.parent.mkdir(parents=True, exist_ok=True)
                with target.open("xb") as sink:
                    for piece in _pieces(archive, entry, min(limits.of(entry.filename), room)):
                        room -= sink.write(piece)


UNSOUND = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError)
"""What zipfile raises of damaged files: the fourth and fifth where an offset leads out of the file, the last where the
list of contents asks for a version of the format that it does not know."""


@contextmanager
def _sound() -> Iterator[None]:
    """Refuse a damaged file; that there is no room to write is told by `explained`, further in."""
    try:
        yield
    except UNSOUND as error:
        raise RefusedArchiveError(f"no sound zip: {error or type(error).__name__}") from error


def _checked(archive: zipfile.ZipFile, limits: Limits) -> list[zipfile.ZipInfo]:
    """Return the files of an archive, none of which has been looked into."""
    entries = archive.infolist()
    if len(entries) > limits.files:
        raise RefusedArchiveError(f"{len(entries)} files; at most {limits.files} are read")
    seen: set[str] = set()
    for entry in entries:
        kind = stat.S_IFMT(entry.external_attr >> 16)
        if not _NAME.fullmatch(entry.filename):
            raise RefusedArchiveError(f"a file called {entry.filename[:200]!r}, which no submission has")
        if kind not in {0, stat.S_IFREG}:
            raise RefusedArchiveError(f"{entry.filename} is no plain file")
        if entry.flag_bits & ~KNOWN_FLAGS:
            raise RefusedArchiveError(f"{entry.filename} is encrypted, or patches another file")
        if entry.compress_type not in PACKINGS or entry.extract_version > NEWEST:
            raise RefusedArchiveError(f"{entry.filename} is packed otherwise than stored or deflated")
        if entry.filename in seen:
            raise RefusedArchiveError(f"{entry.filename} stands in it twice")
        seen.add(entry.filename)
    return entries


def _pieces(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, room: int) -> Iterator[bytes]:
    """Yield what comes out of a file, and count that, not what the zip says will."""
    left = room
    with archive.open(entry) as source:
        while piece := source.read(_CHUNK):
            left -= len(piece)
            if left < 0:
                raise RefusedArchiveError(f"{entry.filename} unpacks to more than {room} bytes")
            yield piece
