"""Leases: who is at work on a cell. With a heartbeat, so that a killed worker's cell is free again."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import filelock

from ferbench.places import explained

BEAT_SECONDS = 5.0
STALE_SECONDS = 60.0


@dataclass(frozen=True)
class Leases:
    """The leases of a results folder.

    Attributes:
        folder: where they are.
    """

    folder: Path

    @contextmanager
    def take(self, identity: str) -> Iterator[bool]:
        """Try to take the lease of a cell; yields whether it was free. It is given back at the end.

        Args:
            identity: the cell's id.
        """
        path = self.folder / f"{identity}.lease"
        owner = _Owner()
        taken = self._try(path, owner)
        if not taken:
            yield False
            return
        stop = threading.Event()
        beat = threading.Thread(target=_keep_beating, args=(path, stop), daemon=True)
        beat.start()
        try:
            yield True
        finally:
            stop.set()
            beat.join()
            with self._guard():
                if _owner(path) == owner.token:
                    path.unlink(missing_ok=True)

    def held(self, identity: str) -> bool:
        """Return whether a living worker holds the lease."""
        return _alive(self.folder / f"{identity}.lease")

    def _guard(self) -> filelock.FileLock:
        with explained(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
        # Two that find the same stale lease must not both take it: reading, judging and writing are one step.
        return filelock.FileLock(self.folder / "guard.lock")

    def _try(self, path: Path, owner: _Owner) -> bool:
        with self._guard():
            if _alive(path):
                return False
            with explained(path):
                path.write_text(owner.text())
            return True


@dataclass(frozen=True)
class _Owner:
    token: str = field(default_factory=lambda: uuid.uuid4().hex)

    def text(self) -> str:
        born = _birth(os.getpid())
        return json.dumps({"token": self.token, "host": socket.gethostname(), "pid": os.getpid(), "born": born})


def _keep_beating(path: Path, stop: threading.Event) -> None:
    while not stop.wait(BEAT_SECONDS):
        try:
            os.utime(path)
        except FileNotFoundError:  # taken over after a long suspension; the record's rename settles who was first
            return


def _owner(path: Path) -> str:
    try:
        return str(json.loads(path.read_text())["token"])
    except (OSError, ValueError, KeyError):  # gone or half-written: nobody's
        return ""


def _alive(path: Path) -> bool:
    try:
        content = json.loads(path.read_text())
        age = time.time() - path.stat().st_mtime
    except (OSError, ValueError):
        return False
    if content.get("host") == socket.gethostname():
        # On the same machine a dead owner is known at once; a process id used again has another birth.
        born = _birth(int(content["pid"]))
        return born is not None and bool(born == content.get("born"))
    return age < STALE_SECONDS


def _birth(pid: int) -> str | None:
    """Return when a process started (a token that differs when its id is used again); None when there is none."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        return None if fields[0] in {"Z", "X"} else fields[19]
    except FileNotFoundError:
        if Path("/proc/self/stat").exists():
            return None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        return "alive"
    return "alive"
