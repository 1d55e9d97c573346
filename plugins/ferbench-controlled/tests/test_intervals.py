"""Classes that are intervals: their names and edges."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferbench_controlled.dsprites import SCALE_NAMES
from ferbench_controlled.factors import ROTATION, SCALE
from ferbench_controlled.intervals import Interval, bin_of, interval_name, parse_interval


@pytest.mark.parametrize(
    ("value", "bin_"),
    [(-90, 0), (-80.001, 0), (-80, 1), (-0.001, 8), (0, 9), (9.99, 9), (10, 10), (80, 17), (89.999, 17)],
)
def test_golden_bins_of_the_rotation(value: float, bin_: int) -> None:
    assert bin_of([value], ROTATION.intervals).tolist() == [bin_]


@pytest.mark.parametrize(
    ("value", "bin_"), [(0.5, 0), (0.549, 0), (0.55, 1), (0.6, 2), (0.7, 4), (0.8, 6), (0.9, 8), (0.95, 9), (0.999, 9)]
)
def test_golden_bins_of_the_scale(value: float, bin_: int) -> None:
    assert bin_of([value], SCALE.intervals).tolist() == [bin_]


@given(st.floats(-90, 90, width=32, exclude_max=True))
def test_bins_of_the_rotation_are_those_of_the_formula(value: float) -> None:
    # In exact numbers: what is a hair below 0 is 90 once 90 has been added.
    assert bin_of([value], ROTATION.intervals).item() == math.floor((Fraction(value) + 90) / 10)


@given(st.integers(0, 499_999))
def test_bins_of_the_scale_are_those_of_the_formula(millionths: int) -> None:
    # In whole numbers: (.6 − .5) / .05 is below 2 in floating point.
    assert bin_of([0.5 + millionths / 1e6], SCALE.intervals).item() == millionths // 50_000


def test_class_names_state_their_intervals() -> None:
    assert ROTATION.classes[:2] == ("[-90, -80)", "[-80, -70)")
    assert ROTATION.classes[9] == "[0, 10)"
    assert len(ROTATION.classes) == 18
    assert (SCALE.classes[0], SCALE.classes[-1], len(SCALE.classes)) == ("[0.50, 0.55)", "[0.95, 1.00)", 10)
    assert SCALE_NAMES == ("0.5", "0.6", "0.7", "0.8", "0.9", "1.0")
    for factor in (ROTATION, SCALE):
        assert tuple(map(parse_interval, factor.classes)) == factor.intervals


@given(st.integers(-(10**6), 10**6), st.integers(0, 10**6), st.integers(0, 4))
def test_what_a_name_states_is_read_from_it(lower: int, width: int, decimals: int) -> None:
    interval = Interval(lower / 10**decimals, (lower + width) / 10**decimals)
    assert parse_interval(interval_name(interval, decimals)) == interval


@pytest.mark.parametrize(
    "name",
    [
        "zero",
        "",
        "[1, 2]",
        "(1, 2)",
        "[2, 1)",
        "[1, 1)",
        "[1,2)",
        "[1, 2) ",
        "1e3",
        "1.",
        ".5",
        "+1",
        "nan",
        "[1, 2)\n",
        "１",
    ],
)
def test_other_names_state_none(name: str) -> None:
    assert parse_interval(name) is None


def test_every_value_has_a_bin_next_to_its_neighbours() -> None:
    values = np.linspace(-90, 89.99, 10_000)
    assert set(np.diff(bin_of(values, ROTATION.intervals)).tolist()) == {0, 1}
