"""What every laboratory data set promises: its replica loads, its own numbers are told, other numbers are refused."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest

from ferbench import DataSource, Site
from ferbench.data.files import FileSource
from ferbench.data.replica import REPLICA, ReplicaSite, write_replica
from ferbench.errors import DataError
from ferbench.labels import EXPRESSIONS
from ferbench.plugins import Registry, import_function
from ferbench_fer_datasets import bu_3dfe_replica, faces
from ferbench_fer_datasets.multi_pie import CAMERAS, LIGHTS

OFFICIAL = {
    "ck-plus": {"sequences": 593, "subjects": 123, "labelled": 327, "contempt": 18},
    "oulu-casia": {"VL/Strong/sequences": 480, "VL/Strong/subjects": 80, "NI/Dark/fear": 80},
    "kdef": {"images": 4900, "subjects": 70, "angle FL": 980, "session A": 2450, "fear": 700},
    "jaffe": {"images": 213, "subjects": 10, "disgust": 29, "fear": 32},
    "multi-pie": {"subjects": 337, "session 2/subjects": 203, "session 2/camera 05_1/light 07": 609},
    "bu-3dfe": {"models": 2500, "subjects": 100, "anger": 400, "neutral": 100},
}

OWN_CLASSES = {"multi-pie": {"smile", "squint", "scream"}}

ALL_IMAGES = {"multi-pie": {"cameras": list(CAMERAS), "lights": list(range(LIGHTS))}}
"""Options under which everything is counted, where the default counts a part."""

pytestmark = pytest.mark.parametrize("name", OFFICIAL)

Open = Callable[..., FileSource[Any]]


def test_its_replica_loads_without_a_finding(
    name: str, replica: Callable[[str], Path], opened: Open, tmp_path: Path
) -> None:
    source = opened(name, replica(name))
    assert source.index.findings == []
    rows = source.load(Site(tmp_path / "site"))
    assert len(set(rows["id"])) == len(rows) == len(source.index.samples) >= 90
    assert set(rows.column_names) == source.columns()
    assert rows.features["label"].names == list(source.classes)
    assert set(source.classes) - set(EXPRESSIONS) == OWN_CLASSES.get(name, set())
    assert set(rows["label"]) == set(range(len(source.classes)))
    people = set(rows["subject"])
    assert "" not in people
    assert len(people) >= 8
    assert "a replica" in source.caveat()


def test_a_replica_counts_what_is_in_it(name: str, replica: Callable[[str], Path], opened: Open) -> None:
    written = json.loads((replica(name) / REPLICA).read_text())
    assert opened(name, replica(name), **ALL_IMAGES.get(name, {})).index.counts == written["counts"]


def test_a_replica_has_no_more_people_than_the_release(
    name: str, registry: Registry, opened: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names and numbers are what many people make go wrong: nothing is drawn, and of images only names are kept."""
    images: list[str] = []
    seeds: set[int] = set()
    face = faces.Face(np.zeros((2, 2, 3), np.uint8), np.zeros((5, 2), np.float32), (0, 0, 1, 1))
    monkeypatch.setattr(faces, "draw", lambda _, seed: seeds.add(seed) or face)
    monkeypatch.setattr(bu_3dfe_replica, "pose", lambda _, seed: seeds.add(seed))
    monkeypatch.setattr(faces, "save", lambda path, _: images.append(path.relative_to(tmp_path).as_posix()))
    monkeypatch.setattr(
        bu_3dfe_replica, "_write_model", lambda folder, name, _: images.append(f"{folder.name}/{name.stem}_F2D.bmp")
    )
    provided = registry.dataset(name, "a test")
    counts = import_function(str(provided.entry.replica), provided)(ReplicaSite(tmp_path, subjects=400, seed=7))
    texts = [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.txt")]
    assert seeds == {7}
    assert len(set(images)) == len(images)
    monkeypatch.setattr(FileSource, "files", frozenset([*images, *texts]))
    source = opened(name, tmp_path, **ALL_IMAGES.get(name, {}))
    assert {finding.check for finding in source.index.findings} == {"count"}  # of the release, not of a replica
    assert source.index.counts == counts
    assert 8 <= _people(counts) <= _people(source.official())


def _people(counts: Mapping[str, int]) -> int:
    return max(count for key, count in counts.items() if key.endswith("subjects"))


def test_the_same_seed_writes_the_same_replica(name: str, registry: Registry, tmp_path: Path) -> None:
    provided = registry.dataset(name, "a test")
    first, second = (write_replica(provided, ReplicaSite(tmp_path / place, subjects=2)) for place in ("a", "b"))
    assert len(first["files"]) > 20
    assert first == second


def test_its_own_numbers(name: str, registry: Registry, replica: Callable[[str], Path], opened: Open) -> None:
    official = opened(name, replica(name)).official()
    assert {key: official[key] for key in OFFICIAL[name]} == OFFICIAL[name]
    card = registry.dataset(name, "a test").entry.card
    assert all([card.layout, card.licence, card.homepage, card.citation, card.counts])
    assert {key: official[key] for key, _ in card.counts} == dict(card.counts)


def test_other_numbers_are_refused_unless_accepted(
    name: str, copy_of: Callable[[str], Path], opened: Open, tmp_path: Path
) -> None:
    folder = copy_of(name)
    (folder / REPLICA).unlink()
    with pytest.raises(DataError, match=r"expected \d+; found \d+ \(and \d+ more differences\)"):
        opened(name, folder).load(Site(tmp_path / "site"))
    accepted = opened(name, folder, counts="any")
    assert {finding.check for finding in accepted.index.findings} == {"count"}
    assert len(accepted.load(Site(tmp_path / "site"))) > 0
    assert accepted.caveat().startswith("not as released: ")


def test_the_identity_follows_every_image_and_annotation(
    name: str, copy_of: Callable[[str], Path], opened: Open
) -> None:
    folder = copy_of(name)
    source = opened(name, folder)
    before = _files(source)
    wanted = {sample.file for sample in source.index.samples} | set(source.index.annotations) | {REPLICA}
    assert set(before) == wanted
    some = sorted(wanted)[len(wanted) // 2]
    (folder / some).write_bytes((folder / some).read_bytes() + b"\n")
    after = _files(opened(name, folder))
    assert {file for file in wanted if before[file] != after[file]} == {some}


def _files(source: DataSource[Any]) -> Mapping[str, str]:
    files: Mapping[str, str] = source.identity()["files"]
    return files


def test_a_folder_without_its_files_is_refused(name: str, opened: Open, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=f"ferbench data layout {name}"):
        opened(name, tmp_path / "nowhere").load(Site(tmp_path / "site"))
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty/readme.txt").write_text("Nothing here.")
    found = opened(name, tmp_path / "empty").index.findings
    assert "structure" in {finding.check for finding in found}
    with pytest.raises(DataError, match=f"ferbench data layout {name}"):
        opened(name, tmp_path / "empty").load(Site(tmp_path / "site"))


def test_thumbnails_and_hidden_files_are_nobodys_sample(
    name: str, copy_of: Callable[[str], Path], opened: Open
) -> None:
    folder = copy_of(name)
    before = opened(name, folder).index
    some = folder / before.samples[0].file
    some.with_name("Thumbs.db").write_bytes(b"?")
    some.with_name(".DS_Store").write_bytes(b"?")
    after = opened(name, folder).index
    assert (after.findings, after.counts, after.samples) == ([], before.counts, before.samples)


def test_replicas_are_as_unbalanced_as_releases(
    name: str, rows: Callable[..., datasets.Dataset], replica: Callable[[str], Path]
) -> None:
    counts = Counter(rows(name, replica(name))["label"])
    assert (len(set(counts.values())) == 1) == (name in ("kdef", "bu-3dfe"))
