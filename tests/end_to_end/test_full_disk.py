"""A disk that runs full stops the run with a message, spoils nothing, and is no cell's failure."""

from __future__ import annotations

import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from workbench import Workbench, finish, tree

GRID = """
[benchmark.many]
preprocessor = { name = "resize", options = { size = 16 } }
dataset = [{ name = "toy" }]
protocol = [{ name = "official" }]
seeds = [1, 2, 3, 4, 5, 6, 7, 8]
entry = [{ name = "Learner", method = "toy-learner", options = { epochs = 2 } }]
"""


def mount(*words: str) -> bool:
    """Mount; False where this is not allowed."""
    try:
        return subprocess.run(["mount", "-t", "tmpfs", *words], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Yield a folder on a disk of 96 kB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if not mount("-o", "size=96k", "tmpfs", str(folder)):
        pytest.skip("no right to mount a small disk")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_disk_that_fills_up_under_way(bench: Workbench, small_disk: Path) -> None:
    bench.write(GRID)
    results = small_disk / "results"
    words = ("many", "--results", str(results), "--checkpoint-seconds", "0", "--workers", "1")
    message = bench.run(*words, code=2).message
    assert message["expected"] == "room to write"
    assert message["found"] == "No space left on device"
    assert str(results) in message["where"]
    assert message["remedy"].startswith("free some space and run again")
    before = bench.records(results)
    assert 0 < len(before) < 8
    assert not list(results.glob("failures/*"))
    assert not [file for file in tree(results) if Path(file).name.startswith(".") or file.endswith(".part")]
    assert mount("-o", "remount,size=8m", "tmpfs", str(small_disk))
    bench.run(*words)
    after = bench.records(results)
    assert len(after) == 8
    assert {identity: after[identity] for identity in before} == before


def test_a_limit_on_file_sizes_is_told_while_preparing(bench: Workbench) -> None:
    """Needs no rights: no file may grow beyond 64 kB, and the prepared images are larger."""
    bench.write(GRID)
    process = bench.start("run", "many", "--workers", "1")
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (65536, 65536))
    message = finish(process, code=2).message
    assert message["expected"] == "room to write"
    assert message["found"] == "File too large"
    assert str(bench.folder / "cache") in message["where"]
    assert tree(bench.results) == []
