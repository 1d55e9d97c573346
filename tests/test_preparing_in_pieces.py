"""Preparing long: several processes give the same bytes as one, and a killed preparation goes on where it stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from toyfaces.data import Toy
from toyfaces.finder import Finder
from toyfaces.options import FinderOptions, ToyOptions

from ferbench.data import pieces as pieces_module
from ferbench.data import prepare as prepare_module
from ferbench.data.pieces import Pieces, PreparedRows
from ferbench.data.prepare import PIECE, Preparation, prepare
from ferbench.data.preprocess import Image, NoFace, Points, Prepared
from ferbench.data.store import Store, store_folder
from ferbench.errors import StorageError
from ferbench.spec import PreparedSpec

SPEC = PreparedSpec("toy", {}, "identity", "toy-finder", {}, "1", "drop", "source")
TOY = Toy(ToyOptions(subjects=24, per_subject=3))
BLIND = partial(Finder, FinderOptions(blind=(0,)))


def equal(first: Store, second: Store) -> bool:
    tables = first.table.equals(second.table)
    return tables and first.info["no_face"] == second.info["no_face"] and bool((first.images == second.images).all())


def test_several_processes_make_the_same_store_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    alone = prepare(Preparation(SPEC, TOY, BLIND))
    monkeypatch.setattr(prepare_module, "WORTH_SECONDS", 0.0)
    shared = prepare(Preparation(replace(SPEC, identity="again"), TOY, BLIND), workers=2)
    assert equal(alone, shared)
    assert len(alone.images) == 216 > 3 * PIECE  # several pieces, the last one smaller
    assert 0 < alone.dropped.sum() < 100
    assert not alone.images[alone.dropped].any()


class Slow:
    """Writes a line for each image, and takes its time."""

    def __init__(self, log: Path) -> None:
        self.log = log

    def __call__(self, image: Image, landmarks: Points | None, box: Points | None) -> Prepared | NoFace:
        with self.log.open("a") as stream:
            stream.write("x\n")
        time.sleep(0.005)
        return Prepared(np.ascontiguousarray(image[:4, :4]))


SCRIPT = """
import sys
from functools import partial
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from ferbench.data import prepare as prepare_module
from test_preparing_in_pieces import SPEC, TOY, Slow
from ferbench.data.prepare import Preparation, prepare
prepare_module.WORTH_SECONDS = float(sys.argv[3])
if __name__ == "__main__":
    prepare(Preparation(SPEC, TOY, partial(Slow, Path(sys.argv[1]))), workers=2)
"""


@pytest.mark.parametrize("worth", ["1e9", "0"], ids=["one process", "several"])
def test_a_killed_preparation_goes_on_where_it_stopped(tmp_path: Path, cache: Path, worth: str) -> None:
    log, script = tmp_path / "log", tmp_path / "script.py"
    script.write_text(SCRIPT)
    words = [sys.executable, str(script), str(log), str(Path(__file__).parent), worth]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen(words, env=environment, start_new_session=True)
    folder = store_folder(SPEC)
    notes = folder.with_name(f".work-{folder.name}") / "pieces"
    end = time.monotonic() + 60
    while not (notes.is_dir() and len(list(notes.glob("*.json"))) >= 2) and time.monotonic() < end:
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not folder.exists()
    kept = len(list(notes.glob("*.json")))
    assert 2 <= kept < 4
    log.unlink()
    subprocess.run(words, env=environment, check=True)
    done = len(log.read_text().splitlines())
    assert done == 216 - PIECE * kept  # nothing that was finished is done again, and nothing is left out
    assert equal(Store.open(SPEC), prepare(Preparation(replace(SPEC, identity="x"), TOY, partial(Slow, log))))
    assert not notes.parent.exists()


def test_pixels_that_are_not_as_they_were_written_are_made_again(tmp_path: Path) -> None:
    pieces = Pieces(tmp_path / "store", 4, 2, SPEC)
    images = [np.full((2, 2, 1), value, dtype=np.uint8) for value in (1, 2)]
    rows = [{"id": "a", "label": 0}, {"id": "b", "label": 1}]
    with pieces.working():
        pieces.add(0, PreparedRows(images, rows, []))
        pieces.add(1, PreparedRows(images, rows, []))
        assert pieces.missing() == []
    array = np.load(pieces.folder / "images.npy", mmap_mode="r+")
    array[3] = 9
    array.flush()
    again = Pieces(tmp_path / "store", 4, 2, SPEC)
    with again.working():
        assert again.missing() == [1]


def test_a_working_folder_that_nobody_comes_back_to_is_removed(tmp_path: Path) -> None:
    old, young = tmp_path / ".work-old", tmp_path / ".work-young"
    old.mkdir()
    young.mkdir()
    os.utime(old, (0, time.time() - pieces_module.ABANDONED_SECONDS - 1))
    with Pieces(tmp_path / "store", 1, 1, SPEC).working():
        assert not old.exists()
        assert young.exists()


def test_an_array_that_was_not_wholly_allocated_is_made_anew(tmp_path: Path) -> None:
    pieces = Pieces(tmp_path / "store", 2, 2, SPEC)
    pieces.folder.mkdir(parents=True)
    (pieces.folder / "images.part").write_bytes(b"")  # killed before it had its room
    images = [np.full((2, 2, 1), value, dtype=np.uint8) for value in (1, 2)]
    with pieces.working():
        assert pieces.missing() == [0]
        pieces.add(0, PreparedRows(images, [{"id": "a", "label": 0}, {"id": "b", "label": 1}], []))
        pieces.publish(["x", "y"])
    assert np.load(tmp_path / "store" / "images.npy")[:, 0, 0, 0].tolist() == [1, 2]
    assert sorted(path.name for path in (tmp_path / "store").iterdir()) == ["images.npy", "store.json", "table.parquet"]


class Deadly:
    """Ends its process, as the kernel does when memory runs out; not the parent's."""

    def __init__(self, parent: int) -> None:
        self.parent = parent

    def __call__(self, image: Image, landmarks: Points | None, box: Points | None) -> Prepared | NoFace:
        if os.getpid() != self.parent:
            os._exit(9)
        return Prepared(np.ascontiguousarray(image[:4, :4]))


def test_a_process_that_dies_is_told_and_what_is_done_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepare_module, "WORTH_SECONDS", 0.0)
    with pytest.raises(StorageError, match=r"most often for lack of memory.*run again with fewer workers"):
        prepare(Preparation(SPEC, TOY, partial(Deadly, os.getpid())), workers=2)
    folder = store_folder(SPEC)
    assert len(list((folder.with_name(f".work-{folder.name}") / "pieces").glob("*.json"))) == 1
