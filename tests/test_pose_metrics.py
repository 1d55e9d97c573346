"""Metrics across poses, against the same counted by hand and by scikit-learn."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, recall_score

from ferbench.errors import ConfigError
from ferbench.metrics.poses import accuracy_by_yaw, frontal_accuracy, pose_accuracy, recall_by_yaw
from ferbench.poses import pose_classes, yaw_steps
from ferbench.predictions import Predictions

CLASSES = ("anger", "happiness", "neutral")


def predictions(labels: list[int], predicted: list[int], yaws: list[float], **extras: np.ndarray) -> Predictions:
    probabilities = np.full((len(labels), 3), 0.1, dtype=np.float32)
    probabilities[np.arange(len(labels)), predicted] = 0.8
    ids = np.asarray([str(i) for i in range(len(labels))])
    pose = np.asarray(yaws, dtype=np.float32)
    return Predictions(ids, probabilities, np.asarray(labels), CLASSES, {"pose": pose}, extras)


samples = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2), st.sampled_from([-90, -45, 0, 45, 90])), min_size=1)


@settings(max_examples=60, deadline=None)
@given(samples)
def test_tables_agree_with_scikit_learn(rows: list[tuple[int, int, int]]) -> None:
    labels, predicted, yaws = (list(column) for column in zip(*rows, strict=True))
    given_ = predictions(labels, predicted, [float(yaw) for yaw in yaws])
    overall, table = accuracy_by_yaw(given_), recall_by_yaw(given_)
    for yaw in {-90, -45, 0, 45, 90}:
        here = [i for i, found in enumerate(yaws) if found == yaw]
        assert (str(yaw) in overall) == bool(here)
        if here:
            true, made = [labels[i] for i in here], [predicted[i] for i in here]
            assert overall[str(yaw)] == pytest.approx(accuracy_score(true, made))
            recalls = recall_score(true, made, labels=[0, 1, 2], average=None, zero_division=0)
            for number, name in enumerate(CLASSES):
                assert (f"{name}/{yaw}" in table) == (number in true)
                if number in true:
                    assert table[f"{name}/{yaw}"] == pytest.approx(recalls[number])


def test_frontal_faces_are_turned_by_five_degrees_at_most() -> None:
    given_ = predictions([0, 1, 2, 0], [0, 1, 0, 0], [0.0, -5.0, 5.0, 6.0])
    assert frontal_accuracy(given_) == pytest.approx(2 / 3)
    assert math.isnan(frontal_accuracy(predictions([0], [0], [30.0])))


def test_steps_are_told_by_their_gaps_and_yaws_without_any_are_put_into_steps_of_thirty_degrees() -> None:
    assert yaw_steps(np.asarray([45.0, 0.0, np.nan, 45.0, -90.0])) == (-90.0, 0.0, 45.0)
    assert yaw_steps(np.asarray([-41.0, 8.0])) == (-41.0, 8.0)
    assert yaw_steps(np.linspace(-70, 80, 200)) == (-60.0, -30.0, 0.0, 30.0, 60.0, 90.0)
    assert yaw_steps(np.asarray([np.nan])) == ()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([(-90, -45, 0, 45, 90), (-60, -30, 0, 30, 60), (-45, 0)]))
def test_heads_that_turn_a_little_more_or_less_are_at_their_steps(seed: int, steps: tuple[int, ...]) -> None:
    rng = np.random.default_rng(seed)
    nominal = np.repeat(steps, 40)
    yaws = nominal + rng.normal(0, 2, len(nominal)).clip(-5, 5)
    centres = yaw_steps(yaws)
    assert centres == tuple(float(step) for step in steps)
    assert [centres[place] for place in pose_classes(yaws, centres)] == nominal.tolist()


def test_yaws_without_steps_and_unknown_ones() -> None:
    many = predictions([0] * 100, [0] * 100, np.linspace(-40, 40, 100).tolist())
    assert set(accuracy_by_yaw(many)) == {"-30", "0", "30"}
    unknown = predictions([0, 1], [0, 0], [math.nan, 45.0])
    assert accuracy_by_yaw(unknown) == {"45": 0.0}
    assert accuracy_by_yaw(predictions([0], [0], [math.nan])) == {}


def test_a_yaw_belongs_to_the_nearest_centre_and_an_unknown_one_to_none() -> None:
    assert pose_classes(np.asarray([-80.0, 20.0, 23.0, np.nan]), (-90.0, 0.0, 45.0)).tolist() == [0, 1, 2, -1]
    with pytest.raises(ConfigError, match="ascending"):
        pose_classes(np.asarray([0.0]), (45.0, 0.0))


def test_the_pose_is_right_where_the_most_probable_centre_is_the_nearest() -> None:
    told = np.asarray([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8], [0.8, 0.1, 0.1]])
    centres = np.tile([-45.0, 0.0, 45.0], (4, 1))
    given_ = predictions([0] * 4, [0] * 4, [-50.0, 10.0, 0.0, math.nan], pose_probabilities=told, pose_yaws=centres)
    assert pose_accuracy(given_) == pytest.approx(2 / 3)
    turned = predictions(
        [0] * 4, [0] * 4, [-50.0, 10.0, 0.0, math.nan], pose_probabilities=told[:, ::-1], pose_yaws=centres[:, ::-1]
    )
    assert pose_accuracy(turned) == pytest.approx(2 / 3), "in whatever order the centres stand"
