"""How batches are drawn and images are changed: everything from the given generator, columns follow their images."""

from __future__ import annotations

from collections import Counter
from typing import Any

import albumentations as alb
import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ferbench.errors import ConfigError
from ferbench.train import (
    Albumented,
    ClassBalanced,
    Erasing,
    FlipShift,
    Groups,
    Normalise,
    Recipe,
    Resized,
    Shuffled,
    Whiten,
)

seeds = st.integers(0, 2**32 - 1)
labelled = st.lists(st.integers(0, 4), min_size=2, max_size=80).map(np.asarray)


def drawn(recipe: Recipe, labels: npt.NDArray[Any], seed: int, **columns: npt.NDArray[Any]) -> list[npt.NDArray[Any]]:
    return list(recipe.batches(labels, columns, np.random.default_rng(seed)))


@given(labelled, st.integers(1, 20), seeds)
def test_shuffled_draws_every_sample_once(labels: npt.NDArray[Any], size: int, seed: int) -> None:
    batches = drawn(Shuffled(size), labels, seed)
    counts = Counter(np.concatenate(batches).tolist())
    assert set(counts.values()) == {1}
    alone = len(labels) % size == 1 and size > 1
    assert len(counts) == len(labels) - (1 if alone and len(labels) > 1 else 0) or size == 1
    assert {len(batch) for batch in batches[:-1]} <= {size}
    if size > 1:
        assert all(len(batch) > 1 for batch in batches), "batch norm cannot train on one image"


@given(labelled, st.integers(2, 20), st.none() | st.integers(1, 30), seeds)
def test_class_balanced_draws_every_class_alike(
    labels: npt.NDArray[Any], size: int, per_class: int | None, seed: int
) -> None:
    batches = drawn(ClassBalanced(size, per_class), labels, seed)
    whole = np.concatenate(batches)
    counts = np.bincount(labels[whole], minlength=5)[np.unique(labels)]
    wanted = per_class or min(Counter(labels.tolist()).values())
    assert counts.max() <= wanted
    assert counts.sum() >= wanted * len(counts) - 1, "a last batch of one may be left out"
    classes = len(counts)
    turns = labels[whole][: len(whole) // classes * classes].reshape(-1, classes)
    assert all(len(set(turn)) == classes for turn in turns.tolist())
    for label in np.unique(labels):
        times = Counter(whole[labels[whole] == label].tolist()).values()
        assert max(times, default=0) <= -(-wanted // (labels == label).sum())


@given(labelled, st.integers(1, 8), st.integers(1, 5), st.booleans(), seeds)
def test_groups_share_a_value_and_use_nobody_twice(
    labels: npt.NDArray[Any], groups: int, size: int, by_column: bool, seed: int
) -> None:
    values = np.asarray([f"s{label}" for label in labels]) if by_column else labels
    recipe = Groups(groups, size, by="subject" if by_column else "label")
    given_labels = np.zeros_like(labels) if by_column else labels
    whole = sum(count // size for count in Counter(labels.tolist()).values())
    if whole == 0:
        with pytest.raises(ConfigError, match=f"at least {size} training samples of some {recipe.by}"):
            drawn(recipe, given_labels, seed, subject=values)
        return
    batches = drawn(recipe, given_labels, seed, subject=values)
    assert sum(len(batch) for batch in batches) == whole
    for batch in batches:
        assert batch.shape[1:] == (size,)
        assert len(batch) <= groups
        for group in batch:
            assert len(set(values[group].tolist())) == 1
    members = np.concatenate(batches).reshape(-1)
    assert len(set(members.tolist())) == len(members)


def test_groups_by_a_column_that_is_not_there_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"a training column among label, pose; found 'subject'; .*Groups"):
        drawn(Groups(by="subject"), np.zeros(8, dtype=int), 0, pose=np.zeros(8))


@pytest.mark.parametrize("recipe", [Shuffled(8), ClassBalanced(8), ClassBalanced(8, 50), Groups(4, 2)])
def test_recipes_are_pure_functions_of_their_generator(recipe: Recipe) -> None:
    labels = np.arange(90) % 3
    first = drawn(recipe, labels, 1)
    np.random.seed(5)
    again = drawn(recipe, labels, 1)
    assert all((a == b).all() for a, b in zip(first, again, strict=True))
    assert any((a != b).any() for a, b in zip(first, drawn(recipe, labels, 2), strict=True))
    assert (labels == np.arange(90) % 3).all()


@pytest.mark.parametrize(
    "make", [lambda: Shuffled(0), lambda: ClassBalanced(-1), lambda: Groups(0), lambda: Groups(2, 0)]
)
def test_impossible_sizes_are_refused(make: Any) -> None:
    with pytest.raises(ConfigError, match="of at least 1; found"):
        make()


PLAIN = Normalise((0.0,), (1.0,))


def pictures(count: int, channels: int = 3, seed: int = 0) -> npt.NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (count, 24, 30, channels), dtype=np.uint8)


@pytest.mark.parametrize(("mean", "std"), [((0.5,), (0.25,)), ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))])
def test_normalise_gives_the_stated_values(mean: tuple[float, ...], std: tuple[float, ...]) -> None:
    images = pictures(2)
    (view,) = Normalise(mean, std)(images, {}, np.random.default_rng(0)).images
    assert view.shape == (2, 3, 24, 30)
    expected = (images.astype(np.float64) / 255 - np.asarray(mean)) / np.asarray(std)
    assert np.abs(view.permute(0, 2, 3, 1).numpy() - expected).max() < 1e-5


