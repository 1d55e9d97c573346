"""The authors' images: RandAugment against timm's, crops and erasing against torchvision's, and no other randomness."""

from __future__ import annotations

import random
from collections.abc import Callable

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from timm.data import auto_augment
from torchvision.transforms import functional as vision

from ferbench.train import Erasing, FlipShift, Normalise, resized
from ferbench_ada_df import randaugment as ra
from ferbench_ada_df.images import Pictures, ten_crops

NAMES = {
    ra.auto_contrast: "AutoContrast",
    ra.equalize: "Equalize",
    ra.invert: "Invert",
    ra.rotate: "Rotate",
    ra.posterize: "Posterize",
    ra.solarize: "Solarize",
    ra.solarize_add: "SolarizeAdd",
    ra.color: "Color",
    ra.contrast: "Contrast",
    ra.brightness: "Brightness",
    ra.sharpness: "Sharpness",
    ra.shear_x: "ShearX",
    ra.shear_y: "ShearY",
    ra.translate_x: "TranslateXRel",
    ra.translate_y: "TranslateYRel",
}
MOVING = {ra.rotate, ra.shear_x, ra.shear_y, ra.translate_x, ra.translate_y}
UP = Normalise((0.0,), (1.0,))


def picture(seed: int = 0, side: tuple[int, int] = (60, 52)) -> np.ndarray:
    """Return a smooth coloured image (h, w, 3) that uses most of the range."""
    coarse = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return cv2.resize(coarse, side, interpolation=cv2.INTER_CUBIC)


def test_the_operations_are_those_of_timm_in_its_order() -> None:
    assert [NAMES[operation] for operation in ra.OPERATIONS] == auto_augment._RAND_TRANSFORMS


@pytest.mark.parametrize("level", [2.6, 5.0, 7.9])
@pytest.mark.parametrize("operation", ra.OPERATIONS, ids=lambda operation: operation.__name__)
def test_an_operation_does_what_timm_does(
    operation: Callable[..., np.ndarray], level: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auto_augment, "_randomly_negate", lambda value: value)
    to_argument = auto_augment.LEVEL_TO_ARG[NAMES[operation]]
    arguments = to_argument(level, {}) if to_argument else ()
    for cubic in (False, True):
        settings = {"fillcolor": ra.FILL, "resample": Image.BICUBIC if cubic else Image.BILINEAR}
        theirs = auto_augment.NAME_TO_OP[NAMES[operation]](Image.fromarray(picture()), *arguments, **settings)
        ours = operation(picture(), ra.Draw(level / 10, 1, cubic))
        distance = np.abs(ours.astype(int) - np.asarray(theirs).astype(int))
        if operation in MOVING:  # other sub-pixel arithmetic, and another border of one pixel
            assert distance.mean() < 3
            assert np.median(distance) <= 2
        else:
            assert distance.max() == 0


@pytest.mark.parametrize("operation", ra.OPERATIONS, ids=lambda operation: operation.__name__)
@pytest.mark.parametrize("channels", [1, 3])
def test_an_operation_keeps_shape_and_type_and_its_input(operation: Callable[..., np.ndarray], channels: int) -> None:
    image = np.ascontiguousarray(picture()[..., :channels])
    before = image.copy()
    made = operation(image, ra.Draw(0.6, -1, True))
    assert (made.shape, made.dtype) == (image.shape, np.uint8)
    assert np.array_equal(image, before)


def test_flat_images_survive_every_operation() -> None:
    flat = np.full((20, 20, 3), 77, dtype=np.uint8)
    for operation in (ra.auto_contrast, ra.equalize, ra.sharpness, ra.contrast):
        assert np.array_equal(operation(flat, ra.Draw(0.5, 1, False)), flat), operation


def test_half_of_the_drawn_operations_are_applied() -> None:
    policy, rng = ra.RandAugment(layers=1, magnitude=9), np.random.default_rng(0)
    changed = [not np.array_equal(policy(picture(), rng), picture()) for _ in range(400)]
    assert 0.4 < np.mean(changed) < 0.6
    assert np.array_equal(ra.RandAugment(0, 9)(picture(), rng), picture())


def test_ten_crops_are_torchvisions() -> None:
    image = picture(side=(64, 64))
    theirs = vision.ten_crop(Image.fromarray(image), 56)
    ours = ten_crops(image[None], 56)
    assert len(ours) == 10
    for one, other in zip(ours, theirs, strict=True):
        assert np.array_equal(one[0], np.asarray(other))


def test_one_generator_gives_one_batch_and_global_ones_have_no_say() -> None:
    images = np.stack([picture(seed, (40, 40)) for seed in range(6)])
    pictures = Pictures(48, 1, UP, ra.RandAugment(3, 5), Erasing(0.5))
    first = pictures(images, {}, np.random.default_rng(3)).images[0]
    random.seed(99)
    np.random.seed(99)
    torch.manual_seed(99)
    assert torch.equal(first, pictures(images, {}, np.random.default_rng(3)).images[0])
    assert not torch.equal(first, pictures(images, {}, np.random.default_rng(4)).images[0])
    assert first.shape == (6, 3, 48, 48)


def test_half_of_the_augmented_images_are_mirrored() -> None:
    ramp = np.tile(np.arange(32, dtype=np.uint8)[None, None, :, None] * 8, (300, 32, 1, 3))
    made = Pictures(32, 1, UP, ra.RandAugment(0, 5))(ramp, {}, np.random.default_rng(0)).images[0]
    mirrored = made[:, 0, 0, 0] > made[:, 0, 0, -1]
    assert 0.4 < mirrored.float().mean() < 0.6


def test_plain_images_are_enlarged_and_nothing_else() -> None:
    images = np.stack([picture(seed, (40, 40)) for seed in range(2)])
    (made,) = Pictures(80, 1, UP)(images, {}, np.random.default_rng(0)).images
    expected = torch.from_numpy(resized(images, 80)).permute(0, 3, 1, 2) / 255
    assert torch.allclose(made, expected, atol=1e-6)
    assert resized(images, 40) is images


def test_ten_views_are_cut_from_eight_sevenths_and_augmented_apart() -> None:
    images = np.stack([picture(seed, (40, 40)) for seed in range(2)])
    plain = Pictures(56, 10, UP)(images, {}, np.random.default_rng(0)).images
    assert [tuple(view.shape) for view in plain] == [(2, 3, 56, 56)] * 10
    centre = torch.from_numpy(resized(images, 64)[:, 4:60, 4:60]).permute(0, 3, 1, 2) / 255
    assert torch.allclose(plain[4], centre, atol=1e-6)
    assert torch.equal(plain[9], plain[4].flip(3))
    changed = Pictures(56, 10, UP, ra.RandAugment(5, 3), Erasing(0.5))(images, {}, np.random.default_rng(0)).images
    assert not torch.equal(changed[9], changed[4].flip(3))


def test_the_light_augmentation_is_the_cores_flip_and_shift() -> None:
    images = np.stack([picture(seed, (40, 40)) for seed in range(4)])
    light = FlipShift(UP, shift=2)
    made = Pictures(40, 1, UP, light=light)(images, {}, np.random.default_rng(5)).images[0]
    assert torch.equal(made, light(images, {}, np.random.default_rng(5)).images[0])
