"""The zip of a submission: traps are refused before anything is unpacked."""

from __future__ import annotations

import errno
import struct
import tempfile
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferbench.errors import StorageError
from ferbench.submission.archive import Limits, RefusedArchiveError, unpack


def an_archive(path: Path, *names: str, content: bytes = b"{}") -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, content)
    return path


@pytest.mark.parametrize(
    "name",
    [
        "../submission.json",
        "/etc/passwd",
        "records/../../x",
        "records/" + "a" * 64 + "/../record.json",
        "records/" + "A" * 64 + "/record.json",
        "records/" + "a" * 64 + "/state.safetensors",
        "submission.json/",
        "images/0001.png",
        "submission.json\n",
    ],
)
def test_names_that_no_submission_has_are_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(RefusedArchiveError, match="which no submission has"):
        unpack(an_archive(tmp_path / "x.zip", "submission.json", name), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_link_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        entry = zipfile.ZipInfo("submission.json")
        entry.external_attr = 0o120777 << 16
        archive.writestr(entry, "/etc/passwd")
    with pytest.raises(RefusedArchiveError, match="no plain file"):
        unpack(tmp_path / "x.zip", tmp_path / "out")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RefusedArchiveError, match="twice"):
        unpack(an_archive(tmp_path / "x.zip", "submission.json", "submission.json"), tmp_path / "out")


def test_what_unpacks_to_too_much_is_refused(tmp_path: Path) -> None:
    bomb = an_archive(tmp_path / "x.zip", "submission.json", content=b"0" * 5_000_000)
    assert bomb.stat().st_size < 10_000
    with pytest.raises(RefusedArchiveError, match="unpacks to more than 1000000 bytes"):
        unpack(bomb, tmp_path / "out", Limits(text=1_000_000))
    with pytest.raises(RefusedArchiveError, match="unpacks to more than"):
        unpack(bomb, tmp_path / "out2", Limits(total=1_000_000))
    with pytest.raises(RefusedArchiveError, match="at most 100 are read"):
        unpack(bomb, tmp_path / "out3", Limits(packed=100))
    with pytest.raises(RefusedArchiveError, match="2 files; at most 1"):
        unpack(
            an_archive(tmp_path / "y.zip", "submission.json", "records/" + "a" * 64 + "/record.json"),
            tmp_path / "out4",
            Limits(files=1),
        )


def test_a_size_that_is_a_lie_does_not_help(tmp_path: Path) -> None:
    bomb = an_archive(tmp_path / "x.zip", "submission.json", content=b"0" * 5_000_000)
    data = bytearray(bomb.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        struct.pack_into("<I", data, data.index(signature) + offset, 10)
    bomb.write_bytes(bytes(data))
    with pytest.raises(RefusedArchiveError):
        unpack(bomb, tmp_path / "out", Limits(text=1_000_000))


@pytest.mark.parametrize("content", [b"", b"PK", b"not a zip at all" * 100])
def test_what_is_no_zip_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_bytes(content)
    with pytest.raises(RefusedArchiveError, match="no sound zip"):
        unpack(tmp_path / "x.zip", tmp_path / "out")


def test_an_encrypted_file_is_refused(tmp_path: Path) -> None:
    data = bytearray(an_archive(tmp_path / "x.zip", "submission.json").read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(signature) + offset] |= 1
    (tmp_path / "x.zip").write_bytes(bytes(data))
    with pytest.raises(RefusedArchiveError, match="is encrypted"):
        unpack(tmp_path / "x.zip", tmp_path / "out")


def test_a_full_disk_is_no_fault_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    archive = an_archive(tmp_path / "x.zip", "submission.json")
    monkeypatch.setattr(Path, "mkdir", full)
    with pytest.raises(StorageError, match="room to write"):
        unpack(archive, tmp_path / "out")


@pytest.mark.parametrize("packing", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_packings_that_unpack_without_measure_are_refused(packing: int, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w", packing) as archive:
        archive.writestr("submission.json", b"0" * 5_000_000)
    with pytest.raises(RefusedArchiveError, match="packed otherwise than stored or deflated"):
        unpack(tmp_path / "x.zip", tmp_path / "out")


@given(place=st.integers(0, 10_000), byte=st.integers(0, 255), cut=st.integers(0, 40))
def test_a_damaged_file_is_refused_or_unpacked_and_breaks_nothing(place: int, byte: int, cut: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = an_archive(Path(folder) / "x.zip", "submission.json", "records/" + "a" * 64 + "/record.json")
        whole = bytearray(path.read_bytes())
        whole[place % len(whole)] = byte
        path.write_bytes(bytes(whole[: len(whole) - cut]))
        with suppress(RefusedArchiveError):
            unpack(path, Path(folder) / "out")
        assert {one.name for one in Path(folder).iterdir()} <= {"x.zip", "out"}
