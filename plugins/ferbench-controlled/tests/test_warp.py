"""The warp, against an implementation that is not ours and against what can be seen."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import affine_transform

from ferbench_controlled.warp import warped

SEEDS = st.integers(0, 2**32 - 1)
ANGLES = st.floats(-90, 90, width=32)
SCALES = st.floats(0.5, 1, width=32)


def noise(seed: int, count: int = 1, shape: tuple[int, int] = (28, 28)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, *shape), dtype=np.uint8)


def inverse(rotation: float, scale: float) -> np.ndarray:
    """Return the matrix that takes rows and columns of the result to those of the source."""
    turn = np.deg2rad(rotation)
    return np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]]) / scale


def sources(shape: tuple[int, int], rotation: float, scale: float) -> np.ndarray:
    """Return the (2, H, W) rows and columns of the source, in double precision."""
    middle = (np.array(shape)[:, None, None] - 1) / 2
    return np.tensordot(inverse(rotation, scale), np.indices(shape) - middle, axes=1) + middle


def oracle(image: np.ndarray, rotation: float, scale: float, order: int = 1) -> np.ndarray:
    """Return the image warped by SciPy."""
    matrix, middle = inverse(rotation, scale), (np.array(image.shape) - 1) / 2
    made = affine_transform(
        image.astype(np.float64), matrix, middle - matrix @ middle, order=order, mode="grid-constant", cval=0
    )
    return np.asarray(made)


@given(SEEDS, ANGLES, SCALES, st.sampled_from([(28, 28), (9, 14)]))
def test_every_pixel_is_that_of_another_implementation(seed, rotation, scale, shape) -> None:
    (image,) = noise(seed, shape=shape)
    made = warped(image[None], [rotation], [scale])[0].astype(np.float64)
    # Half a grey value of rounding, and single precision: a source 1e-5 pixels off between black and white.
    assert np.abs(made - oracle(image, rotation, scale)).max() < 0.52


@given(SEEDS, ANGLES, SCALES, st.sampled_from([(28, 28), (9, 14)]))
def test_the_nearest_pixel_is_that_of_another_implementation(seed, rotation, scale, shape) -> None:
    (image,) = noise(seed, shape=shape)
    made = warped(image[None], [rotation], [scale], "nearest")[0]
    wanted = oracle(image, rotation, scale, order=0)
    # Single precision decides otherwise where a source is half-way between two pixels: next to none of noise.
    halfway = np.abs(sources(shape, rotation, scale) % 1 - 0.5).min(axis=0) < 1e-4
    assert ((made == wanted) | halfway).all()


@given(SEEDS)
def test_no_rotation_leaves_the_image_as_it_is(seed) -> None:
    images = noise(seed, 3)
    assert np.array_equal(warped(images, [0.0] * 3), images)
    assert np.array_equal(warped(images, [0.0] * 3, interpolation="nearest"), images)
    assert np.array_equal(warped(images, np.zeros(3, np.float32), np.ones(3, np.float32)), images)


@given(SEEDS)
def test_positive_angles_turn_counter_clockwise(seed) -> None:
    (image,) = noise(seed)
    assert np.array_equal(warped(image[None], [90.0])[0], np.rot90(image))
    assert np.array_equal(warped(image[None], [-90.0])[0], np.rot90(image, -1))


def test_what_points_right_points_up_after_ninety_degrees() -> None:
    image = np.zeros((1, 28, 28), np.uint8)
    image[0, 13:15, 20:26] = 255
    rows, columns = np.nonzero(warped(image, [90.0])[0])
    assert (rows.max(), columns.min(), columns.max()) == (7, 13, 14)


def test_half_the_scale_halves_what_is_shown() -> None:
    image = np.zeros((1, 28, 28), np.uint8)
    image[0, 4:24, 4:24] = 255
    half = warped(image, [0.0], [0.5])[0]
    assert (half[9:19, 9:19] == 255).all()
    assert half.astype(int).sum() == 255 * 100


@given(SEEDS, st.lists(st.tuples(ANGLES, SCALES), min_size=1, max_size=4))
def test_an_image_does_not_depend_on_the_others(seed, warps) -> None:
    images = noise(seed, len(warps))
    rotation, scale = map(list, zip(*warps, strict=True))
    together = warped(images, rotation, scale)
    alone = [warped(images[i : i + 1], [rotation[i]], [scale[i]])[0] for i in range(len(warps))]
    assert np.array_equal(together, np.stack(alone))


@pytest.mark.parametrize("count", [0, 1, 256, 257])
def test_any_number_of_images(count: int) -> None:
    images = noise(0, count)
    assert np.array_equal(warped(images, np.zeros(count)), images)
