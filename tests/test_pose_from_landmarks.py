"""Yaw from landmarks: what must not change it, which way is positive, how near it comes on rendered faces."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ferbench.builtin
from ferbench import Site
from ferbench.data.pose import HEAD, PoseFromLandmarks, yaw_of
from ferbench.datasource import silent_progress
from ferbench.options import NoOptions
from ferbench.plugins import discover, import_factory
from ferbench_synthfaces.options import StudioOptions, WildOptions
from ferbench_synthfaces.source import Studio, SynthFaces, Wild

FRONTAL = np.asarray([[38, 52], [74, 52], [56, 72], [42, 92], [70, 92]], dtype=np.float64)
MIRROR = [1, 0, 2, 4, 3]

yaws = st.floats(-75, 75)
pitches = st.floats(-30, 30)
people = st.integers(0, 2**32 - 1)


def somebody(person: int) -> np.ndarray:
    """Return a head (5, 3) that differs from the mean by 2 mm a coordinate."""
    return HEAD + np.random.default_rng(person).normal(0, 0.2, HEAD.shape)


def photographed(head: np.ndarray, yaw: float, pitch: float, distance: float = 60) -> np.ndarray:
    """Return the (5, 2) image points of a head (5, 3) before a near camera: the module's own has neither."""
    turn, nod = np.radians(yaw), np.radians(-pitch)
    about_y = np.array([[np.cos(turn), 0, np.sin(turn)], [0, 1, 0], [-np.sin(turn), 0, np.cos(turn)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(nod), -np.sin(nod)], [0, np.sin(nod), np.cos(nod)]])
    seen = (head - head.mean(axis=0)) @ (about_x @ about_y).T
    return seen[:, :2] * [1, -1] / (1 - seen[:, 2:] / distance)


def one(points: np.ndarray) -> float:
    return float(yaw_of(points[None])[0])


@given(yaws, pitches, people, st.floats(-180, 180), st.floats(0, 3), st.tuples(*[st.floats(-1e4, 1e4)] * 2))
def test_roll_scale_and_place_do_not_matter(
    yaw: float, pitch: float, person: int, roll: float, log_scale: float, shift: tuple[float, float]
) -> None:
    points = photographed(somebody(person), yaw, pitch)
    angle = np.radians(roll)
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    assert one(10**log_scale * points @ rotation.T + shift) == pytest.approx(one(points), abs=0.05)


@given(yaws, pitches, people)
def test_a_mirrored_face_is_turned_the_other_way(yaw: float, pitch: float, person: int) -> None:
    points = photographed(somebody(person), yaw, pitch)
    assert one(points[MIRROR] * [-1, 1]) == pytest.approx(-one(points), abs=0.05)


@given(pitches, people)
def test_who_turns_further_is_estimated_further(pitch: float, person: int) -> None:
    head = somebody(person)
    estimates = yaw_of(np.stack([photographed(head, yaw, pitch) for yaw in np.arange(-75, 76, 5)]))
    assert (np.diff(estimates) > 0).all()


@given(yaws, pitches)
def test_the_mean_head_far_away_is_exact(yaw: float, pitch: float) -> None:
    assert one(photographed(HEAD, yaw, pitch, distance=1e9)) == pytest.approx(yaw, abs=0.01)


def test_positive_is_to_the_subjects_left() -> None:
    assert one(FRONTAL) == pytest.approx(0, abs=0.01)
    turned = FRONTAL.copy()
    turned[2, 0] += 8  # the nose moves to the image's right
    assert 10 < one(turned) < 40


def test_without_five_points_there_is_no_estimate() -> None:
    missing, partly = np.full((5, 2), np.nan), FRONTAL.copy()
    partly[3] = np.nan
    found = yaw_of(np.stack([FRONTAL, missing, partly, np.zeros((5, 2)), FRONTAL / 50, FRONTAL]))
    assert np.isnan(found).tolist() == [False, True, True, True, True, False]
    assert yaw_of(np.empty((0, 5, 2))).shape == (0,)


@given(st.lists(st.floats(-100, 100), min_size=5, max_size=5), st.floats(0, np.pi))
def test_points_in_a_line_are_no_face(along: list[float], angle: float) -> None:
    assert np.isnan(one(np.outer(along, [np.cos(angle), np.sin(angle)])))


def test_points_in_a_wrong_order_are_no_face() -> None:
    assert np.isnan(one(FRONTAL[[0, 4, 2, 3, 1]]))  # an eye in the place of a mouth corner


def test_it_is_the_attribute_the_core_lists() -> None:
    provided = discover([("core", ferbench.builtin)], installed=False).attribute("pose-from-landmarks", "here")
    assert provided.entry.gives == ("pose",)
    assert provided.entry.needs == {"landmarks"}
    assert import_factory(provided) is PoseFromLandmarks


RENDERED = {
    "studio": Studio(StudioOptions(subjects=4, resolution=24, yaws=(-90, -75, -60, -40, -20, 0, 20, 40, 60, 75, 90))),
    "wild": Wild(WildOptions(subjects=25, images_per_subject=8, resolution=24)),
}
"""Landmarks do not depend on the resolution: small images are quick to render."""


# Mean absolute errors within ±60° when this was written: 4.8° and 2.9°.
@pytest.mark.parametrize(("name", "bound"), [("studio", 6.0), ("wild", 4.0)])
def test_rendered_faces(name: str, bound: float, tmp_path: Path) -> None:
    source: SynthFaces = RENDERED[name]
    rendered = source.load(Site(tmp_path))
    landmarks, pose = np.asarray(rendered["landmarks"], dtype=np.float32), np.asarray(rendered["pose"])
    made = PoseFromLandmarks(NoOptions())(np.empty((0,), np.uint8), {"landmarks": landmarks}, silent_progress)
    estimate = made["pose"]
    assert np.isfinite(estimate).all()
    assert ((estimate > 0) == (pose > 0))[np.abs(pose) > 15].all()
    error = np.abs(estimate - pose)
    assert error[np.abs(pose) <= 60].mean() < bound
    assert error.max() < 25