@given(seed=seeds, channels=st.sampled_from([1, 3]), low=st.integers(0, 254), spread=st.integers(1, 255))
def test_whitened_images_have_mean_0_and_deviation_1(seed: int, channels: int, low: int, spread: int) -> None:
    rng = np.random.default_rng(seed)
    images = rng.integers(low, min(256, low + spread + 1), (3, 24, 30, channels), dtype=np.uint8)
    view = Whiten().tensor(images)
    assert view.dtype == torch.float32
    assert view.shape == (3, channels, 24, 30)
    flat = view.double().reshape(3, -1)
    assert flat.mean(dim=1).abs().max() < 1e-4
    assert (flat.std(dim=1, correction=0) - 1).abs().max() < 1e-4
    # An affine map of the pixels and no more: one mean and one deviation for all channels of an image.
    pixels = images.astype(np.float64)
    for image, white in zip(pixels, view.permute(0, 2, 3, 1).numpy(), strict=True):
        assert np.abs(white * image.std() + image.mean() - image).max() < 1e-3


@pytest.mark.parametrize("value", [0, 1, 128, 255])
@pytest.mark.parametrize("size", [2, 24, 225])
def test_whitening_a_picture_of_one_colour_gives_zeros(value: int, size: int) -> None:
    assert (Whiten().tensor(np.full((2, size, size, 3), value, dtype=np.uint8)) == 0).all()


def test_whitening_bounds_the_deviation_of_an_almost_plain_picture() -> None:
    images = np.full((1, 10, 10, 1), 7, dtype=np.uint8)
    images[0, 0, 0, 0] = 8  # a standard deviation of 0.0995, just under 1 / √100
    assert Whiten().tensor(images).max().item() == pytest.approx(0.99 / 0.1, rel=1e-5)


