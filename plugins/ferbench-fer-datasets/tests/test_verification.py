"""`ferbench data verify` as a user calls it finds what goes wrong with copies of these data sets."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ferbench.data.replica import REPLICA

Spoil = Callable[[Path], None]


def verify(name: str, folder: Path, *words: str) -> tuple[int, dict[str, Any]]:
    """Return the exit code and what `--json` prints."""
    done = subprocess.run(
        [sys.executable, "-m", "ferbench.cli", "data", "verify", name, "--data-root", str(folder), "--json", *words],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, json.loads(done.stdout)


@dataclass(frozen=True)
class Case:
    """A fault.

    Attributes:
        dataset: of which data set.
        spoil: puts the fault into a copy.
        check: what kind of finding tells it.
        told: a part of that finding.
    """

    dataset: str
    spoil: Spoil
    check: str
    told: str


def lines_of(path: Path) -> list[str]:
    return path.read_text().splitlines()


def remove(pattern: str) -> Spoil:
    return lambda folder: min(folder.glob(pattern)).unlink()


def truncate(folder: Path) -> None:
    path = min(folder.glob("Image/aligned/train_*.jpg"))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def swap_codes(folder: Path) -> None:
    """Exchange 2 (fear) and 3 (disgust) throughout: another reading of the code table."""
    path = folder / "EmoLabel" / "list_patition_label.txt"
    other = {"2": "3", "3": "2"}
    path.write_text("\n".join(f"{name} {other.get(code, code)}" for name, code in map(str.split, lines_of(path))))


def repeat_across_splits(folder: Path) -> None:
    train, test = (min(folder.glob(f"Image/aligned/{part}_*.jpg")) for part in ("train", "test"))
    shutil.copyfile(train, test)


def compound_list(folder: Path) -> None:
    path = folder / "EmoLabel" / "list_patition_label.txt"
    names = [line.split()[0] for line in lines_of(path)]
    path.write_text("\n".join(f"{name} {1 + number % 11}" for number, name in enumerate(names)))


def left_before_top(folder: Path) -> None:
    """Write the boxes as left top right bottom, where the release has top left right bottom."""
    path = next(folder.rglob("label.lst"))
    made = []
    for line in lines_of(path):
        name, face, top, left, right, bottom, *rest = line.split()
        made.append(" ".join([name, face, left, top, right, bottom, *rest]))
    path.write_text("\n".join(made))


def split_a_subject(folder: Path) -> None:
    """Give the two sessions of everybody to two folds, as if they were two people."""
    names = sorted(path.stem for path in folder.rglob("*.JPG"))
    (folder / "division.csv").write_text("id,fold\n" + "\n".join(f"{name},{name[0]}" for name in names))


CASES = {
    "a missing file": Case("raf-db", remove("Image/aligned/train_*.jpg"), "missing-image", "train_00001_aligned.jpg"),
    "a truncated JPEG": Case("raf-db", truncate, "unreadable", "train_00001_aligned.jpg"),
    "a swapped label code": Case("raf-db", swap_codes, "count", "train/fear"),
    "a duplicate across splits": Case("raf-db", repeat_across_splits, "leak", "(test)"),
    "RAF-DB's compound list": Case("raf-db", compound_list, "structure", "compound"),
    "ExpW's columns in another order": Case("expw", left_before_top, "box", "left top right bottom"),
    "a KDEF subject split over folds": Case("kdef", split_a_subject, "subject-leak", "each subject in one fold"),
    "an AffectNet annotation without image": Case(
        "affectnet-8", remove("train_set/images/*.jpg"), "missing-image", "train_set/images/"
    ),
}


@pytest.mark.parametrize("fault", CASES)
def test_each_fault_is_found(fault: str, copy_of: Callable[[str], Path]) -> None:
    case = CASES[fault]
    folder = copy_of(case.dataset)
    code, before = verify(case.dataset, folder)
    assert code == 0, before["findings"]
    case.spoil(folder)
    code, found = verify(case.dataset, folder)
    assert code == 1
    told = [json.dumps(one, ensure_ascii=False) for one in found["findings"] if one["check"] == case.check]
    assert any(case.told in one for one in told), found["findings"]


def test_what_a_release_itself_has_may_be_accepted(copy_of: Callable[[str], Path]) -> None:
    folder = copy_of("raf-db")
    repeat_across_splits(folder)
    words = ("--accept", "leak", "--accept", "manifest")
    code, found = verify("raf-db", folder, *words)
    assert code == 0
    assert {one["check"] for one in found["findings"]} == {"leak", "manifest"}
    assert verify("raf-db", folder, *words[:2])[0] == 1


def test_two_laboratories_compare_their_copies(copy_of: Callable[[str], Path], tmp_path: Path) -> None:
    folder, manifest = copy_of("jaffe"), tmp_path / "jaffe.json"
    assert verify("jaffe", folder, "--write-manifest", str(manifest))[0] == 0
    assert verify("jaffe", folder, "--manifest", str(manifest))[0] == 0
    first, second = sorted(folder.rglob("*.tiff"))[:2]
    first.rename(second.with_name("spare"))
    second.rename(first)
    second.with_name("spare").rename(second)
    (folder / REPLICA).unlink()  # or the replica's own list of contents would tell as well
    code, found = verify("jaffe", folder, "--option", 'counts="any"', "--manifest", str(manifest))
    assert code == 1
    told = [one for one in found["findings"] if one["check"] == "manifest"]
    assert told[0]["expected"].startswith("the options")
    code, found = verify("jaffe", folder, "--manifest", str(manifest))
    (told,) = (one for one in found["findings"] if one["check"] == "manifest")
    assert len(told["items"]) == 2
    assert all(item.endswith("(another)") for item in told["items"])
