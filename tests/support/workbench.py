"""A temporary folder in which the real command line runs: a benchmark file, results, a cache, a stranger's plugin."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

STRANGER = Path(__file__).parents[1] / "stranger"
COMMAND = (sys.executable, "-m", "ferbench.cli")
PATIENCE = 120.0


@dataclass(frozen=True)
class Finished:
    """A command that has ended."""

    code: int
    out: str
    err: str
    seconds: float

    @property
    def json(self) -> Any:
        """What it printed, read as JSON."""
        return json.loads(self.out)

    @property
    def message(self) -> dict[str, str]:
        """The four parts of its error message: expected, found, where, remedy."""
        lines = [line for line in self.err.splitlines() if not line.startswith("warning:")]
        parts = dict(line.split(":", 1) for line in lines[-4:])
        assert list(parts) == ["expected", "found", "where", "remedy"], self.err
        return {name: text.strip() for name, text in parts.items()}


@dataclass
class Workbench:
    """A folder to work in.

    Attributes:
        folder: holds `benchmarks.toml`, which commands find by themselves, `results` and the cache.
        plugin: the folder on PYTHONPATH by which the stranger's plugin is found.
        env: further environment variables.
    """

    folder: Path
    plugin: Path = STRANGER
    env: dict[str, str] = field(default_factory=dict)

    @property
    def results(self) -> Path:
        """The folder of records."""
        return self.folder / "results"

    def write(self, text: str) -> Path:
        """Write the benchmark file."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / "benchmarks.toml"
        path.write_text(text)
        return path

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start a command in a process group of its own, as a shell would."""
        path = os.pathsep.join(filter(None, [str(self.plugin), os.environ.get("PYTHONPATH")]))
        given = {"PYTHONPATH": path, "FERBENCH_CACHE": str(self.folder / "cache"), "OMP_NUM_THREADS": "1"}
        return subprocess.Popen(
            [*COMMAND, *words],
            cwd=self.folder,
            env={**os.environ, **given, **self.env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def call(self, *words: str, code: int | None = 0) -> Finished:
        """Run a command to its end; no traceback may reach the user, and the exit code must be `code`."""
        begun = time.monotonic()
        return finish(self.start(*words), begun, code=code)

    def run(self, *words: str, code: int | None = 0) -> Finished:
        """Run `ferbench run`, with one worker unless told: tests run side by side, and a worker is slow to start."""
        return self.call("run", *words, *([] if "--workers" in words else ["--workers", "1"]), code=code)

    def plan(self, *words: str) -> list[dict[str, Any]]:
        """Return the cells that `ferbench plan --json` lists."""
        cells: list[dict[str, Any]] = self.call("plan", *words, "--json").json
        return cells

    def records(self, results: Path | None = None) -> dict[str, dict[str, Any]]:
        """Return the content of all records by id."""
        found = sorted((results or self.results).glob("records/*/record.json"))
        return {path.parent.name: json.loads(path.read_text()) for path in found}

    def digests(self) -> dict[str, str]:
        """Return the digest of each record's predictions, by id."""
        return {identity: content["predictions_sha256"] for identity, content in self.records().items()}

    def stamps(self) -> dict[str, tuple[int, int]]:
        """Return inode and modification time of each file of each record: they change when a record is rewritten."""
        files = sorted(self.results.glob("records/*/*"))
        return {f"{path.parent.name}/{path.name}": (path.stat().st_ino, path.stat().st_mtime_ns) for path in files}

    def predictions(self, identity: str, selection: str = "validation") -> dict[str, list[Any]]:
        """Read the stored predictions of a selection as plain columns, without ferbench's own reader."""
        folder = self.results / "records" / identity
        epoch = json.loads((folder / "record.json").read_text())["selected_epochs"][selection]
        table = pq.read_table(folder / "predictions.parquet", filters=[("epoch", "=", epoch)])
        columns: dict[str, list[Any]] = table.to_pydict()
        return columns


def finish(process: subprocess.Popen[str], begun: float | None = None, *, code: int | None = 0) -> Finished:
    """Wait for a command and check its exit code."""
    begun = time.monotonic() if begun is None else begun
    try:
        out, err = process.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        out, err = process.communicate()
        raise AssertionError(f"still running after {PATIENCE} s\n{out}\n{err}") from None
    done = Finished(process.returncode, out, err, time.monotonic() - begun)
    assert "Traceback" not in err, err
    assert code is None or done.code == code, f"exit code {done.code}, not {code}\n{out}\n{err}"
    return done


def group_members(leader: int) -> list[int]:
    """Return the living processes of the session that `leader` started."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
            except OSError:  # it ended meanwhile
                continue
            if int(fields[3]) == leader and fields[0] not in "ZX":
                found.append(int(entry.name))
    return found


def wait_until(condition: Any, seconds: float = 60.0, step: float = 0.02) -> None:
    """Wait for a condition to hold.

    Raises:
        AssertionError: it does not.
    """
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(step)


def tree(folder: Path) -> Sequence[str]:
    """Return all files below a folder, so that a test can say that nothing was touched."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