def test_each_image_is_whitened_by_itself() -> None:
    images = np.concatenate([pictures(2), pictures(2, seed=1) // 4])
    alone = torch.cat([Whiten().tensor(images[row : row + 1]) for row in range(4)])
    assert torch.equal(Whiten().tensor(images), alone)


@pytest.mark.parametrize(
    "make", [lambda: FlipShift(Whiten(), flip=1.0, shift=0), lambda: Albumented([alb.HorizontalFlip(p=1.0)], Whiten())]
)
def test_whitening_may_stand_wherever_normalising_does(make: Any) -> None:
    images = pictures(3)
    (view,) = make()(images, {}, np.random.default_rng(0)).images
    assert torch.allclose(view, Whiten().tensor(images[:, :, ::-1]), atol=1e-6)
    assert torch.equal(Whiten()(images, {}, np.random.default_rng(0)).images[0], Whiten().tensor(images))


def test_transforms_do_not_write_into_the_images_they_are_given() -> None:
    images = pictures(2)
    before = images.copy()
    Normalise()(images, {}, np.random.default_rng(0))
    Whiten()(images, {}, np.random.default_rng(0))
    FlipShift()(images, {}, np.random.default_rng(0))
    assert (images == before).all()


@given(seed=seeds, flip=st.sampled_from([0.0, 0.5, 1.0]), shift=st.integers(0, 5))
def test_landmarks_and_yaw_follow_flip_and_shift(seed: int, flip: float, shift: int) -> None:
    rng = np.random.default_rng(seed)
    points = np.stack([rng.integers(6, 24, (40, 5)), rng.integers(6, 18, (40, 5))], axis=2).astype(np.float32)
    images = np.zeros((40, 24, 30, 1), dtype=np.uint8)
    for row in range(40):
        for mark in range(5):
            x, y = points[row, mark].astype(int)
            images[row, y, x] |= 1 << mark
    yaw = rng.uniform(-80, 80, 40).astype(np.float32)
    columns = {"landmarks": points, "pose": yaw, "label": np.arange(40), "age": np.arange(40.0)}
    views = FlipShift(PLAIN, flip=flip, shift=shift)(images, columns, np.random.default_rng(seed))
    moved = (views.images[0].numpy()[:, 0] * 255).round().astype(int)
    found = views.columns["landmarks"]
    mirrored = np.sign(views.columns["pose"]) != np.sign(yaw)
    assert (np.abs(views.columns["pose"]) == np.abs(yaw)).all()
    assert mirrored.any() == (flip > 0)
    assert mirrored.all() == (flip == 1)
    swap = [1, 0, 2, 4, 3]
    for row in range(40):
        for mark in range(5):
            x, y = found[row, mark].round().astype(int)
            painted = swap[mark] if mirrored[row] else mark
            assert moved[row, y, x] >> painted & 1, "the eye that was the subject's right one is now the left"
    assert (views.columns["label"] == np.arange(40)).all()
    assert (views.columns["age"] == np.arange(40)).all()
    assert (columns["landmarks"] == points).all()


def test_a_box_follows_flip_and_shift() -> None:
    images = np.zeros((60, 24, 30, 1), dtype=np.uint8)
    images[:, 8:14, 7:12] = 255
    boxes = np.tile(np.float32([7, 8, 12, 14]), (60, 1))
    views = FlipShift(PLAIN, shift=4)(images, {"box": boxes}, np.random.default_rng(0))
    for picture, box in zip(views.images[0].numpy()[:, 0], views.columns["box"], strict=True):
        y, x = np.nonzero(picture)
        assert box.astype(int).tolist() == [x.min(), y.min(), x.max() + 1, y.max() + 1]


def test_shifts_go_both_ways_and_repeat_the_edge() -> None:
    images = np.tile(np.arange(30, dtype=np.uint8)[None, None, :, None], (300, 24, 1, 1))
    view = FlipShift(PLAIN, flip=0.0, shift=3)(images, {}, np.random.default_rng(0)).images[0]
    first = (view[:, 0, 0, :] * 255).round().int()
    assert set(first[:, 15].tolist()) == {12, 13, 14, 15, 16, 17, 18}
    assert first.min() == 0
    assert first.max() == 29


def strong(views: int = 1) -> Albumented:
    pipeline = [alb.HorizontalFlip(p=0.5), alb.Affine(rotate=(-20, 20), p=1.0), alb.RandomBrightnessContrast(p=0.8)]
    return Albumented(pipeline, PLAIN, views=views)


def test_albumentations_draw_from_the_given_generator_only() -> None:
    transform, images = strong(), pictures(6)
    first = transform(images, {}, np.random.default_rng(3)).images[0]
    transform(images, {}, np.random.default_rng(4))
    np.random.seed(0)
    assert torch.equal(first, transform(images, {}, np.random.default_rng(3)).images[0])
    assert torch.equal(first, strong()(images, {}, np.random.default_rng(3)).images[0])
    assert not torch.equal(first, transform(images, {}, np.random.default_rng(5)).images[0])


def test_albumentations_draw_anew_for_each_image_and_view() -> None:
    images = np.repeat(pictures(1), 4, axis=0)
    columns = {"label": np.arange(4)}
    views = strong(views=3)(images, columns, np.random.default_rng(0))
    assert len(views.images) == 3
    flat = [view[row] for view in views.images for row in range(4)]
    assert all(not torch.equal(flat[i], flat[j]) for i in range(12) for j in range(i))
    assert views.columns["label"] is columns["label"]


def test_erasing_takes_a_rectangle_of_the_stated_size_half_of_the_time() -> None:
    pixels = torch.ones(400, 3, 40, 40)
    Erasing(0.5)(pixels, np.random.default_rng(0))
    gone = (pixels == 0).float()
    shares = gone[:, 0].mean(dim=(1, 2))
    assert 0.4 < (shares > 0).float().mean() < 0.6
    hit = shares[shares > 0]
    assert hit.min() >= 0.015  # rounding to whole pixels
    assert hit.max() <= 0.27
    assert 0.11 < hit.mean() < 0.16  # uniform from .02 to .25
    for image in gone[shares > 0][:20]:
        rows, columns = image[0].any(dim=1).sum(), image[0].any(dim=0).sum()
        assert rows * columns == image[0].sum()  # one rectangle
        assert torch.equal(image[0], image[2])  # in every channel


@pytest.mark.parametrize("shape", [(40, 60), (30, 30)])
def test_resized_images_take_landmarks_and_box_along(shape: tuple[int, int]) -> None:
    height, width = shape
    images = np.zeros((2, height, width, 3), dtype=np.uint8)
    images[:, height // 2 :, width // 2 :] = 200
    columns = {
        "landmarks": np.tile(np.asarray([(width - 1) / 2, (height - 1) / 2], dtype=np.float32), (2, 5, 1)),
        "box": np.tile(np.asarray([0, 0, width, height], dtype=np.float32), (2, 1)),
        "label": np.asarray([0, 1]),
    }
    made = Resized(Normalise((0.0,), (1.0,)), 30)(images, columns, np.random.default_rng(0))
    assert made.images[0].shape == (2, 3, 30, 30)
    assert made.images[0][:, :, :14, :14].max() == 0
    assert made.images[0][:, :, 16:, 16:].min().item() == pytest.approx(200 / 255, abs=1e-3)
    assert made.columns["landmarks"].tolist() == [[[14.5, 14.5]] * 5] * 2  # the middle stays the middle
    assert made.columns["box"].tolist() == [[0.0, 0.0, 30.0, 30.0]] * 2
    assert made.columns["label"].tolist() == [0, 1]


def test_what_is_flipped_and_then_resized_takes_landmarks_and_box_along() -> None:
    images = np.zeros((3, 40, 40, 3), dtype=np.uint8)
    columns = {
        "landmarks": np.tile(np.asarray([9.5, 29.5], dtype=np.float32), (3, 5, 1)),
        "box": np.tile(np.asarray([0, 20, 20, 40], dtype=np.float32), (3, 1)),
    }
    made = FlipShift(Resized(Normalise(), 20), flip=1.0, shift=0)(images, columns, np.random.default_rng(0))
    assert made.images[0].shape == (3, 3, 20, 20)
    assert made.columns["landmarks"].tolist() == [[[14.5, 14.5]] * 5] * 3
    assert made.columns["box"].tolist() == [[10.0, 10.0, 20.0, 20.0]] * 3
