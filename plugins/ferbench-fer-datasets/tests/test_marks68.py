"""Five points of sixty-eight, and sixty-eight around five."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from ferbench_fer_datasets.faces import Face
from ferbench_fer_datasets.marks68 import five, sixty_eight


@given(
    arrays.arrays(np.float32, (5, 2), elements=st.floats(0, 200, width=32)),
    st.tuples(st.floats(0, 50), st.floats(0, 50), st.floats(100, 200), st.floats(100, 200)),
)
def test_five_points_come_back_from_the_sixty_eight(marks, box):
    drawn = sixty_eight(Face(np.zeros((200, 200, 3), np.uint8), marks, box))
    assert drawn.shape == (68, 2)
    assert np.asarray(five(drawn.ravel().tolist())) == pytest.approx(marks, abs=1e-3)


def test_five_points_are_those_of_the_mark_up():
    flat = [float(value) for number in range(1, 69) for value in (number, -number)]
    assert five(flat) == ((39.5, -39.5), (45.5, -45.5), (31, -31), (49, -49), (55, -55))
    assert five([str(value) for value in flat]) == five(flat)


@pytest.mark.parametrize(
    ("flat", "match"), [([1.0] * 134, "67 points, not 68"), ([float("nan")] * 136, "points without a place")]
)
def test_what_is_no_face_is_refused(flat, match):
    with pytest.raises(ValueError, match=match):
        five(flat)
