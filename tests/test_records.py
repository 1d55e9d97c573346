"""Records: complete or absent, as they were written, and a folder that cannot be written is told before and after."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import load_file

from ferbench.errors import InputError, RecordError
from ferbench.places import new_folder, write_atomically
from ferbench.predictions import Predictions
from ferbench.records import PREDICTIONS, RECORD, STATE, SUMS, RecordStore, prediction_table

ID, DESIGN = "ab" * 32, "cd" * 32


def predictions(seed: int) -> Predictions:
    rng = np.random.default_rng(seed)
    raw = rng.random((7, 3))
    return Predictions(
        ids=np.asarray([f"é/{row}.jpg" for row in range(7)]),
        probabilities=(raw / raw.sum(axis=1, keepdims=True)).astype(np.float32),
        labels=np.arange(7) % 3,
        classes=("anger", "fear", "neutral"),
        columns={"subject": np.asarray(list("aabbccd")), "pose": rng.normal(size=7), "age": np.arange(7)},
        extras={"map": rng.normal(size=(7, 2, 4)).astype(np.float32), "gate": rng.normal(size=7).astype(np.float32)},
    )


EPOCHS = {3: predictions(3), 5: predictions(5)}
CONTENT: dict[str, Any] = {
    "id": ID,
    "design_id": DESIGN,
    "classes": ["anger", "fear", "neutral"],
    "selected_epochs": {"validation": 3, "last": 5, "oracle": 3},
    "metrics": {"validation": {"accuracy": 0.25}, "last": {"accuracy": 0.5}, "oracle": {"accuracy": 0.25}},
}


@pytest.fixture
def store(tmp_path: Path) -> RecordStore:
    return RecordStore(tmp_path / "results")


def write(store: RecordStore, **more: object) -> None:
    store.write({**CONTENT, **more}, {PREDICTIONS: prediction_table(EPOCHS)})


def everything_in(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def test_what_was_written_is_read_again(store: RecordStore) -> None:
    write(store)
    record = store.read(ID)
    assert store.done() == {ID}
    assert store.designs() == {DESIGN}
    assert record.id == ID
    assert record.metrics("last") == {"accuracy": 0.5}
    for selection, epoch in (("validation", 3), ("last", 5)):
        read, made = record.predictions(selection), EPOCHS[epoch]
        assert read.classes == made.classes
        assert (read.ids == made.ids).all()
        assert (read.labels == made.labels).all()
        assert read.probabilities.dtype == np.float32
        assert (read.probabilities == made.probabilities).all()
        assert set(read.columns) == set(made.columns)
        for name, values in {**made.columns, **made.extras}.items():
            assert ({**read.columns, **read.extras}[name] == values).all(), name


def test_a_kept_state_is_read_again(store: RecordStore) -> None:
    state = {"net.weight": torch.arange(6.0).reshape(2, 3).T, "steps": torch.tensor(3)}
    store.write(CONTENT, {PREDICTIONS: prediction_table(EPOCHS)}, state)
    read = load_file(store.read(ID).folder / STATE)
    assert set(read) == set(state)
    assert all(torch.equal(read[name], value) for name, value in state.items())


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: truncate(folder / PREDICTIONS), f"altered: {PREDICTIONS}"),
        (lambda folder: flip(folder / PREDICTIONS), f"altered: {PREDICTIONS}"),
        (lambda folder: (folder / RECORD).write_text("{}"), f"altered: {RECORD}"),
        (
            lambda folder: (folder / RECORD).write_text((folder / RECORD).read_text().replace("0.25", "0.99")),
            f"altered: {RECORD}",
        ),
        (lambda folder: (folder / SUMS).unlink(), "a complete record; found FileNotFoundError"),
        (lambda folder: (folder / SUMS).write_text(""), "altered: the list itself"),
        (lambda folder: (folder / SUMS).write_text("nonsense"), "a complete record; found ValueError"),
        (lambda folder: (folder / PREDICTIONS).unlink(), "a complete record; found FileNotFoundError"),
        (shutil.rmtree, "a complete record; found FileNotFoundError"),
    ],
)
def test_a_damaged_record_is_refused_with_what_to_do(
    store: RecordStore, damage: Callable[[Path], object], message: str
) -> None:
    write(store)
    damage(store.records / ID)
    with pytest.raises(RecordError, match=f"{message}.*{ID}; remove that folder and run the cell again"):
        store.read(ID)


def test_a_record_in_the_wrong_folder_is_refused(store: RecordStore) -> None:
    write(store)
    (store.records / ID).rename(store.records / DESIGN)
    with pytest.raises(RecordError, match="the id of its folder"):
        store.read(DESIGN)


def test_a_record_of_another_schema_is_refused(store: RecordStore) -> None:
    write(store, schema=99)
    with pytest.raises(RecordError, match=r"schema 1 .*found schema 99"):
        store.read(ID)


def test_the_first_of_two_writers_wins(store: RecordStore) -> None:
    write(store)
    write(store, metrics={})
    assert store.read(ID).metrics("last") == {"accuracy": 0.5}
    assert everything_in(store.records) == [ID, *sorted(f"{ID}/{name}" for name in (PREDICTIONS, RECORD, SUMS))]


def test_a_record_that_cannot_be_completed_leaves_nothing(store: RecordStore) -> None:
    with pytest.raises(ValueError, match="Out of range float"):
        write(store, metrics={"last": {"accuracy": float("nan")}})
    assert everything_in(store.root) == ["records"]
    assert store.done() == frozenset()


def test_a_writer_killed_in_the_middle_leaves_nothing_that_counts_and_is_swept_later(store: RecordStore) -> None:
    with pytest.raises(KeyboardInterrupt), new_folder(store.records / ID) as aside:  # noqa: PT012  a death in the middle
        (aside / RECORD).write_text("half")
        assert store.done() == frozenset(), "not there before it is complete"
        copy = aside.with_name(f"{aside.name}-killed")
        shutil.copytree(aside, copy)  # what would stay behind if the process had died here
        raise KeyboardInterrupt
    assert everything_in(store.records) == [copy.name, f"{copy.name}/{RECORD}"]
    assert store.done() == frozenset()
    store.sweep()
    assert copy.exists(), "it may be another writer's, at work"
    old = time.time() - 4000
    os.utime(copy, (old, old))
    write(store)
    store.sweep()
    assert not copy.exists()
    assert store.done() == {ID}


def test_failures_are_kept_until_the_cell_succeeds(store: RecordStore) -> None:
    store.write_failure(ID, {"error": "ValueError: no", "traceback": "…"})
    assert store.failed() == {ID}
    assert store.read_failure(ID)["error"] == "ValueError: no"
    write(store)
    assert store.failed() == frozenset()
    store.write_failure(DESIGN, {"error": "x"})
    store.forget_failure(DESIGN)
    store.forget_failure(DESIGN)
    assert store.failed() == frozenset()


def test_an_unreadable_failure_says_so(store: RecordStore) -> None:
    store.write_failure(ID, {"error": "x"})
    (store.failures / f"{ID}.json").write_text('{"err')
    assert "unreadable failure record" in store.read_failure(ID)["error"]


def test_an_empty_results_folder_has_no_records(store: RecordStore) -> None:
    assert (store.done(), store.failed(), store.designs()) == (frozenset(), frozenset(), frozenset())
    store.sweep()


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    """Yield a folder that this process may not write, even where the tests run as root."""
    folder = tmp_path / "read-only"
    folder.mkdir()
    folder.chmod(0o555)
    for parent in [tmp_path, *tmp_path.parents]:
        if parent.stat().st_uid == os.geteuid() and parent.stat().st_mode & 0o055 != 0o055:
            parent.chmod(parent.stat().st_mode | 0o055)
    if os.geteuid() == 0:
        os.seteuid(65534)
        yield folder
        os.seteuid(0)
    else:
        yield folder


def test_a_read_only_folder_is_told_with_a_remedy(read_only: Path) -> None:
    store = RecordStore(read_only)
    remedy = "a folder that can be written; found Permission denied; .*choose another folder .--results DIR"
    with pytest.raises(InputError, match=remedy):
        store.check_writable()
    with pytest.raises(InputError, match=remedy):
        write(store)
    with pytest.raises(InputError, match=remedy):
        store.write_failure(ID, {"error": "x"})
    assert everything_in(read_only) == []


def test_a_file_in_the_place_of_the_results_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "results").write_text("I was here first")
    store = RecordStore(tmp_path / "results")
    with pytest.raises(InputError, match="a results folder; found a file"):
        store.done()
    with pytest.raises(InputError, match="a folder that can be written"):
        store.check_writable()
    with pytest.raises(InputError, match="a folder that can be written"):
        write(store)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
@pytest.mark.parametrize("step", ["fsync", "parquet", "text"])
def test_a_full_disk_is_told_and_leaves_nothing(
    store: RecordStore, monkeypatch: pytest.MonkeyPatch, code: int, step: str
) -> None:
    def full(*args: object, **options: object) -> None:
        raise OSError(code, os.strerror(code))

    place, name = {"fsync": (os, "fsync"), "parquet": (pq, "write_table"), "text": (Path, "write_text")}[step]
    monkeypatch.setattr(place, name, full)
    with pytest.raises(InputError, match=r"room to write; .*free some space and run again; finished cells are kept"):
        write(store)
    assert everything_in(store.root) == ["records"]
    monkeypatch.undo()
    write(store)
    store.read(ID)


def test_a_really_full_device_is_told() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full on this system")
    from ferbench.places import explained

    with pytest.raises(InputError, match="room to write"), explained(Path("/dev/full")):
        Path("/dev/full").write_text("x")


def test_a_file_appears_complete_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "deep" / "file.json"
    write_atomically(path, b"first")

    def interrupted(source: object, target: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(path, b"second, half")
    assert path.read_bytes() == b"first"
    assert everything_in(path.parent) == ["file.json"]


def test_records_are_readable_by_others(store: RecordStore) -> None:
    write(store)
    assert (store.records / ID).stat().st_mode & 0o777 == 0o755
    content = json.loads((store.records / ID / RECORD).read_text())
    assert content["schema"] == 1


def test_tables_are_read_as_they_were_written_and_fractions_take_less_room(store: RecordStore, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    chances = rng.dirichlet(np.full(10, 0.05), 3000).astype(np.float32)
    columns = {
        "id": [f"sample-{i}" for i in range(3000)],
        "probabilities": chances.tolist(),
        "yaw": rng.normal(size=3000),
        "label": rng.integers(0, 10, 3000),
        "words": [["a", "b"]] * 3000,
    }
    table = pa.table({**columns, "probabilities": pa.array(columns["probabilities"], pa.list_(pa.float32()))})
    store.write({"id": ID, "design_id": DESIGN}, {"predictions.parquet": table})
    written = store.records / ID / "predictions.parquet"
    assert pq.read_table(written).equals(table)
    pq.write_table(table, tmp_path / "plain.parquet", compression="zstd")
    assert written.stat().st_size < 0.85 * (tmp_path / "plain.parquet").stat().st_size


def test_what_is_written_may_be_read_by_whom_other_files_may(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    (tmp_path / "folder").mkdir()
    write_atomically(tmp_path / "page.html", b"x")
    with new_folder(tmp_path / "record") as folder:
        (folder / "inside").touch()
    assert (tmp_path / "page.html").stat().st_mode == (tmp_path / "plain").stat().st_mode
    assert (tmp_path / "record").stat().st_mode == (tmp_path / "folder").stat().st_mode


def test_a_copy_has_the_same_rows_and_packs_what_was_written_loosely(store: RecordStore, tmp_path: Path) -> None:
    write(store)
    folder = store.records / ID
    loose = pq.read_table(folder / PREDICTIONS)
    pq.write_table(loose, folder / PREDICTIONS, compression="none")
    sums = [f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}" for name in (PREDICTIONS, RECORD)]
    (folder / SUMS).write_text("\n".join(sums) + "\n")
    other = RecordStore(tmp_path / "other")
    store.copy(ID, other)
    assert pq.read_table(other.records / ID / PREDICTIONS).equals(loose)
    assert (other.records / ID / PREDICTIONS).stat().st_size < (folder / PREDICTIONS).stat().st_size
    assert other.read(ID).content == store.read(ID).content
    (folder / RECORD).write_text("{}")
    with pytest.raises(RecordError):
        store.copy(ID, RecordStore(tmp_path / "third"))
