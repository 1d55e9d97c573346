"""Drawn sprites: pure functions of their numbers, within the frame, of the size that geometry says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferbench.errors import ConfigError
from ferbench_controlled.intervals import parse_interval
from ferbench_controlled.options import SpriteOptions
from ferbench_controlled.shapes import RADIUS, SHAPES, drawn
from ferbench_controlled.sprites import Sprites, SpritesScale

PLACES = st.floats(0, 1, width=32)


def one(shape: str, scale: float, orientation: float, x: float, y: float, side: int = 28) -> np.ndarray:
    factors = {"scale": [scale], "orientation": [orientation], "x": [x], "y": [y]}
    return drawn(shape, factors, side)[0].astype(float) / 255


@given(st.sampled_from(SHAPES), st.floats(0.5, 1, width=32), st.floats(0, 360, width=32), PLACES, PLACES)
def test_a_sprite_is_whole_and_as_large_as_it_should_be(shape, scale, orientation, x, y) -> None:
    image = one(shape, scale, orientation, x, y)
    # The heart's area from a fine grid of its equation; all for a surrounding circle of radius 1.
    area = {"square": 2.0, "ellipse": np.pi / 2, "heart": 2.342}[shape] * (RADIUS * 28 * scale) ** 2
    assert abs(image.sum() - area) < 0.1 * area
    middle = RADIUS * 28 + (28 - 2 * RADIUS * 28) * np.array([x, y])
    rows, columns = np.nonzero(image)
    far = np.hypot(columns + 0.5 - middle[0], rows + 0.5 - middle[1]).max()
    assert far <= RADIUS * 28 * scale + np.sqrt(0.5)


@pytest.mark.parametrize(("orientation", "axis"), [(0, 1), (90, 0), (180, 1)])
def test_an_ellipse_lies_on_its_long_axis_and_turns(orientation, axis) -> None:
    image = one("ellipse", 1, orientation, 0.5, 0.5, side=64)
    extents = [np.ptp(places) + 1 for places in np.nonzero(image)]
    assert (extents[axis], extents[1 - axis]) == (32, 16)


def test_orientation_is_counter_clockwise_and_y_grows_downwards() -> None:
    heart = one("heart", 1, 0, 0.5, 0.5, side=64)
    assert np.array_equal(one("heart", 1, 90, 0.5, 0.5, side=64), np.rot90(heart))
    # Upright, a heart has its point below: its lowest row is narrower than its highest.
    rows = np.flatnonzero(heart.any(axis=1))
    assert heart[rows[-1]].sum() < heart[rows[2]].sum()
    low = one("square", 0.5, 0, 0.25, 1)
    assert np.nonzero(low)[0].mean() > 18
    assert np.nonzero(low)[1].mean() < 14


def test_edges_are_grey() -> None:
    assert len(np.unique(one("square", 1, 20, 0.4, 0.4))) > 5


def test_rows_are_the_same_in_any_batch_and_for_any_number() -> None:
    few, many = Sprites(SpriteOptions(train=9)), Sprites(SpriteOptions(train=90_000))
    together = few.rows("train", range(9))
    for number in range(9):
        alone = many.rows("train", range(number, number + 1))
        assert {name: values[0] for name, values in alone.items()} == {
            name: values[number] for name, values in together.items()
        }


def test_both_data_sets_show_the_same_images(rows) -> None:
    shapes, scales = rows("sprites", train=60, test=12), rows("sprites-scale", train=60, test=12)
    assert shapes.keys() == scales.keys()
    for key, row in shapes.items():
        other = scales[key]
        assert np.array_equal(row["image"], other["image"])
        assert (row["label"], row["scale"]) == (other["shape"], other["target"])
        interval = parse_interval(other["label"])
        assert np.float32(interval.lower) <= np.float32(other["target"]) < np.float32(interval.upper)
    assert sum(row["split"] == "test" for row in shapes.values()) == 12
    assert {row["label"] for row in shapes.values()} == set(SHAPES)
    assert len({row["image"].tobytes() for row in shapes.values()}) == 72


def test_seed_and_numbers_make_the_identity_and_the_seed_alone_the_origin() -> None:
    options = SpriteOptions(train=60, test=12)
    assert Sprites(options).identity() == Sprites(options).identity()
    assert Sprites(options).identity() != Sprites(SpriteOptions(train=60, test=12, seed=1)).identity()
    # Whoever is tested on one must not have been trained on the other.
    assert Sprites(options).origin() == SpritesScale(SpriteOptions()).origin()
    assert Sprites(options).origin() != SpritesScale(SpriteOptions(seed=1)).origin()


def test_without_images_there_is_no_data_set(opened) -> None:
    with pytest.raises(ConfigError, match="train"):
        opened("sprites", train=0)
