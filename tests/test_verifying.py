"""Verifying a copy: what differs is found, each by its own check; manifests tell two copies apart; replicas say so."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from toyfaces.data import Toy
from toyfaces.options import ToyOptions
from toyfaces.release import Release

from ferbench.data import verify as verify_module
from ferbench.data.contents import Contents, compare_contents
from ferbench.data.files import FileOptions, Index, Sample
from ferbench.data.replica import REPLICA, ReplicaSite, write_replica
from ferbench.data.verify import Verification, verify
from ferbench.datasource import Site
from ferbench.errors import DataError, InputError
from ferbench.options import parse_options
from ferbench.plugins import Registry


@pytest.fixture
def folder(tmp_path: Path, registry: Registry) -> Path:
    """Return a replica that no longer says that it is one: its own counts are no longer expected."""
    write_replica(registry.dataset("toy-release", "test"), ReplicaSite(tmp_path / "toy-release", subjects=4))
    return tmp_path / "toy-release"


def release(folder: Path, counts: str = "official") -> Release:
    return Release(parse_options(FileOptions, {"counts": counts}, "test"), folder)


def verified(folder: Path, known: Contents | None = None, workers: int = 1) -> Verification:
    return verify(release(folder), "toy-release", known=known, workers=workers, site=Site(folder.parent / "cache"))


def checks(found: Verification) -> list[str]:
    return [finding.check for finding in found.findings]


def test_a_replica_verifies_and_says_that_it_is_one(folder: Path) -> None:
    found = verified(folder)
    assert found.findings == []
    assert found.images == 28
    assert found.copy_of == "a replica: synthetic images in its layout, not the data set"
    assert found.counts == found.expected == {
        "train/anger": 6, "train/happiness": 9, "train/neutral": 6,
        "test/anger": 2, "test/happiness": 3, "test/neutral": 2,
    }  # fmt: skip
    assert json.loads((folder / REPLICA).read_text())["replica_of"] == "toy-release"


def edit(folder: Path, old: str, new: str) -> None:
    path = folder / "labels.txt"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-30])


def repeat(path: Path, other: Path, *, anew: bool = False) -> None:
    """Give `other` the pixels of `path`, be it in another encoding."""
    with Image.open(path) as image:
        image.save(other, compress_level=1 if anew else 6)


DAMAGE: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "a missing image": (lambda f: (f / "images/s0-1-0.png").unlink(), "missing-image", "1: images/s0-1-0.png"),
    "a truncated image": (lambda f: truncate(f / "images/s0-1-0.png"), "unreadable", "1: images/s0-1-0.png (OSError"),
    "an unknown code": (lambda f: edit(f, "s0-1-0.png 1", "s0-1-0.png 7"), "annotation", "1: s0-1-0.png 7"),
    "another code": (lambda f: edit(f, "s0-2-0.png 2", "s0-2-0.png 3"), "count", "8"),
    "an image twice": (
        lambda f: repeat(f / "images/s0-1-0.png", f / "images/s1-1-0.png", anew=True),
        "duplicate",
        "1: images/s0-1-0.png (train) = images/s1-1-0.png (train)",
    ),
    "an image on both sides": (
        lambda f: repeat(f / "images/s0-1-0.png", f / "images/s3-1-0.png"),
        "leak",
        "1: images/s0-1-0.png (train) = images/s3-1-0.png (test)",
    ),
    "a subject on both sides": (
        lambda f: edit(f, "test s3 2 2 14 14", "test s2 2 2 14 14"), "subject-leak", "1: s2 (test, train)"
    ),
    "a box outside its image": (
        lambda f: edit(f, "train s1 2 2 14 14", "train s1 2 2 14 19"), "box", "7: s1-1-0.png, s1-1-1.png, s1-2-0.png"
    ),
    "a box without area": (
        lambda f: edit(f, "train s1 2 2 14 14", "train s1 14 2 2 14"), "box", "7: s1-1-0.png"
    ),
    "no list": (lambda f: (f / "labels.txt").unlink(), "structure", "no such file"),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGE)
def test_each_damage_is_found_by_its_own_check(folder: Path, damage: str) -> None:
    before = verified(folder).contents
    harm, check, told = DAMAGE[damage]
    harm(folder)
    found = verified(folder)
    (finding,) = (one for one in found.findings if one.check == check and one.found.startswith(told))
    assert finding.expected
    assert "manifest" in checks(found)  # a replica knows its own contents
    assert compare_contents(before, found.contents) != []
    with (
        pytest.raises(DataError)
        if check not in {"unreadable", "duplicate", "leak", "subject-leak", "box"}
        else (_nothing())
    ):
        release(folder).load(Site(folder.parent / "cache"))


class _nothing:
    def __enter__(self) -> None: ...
    def __exit__(self, *_: object) -> None: ...


def test_a_picture_that_its_source_cannot_give_is_a_finding(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = Release.picture

    def picture(self: Release, sample: Sample) -> dict[str, Any]:
        if sample.id == "s0-1-0.png":
            raise DataError(expected="256 pixels", found="255", where="row 3", remedy="get the file again")
        return plain(self, sample)

    monkeypatch.setattr(Release, "picture", picture)
    (finding,) = verified(folder).findings
    assert finding.check == "unreadable"
    assert finding.found == "1: images/s0-1-0.png (expected 256 pixels; found 255)"


def test_processes_find_what_one_finds(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    truncate(folder / "images/s0-1-0.png")
    repeat(folder / "images/s0-1-1.png", folder / "images/s3-1-0.png")
    alone = verified(folder)
    monkeypatch.setattr(verify_module, "FEW", 0)
    monkeypatch.setattr(verify_module, "PIECE", 5)
    shared = verified(folder, workers=2)
    assert shared.as_json() == alone.as_json()


def test_the_release_expects_the_release_s_numbers(folder: Path) -> None:
    (folder / REPLICA).unlink()
    found = verified(folder)
    assert set(checks(found)) == {"count"}
    assert ("1000", "6", "train/anger") in [(one.expected, one.found, one.where) for one in found.findings]
    with pytest.raises(DataError, match=r"expected 1000; found 6 \(and 5 more differences\); in train/anger"):
        release(folder).load(Site(folder.parent / "cache"))


def test_other_numbers_may_be_accepted_and_are_told(folder: Path) -> None:
    (folder / REPLICA).unlink()
    source = release(folder, counts="any")
    assert len(source.load(Site(folder.parent / "cache"))) == 28
    assert source.caveat() == "not as released: train/anger 6, expected 1000"


def test_a_replica_of_another_data_set_is_refused(folder: Path) -> None:
    path = folder / REPLICA
    path.write_text(path.read_text().replace('"toy-release"', '"other"'))
    with pytest.raises(DataError, match="a replica of other"):
        release(folder).caveat()


def test_a_manifest_tells_equal_copies_and_different_ones(folder: Path, tmp_path: Path) -> None:
    known = verified(folder).contents
    path = tmp_path / "manifest.json"
    path.write_bytes(known.write())
    copy = tmp_path / "elsewhere"
    shutil.copytree(folder, copy)
    read = Contents.read(path)
    assert read.digest == known.digest
    assert verified(copy, known=read).findings == []
    # Two labels exchanged: every count is as before, and no image has changed.
    edit(copy, "s0-1-0.png 1", "s0-1-0.png 3")
    edit(copy, "s0-3-0.png 3", "s0-3-0.png 1")
    (copy / REPLICA).unlink()
    found = [one for one in verified(copy, known=read).findings if one.check == "manifest"]
    assert [one.items for one in found] == [
        ("labels.txt (another)",),
        ("s0-1-0.png (another)", "s0-3-0.png (another)"),
    ]


def test_a_manifest_that_was_altered_or_is_none_is_refused(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    content = json.loads(verified(folder).contents.write())
    content["samples"]["s0-1-0.png"] = "0" * 16
    path.write_text(json.dumps(content))
    with pytest.raises(DataError, match="the manifest was altered"):
        Contents.read(path)
    path.write_text("[]")
    with pytest.raises(DataError, match="a manifest that 'ferbench data verify --write-manifest' wrote"):
        Contents.read(path)


def test_data_sets_that_are_no_folder_are_verified_as_they_load(tmp_path: Path) -> None:
    found = verify(Toy(ToyOptions(subjects=4)), "toy", site=Site(tmp_path))
    assert found.findings == []
    assert found.images == 36
    assert found.counts["train/anger"] == 9


def test_a_photograph_whose_faces_stand_in_two_parts_is_a_leak(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = Release.read

    def both(self: Release) -> Index:
        index = read(self)
        first = index.samples[0]
        index.samples.append(Sample("another face", first.file, first.label, {**first.columns, "split": "test"}))
        return index

    monkeypatch.setattr(Release, "read", both)
    (finding,) = (one for one in verified(folder).findings if one.check == "leak")
    assert finding.items == ("images/s0-1-0.png (test/train)",)


def test_a_given_split_is_told_and_is_not_the_release_s(folder: Path) -> None:
    (folder / REPLICA).unlink()
    division(folder, "split", lambda name: "test" if name[1] == "0" else "train")
    assert release(folder, counts="any").caveat() == "divided as its division.csv says, not as released"


def division(folder: Path, column: str, value: Callable[[str], str]) -> None:
    names = [line.split()[0] for line in (folder / "labels.txt").read_text().splitlines()]
    (folder / "division.csv").write_text("\n".join([f"id,{column}", *(f"{name},{value(name)}" for name in names)]))


def test_a_given_division_becomes_a_column_and_is_verified(folder: Path) -> None:
    division(folder, "fold", lambda name: "a" if name[1] in "01" else "b")
    source = release(folder)
    assert "fold" in source.columns()
    data = source.load(Site(folder.parent / "cache"))
    assert {(row["subject"], row["fold"]) for row in data} == {("s0", "a"), ("s1", "a"), ("s2", "b"), ("s3", "b")}
    division(folder, "fold", lambda name: "a" if name[-5] == "0" else "b")
    found = verified(folder)
    (finding,) = (one for one in found.findings if one.check == "subject-leak")
    assert finding.expected == "each subject in one fold"
    assert len(finding.items) == 4


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("id,part\nx,1\n", "id, part"),
        ("id,split\ns0-1-0.png,trane\n", "unknown split: 1: s0-1-0.png: trane"),
        ("id,fold\nother.png,1\n", "no such image: 1: other.png"),
        ("fold,id\n1\n", "no such image: 1: "),
    ],
)
def test_a_given_division_that_does_not_fit_is_told(folder: Path, text: str, told: str) -> None:
    (folder / "division.csv").write_text(text)
    assert any(one.check == "annotation" and told in one.found for one in verified(folder).findings)


def test_a_replica_is_not_written_over_something(folder: Path, registry: Registry) -> None:
    with pytest.raises(InputError, match="a new or an empty folder"):
        write_replica(registry.dataset("toy-release", "test"), ReplicaSite(folder))
    with pytest.raises(InputError, match="toy-at-home, which has none"):
        write_replica(registry.dataset("toy-at-home", "test"), ReplicaSite(folder.parent / "new"))


def test_the_same_seed_writes_the_same_replica(tmp_path: Path, registry: Registry) -> None:
    provided = registry.dataset("toy-release", "test")
    first, again, other = (
        write_replica(provided, ReplicaSite(tmp_path / name, subjects=4, seed=seed))
        for name, seed in (("a", 0), ("b", 0), ("c", 1))
    )
    assert first["files"] == again["files"] != other["files"]
