"""What code does to the world outside: which addresses it asks for, which files it writes."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ferbench.places import cache_folder

NETWORK = {"socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"}
CHANGES = {"os.mkdir": 1, "os.remove": 1, "os.rmdir": 1, "os.truncate": 1, "shutil.rmtree": 1}
CHANGES |= {"os.rename": 2, "os.link": 2, "os.symlink": 2}
"""What changes files, and how many of its first arguments are paths."""
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


@dataclass
class Deeds:
    """What was done while it was watched.

    Attributes:
        network: addresses asked for.
        files: paths written, moved or removed outside of the cache and the temporary folder.
    """

    network: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)


@dataclass
class _Watch:
    """Python's auditing cannot be taken back: one hook for good, which listens while somebody watches."""

    deeds: Deeds | None = None
    installed: bool = False

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.deeds is None:
            return
        if event in NETWORK:
            asked = event.startswith("socket.get")
            address = arguments[0] if asked else arguments[-1]
            if asked or isinstance(address, tuple):  # a path is a socket of this machine
                self.deeds.network.append(str(address))
        elif event in CHANGES:
            for path in arguments[: CHANGES[event]]:
                self._note(path)
        elif event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITING:
            self._note(arguments[0])

    def _note(self, path: object) -> None:
        assert self.deeds is not None
        if isinstance(path, str | bytes | os.PathLike):
            name = Path(os.fsdecode(path)).resolve()
            if not _allowed(name):
                self.deeds.files.append(str(name))


_watch = _Watch()


def _allowed(path: Path) -> bool:
    free = (cache_folder(), Path(tempfile.gettempdir()), Path("/dev"), Path("/proc"))
    return "__pycache__" in path.parts or any(path.is_relative_to(folder.resolve()) for folder in free)


@contextmanager
def watched() -> Iterator[Deeds]:
    """Watch what the code inside does, in this thread and others of the process. Nothing is prevented."""
    if not _watch.installed:
        sys.addaudithook(_watch)
        _watch.installed = True
    before, _watch.deeds = _watch.deeds, Deeds()
    try:
        yield _watch.deeds
    finally:
        _watch.deeds = before
