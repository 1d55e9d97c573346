"""Where things are kept: the shared cache, and how a file or folder appears there complete or not at all."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import platformdirs

from ferbench.errors import StorageError


def cache_folder() -> Path:
    """Return the folder of rendered and prepared data and trained weights: $FERBENCH_CACHE, or the user's cache."""
    chosen = os.environ.get("FERBENCH_CACHE")
    return Path(chosen) if chosen else platformdirs.user_cache_path("ferbench")


_UNWRITABLE = {errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EEXIST}  # the last: a file, not a folder
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn a failed write into a message: full disk, read-only folder, missing rights.

    Raises:
        StorageError: the folder cannot be written.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _UNWRITABLE | _FULL:
            raise
        full = error.errno in _FULL
        raise StorageError(
            expected="room to write" if full else "a folder that can be written",
            found=error.strerror or str(error),
            where=str(error.filename or path),
            remedy="free some space and run again; finished cells are kept"
            if full
            else "choose another folder (--results DIR, FERBENCH_CACHE) or mend its rights",
        ) from error


def sync_folder(path: Path) -> None:
    """Make a rename in `path` durable."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


_UMASK = os.umask(0)
os.umask(_UMASK)  # it can be read only by setting it


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file aside, flush it to disk and rename it into place.

    Raises:
        StorageError: the folder cannot be written.
    """
    with explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
            Path(name).chmod(0o666 & ~_UMASK)  # made aside it would be its owner's alone
            os.replace(name, path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise


@contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """Yield a folder to fill; on success it is flushed and renamed to `target`, on failure removed.

    Where `target` has appeared meanwhile (another process finished first), the new one is dropped.

    Raises:
        StorageError: the folder cannot be written.
    """
    with explained(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name[:16]}."))
        aside.chmod(0o777 & ~_UMASK)
        try:
            yield aside
            publish_folder(aside, target)
        finally:
            shutil.rmtree(aside, ignore_errors=True)  # gone already where the rename succeeded


def publish_folder(folder: Path, target: Path) -> None:
    """Flush a filled folder to disk and rename it to `target`; where that has appeared meanwhile, leave it."""
    _flush(folder)
    _rename(folder, target)
    sync_folder(target.parent)


def sweep_asides(target: Path) -> None:
    """Remove what killed writers of `target` left beside it; the caller holds the lock or the lease of `target`."""
    for left in target.parent.glob(f".{target.name[:16]}.*"):
        if left.is_dir():
            shutil.rmtree(left, ignore_errors=True)


def _flush(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            handle = os.open(path, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
    sync_folder(folder)
    folder.chmod(0o755)  # mkdtemp makes it private


def _rename(aside: Path, target: Path) -> None:
    try:
        aside.rename(target)
    except OSError as error:
        if error.errno not in {errno.ENOTEMPTY, errno.EEXIST}:
            raise
