"""Shards: complete or absent, resumed after a kill, made by any number of processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pytest

from ferbench import Site
from ferbench.datasource import Advance
from ferbench.errors import DataError, StorageError
from ferbench_synthfaces.shards import Rows, Work, generate

SCHEMA = pa.schema({"number": pa.int64(), "process": pa.int64()})


def count(items: Sequence[int]) -> Rows:
    return {"number": list(items), "process": [os.getpid()] * len(items)}


def fail(items: Sequence[int]) -> Rows:
    raise ZeroDivisionError(f"shard of {items[0]}")


def work(size: int = 25, make: Callable[[Sequence[int]], Rows] = count) -> Work[int]:
    return Work(items=range(size), make=make, schema=SCHEMA, per_shard=10)


def read(paths: list[Path], column: str = "number") -> list[int]:
    return [value for path in paths for value in pa.ipc.open_stream(path.read_bytes()).read_all()[column].to_pylist()]


def test_rows_come_in_order_and_progress_counts_them(tmp_path: Path) -> None:
    seen: list[int] = []

    @contextmanager
    def progress(description: str, total: int) -> Iterator[Advance]:
        assert (description, total) == ("counting", 25)

        def advance(steps: int = 1) -> None:
            seen.append(steps)

        yield advance

    paths = generate(work(), Site(cache=tmp_path / "cache", progress=progress), "counting")
    assert read(paths) == list(range(25))
    assert seen == [10, 10, 5]


def test_what_exists_is_not_made_again(tmp_path: Path) -> None:
    site = Site(cache=tmp_path / "cache")
    first = generate(work(), site, "counting")
    first[1].unlink()
    before = {path: path.stat().st_mtime_ns for path in first if path.exists()}
    assert read(generate(work(), site, "counting")) == list(range(25))
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_a_failure_leaves_no_file_and_no_rest_of_one(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError, match="shard of 0"):
        generate(work(make=fail), Site(cache=tmp_path / "cache"), "failing")
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_cache_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataError, match=r"cache folder that can be written.*choose another cache folder"):
        generate(work(), Site(cache=tmp_path / "file" / "cache"), "counting")


def die(items: Sequence[int]) -> Rows:
    if items[0] == 10:
        os.kill(os.getpid(), signal.SIGKILL)
    return count(items)


def test_a_worker_that_dies_is_told(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"ended by itself.*run again with fewer workers"):
        generate(work(make=die), Site(cache=tmp_path / "cache", workers=2), "dying")


PROGRAM = """
import os, sys, time
from pathlib import Path
import pyarrow as pa
from ferbench import Site
from ferbench_synthfaces.shards import Work, generate

def slow(items):
    time.sleep(0.4)
    return {"number": list(items), "process": [os.getpid()] * len(items)}

if __name__ == "__main__":
    schema = pa.schema({"number": pa.int64(), "process": pa.int64()})
    work = Work(items=range(200), make=slow, schema=schema, per_shard=10)
    generate(work, Site(cache=Path(sys.argv[1]), workers=2), "slow")
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs POSIX signals")
def test_a_killed_run_keeps_its_shards_and_leaves_no_process(tmp_path: Path) -> None:
    script, cache = tmp_path / "slow.py", tmp_path / "cache"
    script.write_text(PROGRAM)
    run = subprocess.Popen([sys.executable, str(script), str(cache)])
    deadline = time.monotonic() + 30
    while len(list(cache.glob("shard-*.arrow"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    run.send_signal(signal.SIGKILL)
    run.wait()
    time.sleep(1.0)
    kept = sorted(cache.glob("shard-*.arrow"))
    assert 2 <= len(kept) < 20
    for process in set(read(kept, "process")):
        state = subprocess.run(["ps", "-o", "stat=", "-p", str(process)], capture_output=True, text=True, check=False)
        assert state.stdout.strip()[:1] in ("", "Z")  # gone, or gone and not yet collected by its new parent
    times = {path: path.stat().st_mtime_ns for path in kept}
    paths = generate(Work(items=range(200), make=count, schema=SCHEMA, per_shard=10), Site(cache=cache), "resuming")
    assert read(paths) == list(range(200))
    assert {path: path.stat().st_mtime_ns for path in kept} == times
