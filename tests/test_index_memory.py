"""What annotations say is remembered where reading takes long, and read anew when anything has changed."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from toyfaces.release import Release

from ferbench.data import index_memory
from ferbench.data.files import FileOptions, Index
from ferbench.data.replica import ReplicaSite, write_replica
from ferbench.plugins import Registry


class Counting(Release):
    """Counts how often it reads."""

    reads = 0

    def read(self) -> Index:
        type(self).reads += 1
        return super().read()


@pytest.fixture
def folder(tmp_path: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_replica(registry.dataset("toy-release", "test"), ReplicaSite(tmp_path / "toy-release", subjects=4))
    monkeypatch.setattr(index_memory, "WORTH_SECONDS", 0.0)
    for path in (tmp_path / "toy-release").rglob("*"):
        os.utime(path, (0, 1_000_000))  # long before it is read
    monkeypatch.setattr(Counting, "reads", 0)
    return tmp_path / "toy-release"


def index(folder: Path, counts: str = "official") -> Index:
    return Counting(FileOptions.model_validate({"counts": counts}), folder).index


def test_unchanged_annotations_are_read_once(folder: Path) -> None:
    first, second = index(folder), index(folder)
    assert Counting.reads == 1
    assert first == second
    index(folder, counts="any")
    assert Counting.reads == 2


def test_what_was_written_while_it_was_read_is_not_kept(folder: Path, cache: Path) -> None:
    os.utime(folder / "labels.txt", (0, time.time() + 60))
    index(folder)
    assert not (cache / "indexes").exists()


def test_a_changed_annotation_is_read_anew(folder: Path) -> None:
    before = index(folder)
    path = folder / "labels.txt"
    status = path.stat()
    text = path.read_text()
    path.write_text(text.replace("s0-1-0.png 1", "s0-1-0.png 3"))  # as long as it was
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    after = index(folder)
    assert Counting.reads == 2
    assert before.samples[0].label == "anger"
    assert after.samples[0].label == "neutral"


def test_an_image_that_is_gone_is_missed_though_no_annotation_has_changed(folder: Path) -> None:
    assert index(folder).findings == []
    (folder / "images" / "s0-1-0.png").unlink()
    assert [finding.check for finding in index(folder).findings] == ["missing-image"]


@pytest.mark.parametrize("damage", [b"", b"no json", b"[]", b'{"made_from": 1}'])
def test_a_damaged_memory_is_read_past(folder: Path, cache: Path, damage: bytes) -> None:
    index(folder)
    (path,) = (cache / "indexes").iterdir()
    path.write_bytes(damage)
    assert len(index(folder).samples) == 28
    assert Counting.reads == 2


def test_what_is_read_quickly_is_not_kept(folder: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_memory, "WORTH_SECONDS", 60.0)
    index(folder)
    assert not (cache / "indexes").exists()
