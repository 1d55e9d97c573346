"""The fourteen versions of an image, whitening, and which images make a pair."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from ferbench.errors import ConfigError
from ferbench.train import Task, Whiten
from ferbench_dice_fer.images import ANGLES, TurnFlip, version
from ferbench_dice_fer.pairs import Pairs, check_pairs


def face(channels: int = 1) -> np.ndarray:
    """Return a smooth picture without any symmetry."""
    coarse = np.random.default_rng(0).integers(40, 215, (5, 5, channels), dtype=np.uint8)
    return cv2.resize(coarse, (40, 40), interpolation=cv2.INTER_CUBIC).reshape(40, 40, channels)


def middle(image: np.ndarray) -> np.ndarray:
    return image[10:-10, 10:-10].astype(np.int64)


@pytest.mark.parametrize("channels", [1, 3])
def test_there_are_fourteen_different_versions(channels: int) -> None:
    image = face(channels)
    made = [version(image, number) for number in range(14)]
    assert all(one.shape == image.shape and one.dtype == np.uint8 for one in made)
    assert len({one.tobytes() for one in made}) == 14
    assert np.array_equal(made[ANGLES.index(0)], image)
    assert np.array_equal(made[7 + ANGLES.index(0)], image[:, ::-1])


def test_versions_turn_by_their_angle_around_the_centre() -> None:
    image = face()
    for angle in (5, 10, 15):
        forth = version(image, ANGLES.index(angle))
        back = version(forth, ANGLES.index(-angle))
        assert np.abs(middle(back) - middle(image)).mean() < 4
        assert np.abs(middle(forth) - middle(image)).mean() > 4
        mirrored = version(image, 7 + ANGLES.index(-angle))  # mirroring turns a turn around
        assert np.abs(mirrored[:, ::-1].astype(np.int64) - forth).mean() < 1


def test_all_versions_are_drawn_equally_often_and_labels_stay() -> None:
    image = face()
    columns = {"label": np.arange(1400) % 7, "pose": np.zeros(1400, np.float32)}
    views = TurnFlip(Whiten())(np.repeat(image[None], 1400, axis=0), columns, np.random.default_rng(0))
    counts = np.unique(views.images[0].numpy().reshape(1400, -1), axis=0, return_counts=True)[1]
    assert len(counts) == 14
    assert counts.min() > 60
    assert np.array_equal(views.columns["label"], columns["label"])
    assert set(views.columns) == {"label"}  # a turned image's yaw is no longer what the column says


def test_images_are_white_after_they_are_turned() -> None:
    images = np.stack([face(), face() // 3])
    (view,) = TurnFlip(Whiten())(images, {"label": np.zeros(2)}, np.random.default_rng(0)).images
    assert view.mean(dim=(1, 2, 3)).tolist() == pytest.approx([0, 0], abs=1e-5)
    assert view.std(dim=(1, 2, 3), correction=0).tolist() == pytest.approx([1, 1], abs=1e-4)


def drawn(labels: np.ndarray, count: int = 4, seed: int = 0) -> list[np.ndarray]:
    return list(Pairs(count).batches(labels, {}, np.random.default_rng(seed)))


def test_a_pair_has_one_label_and_two_images_and_no_image_stands_twice() -> None:
    labels = np.random.default_rng(1).integers(0, 3, 101)
    batches = drawn(labels)
    pairs = np.concatenate(batches)
    assert (labels[pairs[:, 0]] == labels[pairs[:, 1]]).all()
    assert (pairs[:, 0] != pairs[:, 1]).all()
    assert len(np.unique(pairs)) == pairs.size
    assert pairs.size >= 101 - 3 - 2  # one left over of each class, and a last pair by itself
    assert {len(batch) for batch in batches[:-1]} == {4}


def test_another_epoch_has_other_pairs() -> None:
    labels = np.arange(60) % 3
    assert {tuple(pair) for pair in np.concatenate(drawn(labels))} != {
        tuple(pair) for pair in np.concatenate(drawn(labels, seed=1))
    }


def test_a_last_pair_by_itself_is_left_out() -> None:
    assert [len(batch) for batch in drawn(np.zeros(18, np.int64))] == [4, 4]
    assert [len(batch) for batch in drawn(np.zeros(20, np.int64))] == [4, 4, 2]


def task(*counts: int) -> Task:
    return Task(("anger", "fear", "neutral")[: len(counts)], (32, 32, 1), sum(counts), counts)


@pytest.mark.parametrize("counts", [(2, 2), (4,), (900, 2, 3)])
def test_enough_images_for_pairs(counts: tuple[int, ...]) -> None:
    check_pairs(task(*counts))


@pytest.mark.parametrize(
    ("counts", "found"), [((5, 1, 7), "1 of fear"), ((5, 1, 0), "1 of fear, 0 of neutral"), ((3,), "3 among 3")]
)
def test_too_few_images_for_pairs_are_refused(counts: tuple[int, ...], found: str) -> None:
    with pytest.raises(ConfigError, match=r"at least 2 training images of every class.*the paper uses 32") as told:
        check_pairs(task(*counts))
    assert told.value.found.startswith(found)
