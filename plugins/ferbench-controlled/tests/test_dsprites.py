"""dSprites on a replica: what is drawn, how it is resized, what is never read, and what can be wrong with a copy."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferbench import Site
from ferbench.data.verify import verify
from ferbench.errors import DataError
from ferbench_controlled import dsprites_file as file
from ferbench_controlled.area import shrunk
from ferbench_controlled.dsprites import IMAGES, SCALE_NAMES, chosen_rows
from ferbench_controlled.options import DspritesOptions
from ferbench_controlled.shapes import SHAPES


def arrays(folder: Path) -> dict[str, np.ndarray]:
    with np.load(folder / file.FILE) as archive:
        return {name: archive[name] for name in ("imgs", "latents_values", "latents_classes")}


def rewrite(folder: Path, **changed: np.ndarray) -> None:
    kept = {name: array for name, array in {**arrays(folder), **changed}.items() if array is not None}
    np.savez_compressed(folder / file.FILE, **kept)


@pytest.mark.parametrize("name", ["dsprites", "dsprites-scale"])
def test_rows_are_those_of_the_file(name, replica, rows) -> None:
    released, data = arrays(replica("dsprites")), rows(name, replica("dsprites"), train=200, test=60)
    for key, row in data.items():
        number = int(key)
        _, shape, scale, orientation, x, y = released["latents_values"][number]
        shown = row["label"] if name == "dsprites" else row["shape"]
        assert shown == SHAPES[round(shape) - 1]
        assert row["scale" if name == "dsprites" else "target"] == pytest.approx(scale)
        assert (row["orientation"], row["x"], row["y"]) == pytest.approx((np.rad2deg(orientation), x, y))
        if name == "dsprites-scale":
            assert row["label"] == f"{scale:.1f}"
        # OpenCV averages in floating point and rounds half to even.
        oracle = cv2.resize(released["imgs"][number] * np.float32(255), (28, 28), interpolation=cv2.INTER_AREA)
        assert np.abs(row["image"] - oracle).max() < 0.51
    assert [sum(row["split"] == part for row in data.values()) for part in ("train", "test")] == [200, 60]


@given(st.integers(0, 2**32 - 1), st.integers(1, 300), st.integers(1, 300))
def test_training_and_test_images_are_disjoint_and_no_whole_turn_is_among_them(replica, seed, train, test) -> None:
    latents = file.read_latents(replica("dsprites") / file.FILE)
    usable = int((latents.classes[:, file.ORIENTATION] < 39).sum())
    for_training, for_test = chosen_rows(latents, DspritesOptions(seed=seed, train=train, test=test))
    both = np.concatenate([for_training, for_test])
    assert len(np.unique(both)) == len(both) == min(train + test, usable)
    assert (latents.classes[both, file.ORIENTATION] < 39).all()


def test_more_of_one_part_leaves_the_other_and_what_was_there(replica) -> None:
    latents = file.read_latents(replica("dsprites") / file.FILE)
    few, more = (chosen_rows(latents, DspritesOptions(train=train, test=50)) for train in (100, 200))
    assert np.array_equal(few[1], more[1])
    assert set(few[0]) < set(more[0])
    other, _ = chosen_rows(latents, DspritesOptions(train=100, test=50, seed=1))
    assert not np.array_equal(few[0], other)


@given(st.integers(0, 2**32 - 1), st.sampled_from([(64, 28), (64, 32), (9, 6), (5, 5)]))
def test_areas_are_averaged_as_another_implementation_does(seed, sides) -> None:
    before, after = sides
    masks = np.random.default_rng(seed).integers(0, 2, (3, before, before), dtype=np.uint8)
    for mask, made in zip(masks, shrunk(masks, after), strict=True):
        oracle = cv2.resize(mask * np.float32(255), (after, after), interpolation=cv2.INTER_AREA)
        assert np.abs(made - oracle).max() < 0.51


def test_the_release_has_the_numbers_that_its_makers_state() -> None:
    assert np.prod(file.SIZES) == IMAGES == 737_280


@pytest.mark.parametrize("name", ["dsprites", "dsprites-scale"])
def test_a_replica_of_one_data_set_verifies_as_either(name, replica, opened, tmp_path) -> None:
    found = verify(opened(name, replica("dsprites")), name, site=Site(tmp_path))
    assert found.images == 3 * 6 * 5 * 4
    assert list(found.findings) == []


def test_no_whole_turn_is_needed_to_find_a_leak(replica) -> None:
    # Why orientation 39 is left out: its images are those of orientation 0.
    released = arrays(replica("dsprites"))
    turns = [released["imgs"][released["latents_classes"][:, file.ORIENTATION] == turn] for turn in (0, 39)]
    assert np.array_equal(*turns)


class Poison:
    """What must never be unpickled."""

    def __reduce__(self):
        return (pytest.fail, ("the pickled metadata was read",))


def test_pickled_metadata_is_never_read(copy_of, rows) -> None:
    folder = copy_of("dsprites")
    rewrite(folder, metadata=np.asarray(Poison(), dtype=object))
    with pytest.raises(pytest.fail.Exception), np.load(folder / file.FILE, allow_pickle=True) as archive:
        archive["metadata"]
    assert len(rows("dsprites", folder)) == 3 * 6 * 5 * 4


def missing(folder: Path) -> str:
    (folder / file.FILE).unlink()
    return f"dSprites' data file {file.FILE}; found no such file"


def other_file(folder: Path) -> str:
    (folder / file.FILE).write_bytes(b"no archive")
    return "BadZipFile"


def cut_off(folder: Path) -> str:
    content = (folder / file.FILE).read_bytes()
    (folder / file.FILE).write_bytes(content[: len(content) // 2])
    return "BadZipFile"


def without_classes(folder: Path) -> str:
    rewrite(folder, latents_classes=None)
    return "no latents_classes.npy in it"


def fewer_latents(folder: Path) -> str:
    rewrite(folder, latents_values=arrays(folder)["latents_values"][:-1])
    return r"latents_values of the shape \(431, 6\) for 432 images"


def other_pixels(folder: Path) -> str:
    rewrite(folder, imgs=arrays(folder)["imgs"][:, :32, :32])
    return r"images of the shape \(432, 32, 32\)"


def grey_pixels(folder: Path) -> str:
    rewrite(folder, imgs=arrays(folder)["imgs"] * 255)
    return "a pixel of 255"


def unknown_scale(folder: Path) -> str:
    values = arrays(folder)["latents_values"]
    values[0, file.SCALE] = 0.55
    rewrite(folder, latents_values=values)
    return f"the scales {', '.join(SCALE_NAMES)}"


def unknown_class(folder: Path) -> str:
    classes = arrays(folder)["latents_classes"]
    classes[0, file.SHAPE] = 3
    rewrite(folder, latents_classes=classes)
    return "latents_classes beyond the sizes"


def fewer_images(folder: Path) -> str:
    rewrite(folder, **{name: array[:-1] for name, array in arrays(folder).items()})
    return "expected 144; found 143.*in heart"


@pytest.mark.parametrize(
    "spoil",
    [
        *(missing, other_file, cut_off, without_classes, fewer_latents, other_pixels, grey_pixels),
        *(unknown_scale, unknown_class, fewer_images),
    ],
)
def test_a_fault_is_told(copy_of, rows, spoil) -> None:
    folder = copy_of("dsprites")
    match = spoil(folder)
    with pytest.raises(DataError, match=match):
        rows("dsprites", folder)
