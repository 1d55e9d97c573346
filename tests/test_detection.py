"""Which face is meant and how it is cut out, whatever the detector: tested with one that finds painted discs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from pydantic import ValidationError

from ferbench.data.detection import DetectedFace, Face, one_thread
from ferbench.data.face_options import FaceOptions
from ferbench.data.preprocess import TEMPLATE, NoFace, Prepared, centre_square, mapped, square_map

Points = npt.NDArray[np.float32]

UNIT = (TEMPLATE - TEMPLATE.mean(axis=0)) / np.float32(0.5)
"""Five points about the middle of a face of radius 1."""


def picture(*discs: tuple[int, int, int, int], size: tuple[int, int] = (120, 160)) -> npt.NDArray[np.uint8]:
    """Paint faces (x, y, radius, level): the level tells the detector how sure to be."""
    image = np.zeros((*size, 3), dtype=np.uint8)
    for x, y, radius, level in discs:
        cv2.circle(image, (x, y), radius, (level, level, level), -1)
    return image


class Discs(DetectedFace[FaceOptions]):
    """Finds discs of one level each; as sure as they are bright. Answers are `drift` pixels too far to the right."""

    def __init__(self, drift: float = 0.0, **options: Any) -> None:
        super().__init__(FaceOptions(**options))
        self.drift = drift
        self.seen: list[tuple[int, ...]] = []

    def detect(self, image: npt.NDArray[np.uint8]) -> Sequence[Face]:
        assert image.flags.c_contiguous
        assert cv2.getNumThreads() == 1
        self.seen.append(image.shape)
        faces = []
        levels, pixels = np.unique(image[..., 0], return_counts=True)
        for level in levels[(levels > 0) & (pixels > 60)].tolist():  # fewer are the blurred edge of a shrunk disc
            y, x = np.nonzero(image[..., 0] == level)
            box = np.asarray([x.min(), y.min(), x.max() + 1, y.max() + 1], dtype=np.float32)
            radius = np.float32((box[2] - box[0]) / 2)
            points = UNIT * radius + np.float32([x.mean(), y.mean()])
            face = Face(box, points.astype(np.float32), level / 255)
            faces.append(face.shifted(self.drift, 0))
        return faces


def level(result: Prepared | NoFace) -> int:
    """Tell which disc is in the middle of the prepared image."""
    assert isinstance(result, Prepared)
    middle = result.image.shape[0] // 2
    return int(result.image[middle, middle, 0])


THREE = picture((30, 60, 12, 150), (80, 60, 18, 200), (135, 60, 24, 180))


@pytest.mark.parametrize(("choose", "expected"), [("surest", 200), ("largest", 180), ("central", 200)])
def test_one_of_several_faces_is_chosen_as_the_options_say(choose: Any, expected: int) -> None:
    assert level(Discs(choose=choose, crop="box")(THREE, None, None)) == expected


def test_central_is_not_surest() -> None:
    image = picture((30, 60, 12, 250), (80, 60, 12, 140))
    assert level(Discs(choose="central")(image, None, None)) == 140
    assert level(Discs(choose="surest")(image, None, None)) == 250


@pytest.mark.parametrize("x", [30, 80, 135])
@pytest.mark.parametrize("choose", ["surest", "largest", "central"])
def test_an_annotated_box_chooses_the_face_whatever_the_rule(x: int, choose: Any) -> None:
    box = np.asarray([x - 14, 40, x + 14, 80], dtype=np.float32)
    expected = {30: 150, 80: 200, 135: 180}[x]
    assert level(Discs(choose=choose, surround=1.5)(THREE, None, box)) == expected


def test_only_the_widened_box_is_searched() -> None:
    tool = Discs(surround=0.25)
    assert isinstance(tool(THREE, None, np.asarray([20.0, 50.0, 40.0, 70.0], dtype=np.float32)), Prepared)
    assert tool.seen == [(30, 30, 3)]
    tool(THREE, None, np.asarray([-10.0, 50.0, 42.0, 200.0], dtype=np.float32))
    assert tool.seen[1] == (108, 55, 3), "what lies beyond the image is left out"


def test_a_face_beside_the_annotated_box_is_somebody_elses() -> None:
    image = picture((80, 60, 18, 200))
    box = np.asarray([20, 40, 60, 80], dtype=np.float32)
    result = Discs(size=40, surround=2.0)(image, None, box)
    assert isinstance(result, NoFace)
    assert "annotated box" in result.reason
    assert result.fallback is not None
    expected = mapped(image, square_map(box, 40), 40, grey=False).image
    assert (result.fallback.image == expected).all()


@pytest.mark.parametrize("box", [[200, 10, 240, 50], [10, -60, 50, -5], [20, 20, 20, 60], [40, 40, 20, 20]])
def test_a_box_without_area_in_the_image_is_told_and_not_repaired(box: list[float]) -> None:
    result = Discs()(THREE, None, np.asarray(box, dtype=np.float32))
    assert isinstance(result, NoFace)
    assert "no area within the image" in result.reason


def test_a_box_that_is_not_known_is_no_box() -> None:
    assert level(Discs()(THREE, None, np.full(4, np.nan, dtype=np.float32))) == 200


@pytest.mark.parametrize("crop", ["align", "box"])
def test_landmarks_of_the_data_set_are_not_used(crop: Any) -> None:
    tool = Discs(crop=crop)
    first, second = tool(THREE, None, None), tool(THREE, np.ones((5, 2), dtype=np.float32), None)
    assert isinstance(first, Prepared)
    assert isinstance(second, Prepared)
    assert (first.image == second.image).all()


@pytest.mark.parametrize(("size", "grey", "channels"), [(64, False, 3), (112, True, 1)])
@pytest.mark.parametrize("shape", [(120, 160), (160, 120), (90, 90)])
def test_without_a_face_there_is_the_middle_square_of_the_image(
    size: int, grey: bool, channels: int, shape: tuple[int, int]
) -> None:
    image = np.zeros((*shape, 3), dtype=np.uint8)
    image[:, :, 1] = np.arange(shape[1], dtype=np.uint8)
    image[:, :, 2] = np.arange(shape[0], dtype=np.uint8)[:, None]
    tool = Discs(size=size, grey=grey, min_confidence=1.0)
    result = tool(image, None, None)
    assert isinstance(result, NoFace)
    assert result.reason == "no face found in the image"
    assert result.fallback is not None
    assert result.fallback.image.shape == (size, size, channels)
    assert result.fallback.landmarks is None
    assert result.fallback.box is None
    if not grey:
        side = min(shape)
        for channel, length in ((1, shape[1]), (2, shape[0])):
            axis = result.fallback.image[..., channel].mean(axis=channel - 1).astype(float)
            pixel = (np.arange(size) + 0.5) * side / size + (length - side) / 2 - 0.5
            inner = slice(2, -2)
            assert np.abs(axis[inner] - pixel[inner]).max() < 1.0


def test_a_face_less_sure_than_asked_is_none() -> None:
    assert level(Discs(min_confidence=0.75)(THREE, None, None)) == 200
    assert isinstance(Discs(min_confidence=0.8)(THREE, None, None), NoFace)


@pytest.mark.parametrize("size", [40, 112, 224])
@pytest.mark.parametrize("margin", [0.0, 0.2])
def test_aligned_faces_lie_on_the_template(size: int, margin: float) -> None:
    result = Discs(size=size, margin=margin)(THREE, None, None)
    assert isinstance(result, Prepared)
    assert result.landmarks is not None
    assert result.landmarks.dtype == np.float32
    assert np.abs(result.landmarks - (TEMPLATE * (1 - 2 * margin) + margin) * size).max() < 0.01 * size


@pytest.mark.parametrize("size", [30, 100, 224])
@pytest.mark.parametrize("margin", [0.0, 0.1, 0.3])
def test_a_box_crop_is_upright_and_leaves_its_margin(size: int, margin: float) -> None:
    image = picture((80, 60, 18, 200))
    result = Discs(size=size, margin=margin, crop="box")(image, None, None)
    assert isinstance(result, Prepared)
    assert result.box is not None
    assert result.box == pytest.approx(np.float32([margin, margin, 1 - margin, 1 - margin]) * size, abs=1e-2)
    y, x = np.nonzero(result.image[..., 0] > 100)
    painted = [x.min(), y.min(), x.max() + 1, y.max() + 1]
    assert np.abs(result.box - painted).max() <= max(1.0, size / 37)
    assert result.landmarks is not None
    assert result.landmarks.mean(axis=0) == pytest.approx([size / 2 - 0.5] * 2, abs=0.01 * size)


def test_what_lies_beyond_the_image_repeats_its_edge() -> None:
    image = np.full((60, 60, 3), 90, dtype=np.uint8)
    cv2.circle(image, (4, 30), 20, (200, 200, 200), -1)

    class Edge(Discs):
        def detect(self, image: npt.NDArray[np.uint8]) -> Sequence[Face]:
            return [Face(np.float32([-16, 10, 24, 50]), (UNIT * 20 + [4, 30]).astype(np.float32), 0.9)]

    result = Edge(crop="box", size=40)(image, None, None)
    assert isinstance(result, Prepared)
    assert (result.image[20, :15] == 200).all(), "the disc's middle row goes on to the left"


@pytest.mark.parametrize("angle", [-40.0, 20.0, 70.0])
def test_a_rolled_face_keeps_the_order_of_its_points_and_comes_out_upright(angle: float) -> None:
    turn = cv2.getRotationMatrix2D((0, 0), angle, 1)[:, :2]
    points = (UNIT @ turn.T * 25 + [80, 60]).astype(np.float32)

    class Rolled(Discs):
        def detect(self, image: npt.NDArray[np.uint8]) -> Sequence[Face]:
            return [Face(np.float32([50, 30, 110, 90]), points, 0.9)]

    image = np.zeros((120, 160, 3), dtype=np.uint8)
    cv2.circle(image, tuple(points[0].round().astype(int).tolist()), 3, (255, 255, 255), -1)
    result = Rolled(size=112)(image, None, None)
    assert isinstance(result, Prepared)
    assert result.landmarks is not None
    assert np.abs(result.landmarks - TEMPLATE * 112).max() < 1.5
    y, x = np.nonzero(result.image[..., 0] > 127)
    assert np.abs([x.mean(), y.mean()] - TEMPLATE[0] * 112).max() < 2, "the subject's right eye, at the image's left"


def test_grey_is_one_channel() -> None:
    result = Discs(grey=True, size=48)(THREE, None, None)
    assert isinstance(result, Prepared)
    assert result.image.shape == (48, 48, 1)
    assert result.image.dtype == np.uint8


def test_the_mean_with_the_mirror_image_takes_a_drift_to_one_side_out() -> None:
    image = picture((80, 60, 18, 200), (30, 60, 12, 150))
    true = Discs().faces(image)
    drifting = Discs(drift=3.0).faces(image)
    steadied = Discs(drift=3.0, mirror=True).faces(image)
    assert len(true) == len(drifting) == len(steadied) == 2
    for face, moved, mean in zip(true, drifting, steadied, strict=True):
        assert np.abs(moved.landmarks - face.landmarks).max() == pytest.approx(3.0)
        assert mean.landmarks == pytest.approx(face.landmarks, abs=0.1)  # the template is a little lopsided
        assert mean.box == pytest.approx(face.box, abs=1e-3)
        assert mean.confidence == pytest.approx(face.confidence)


def test_a_face_found_only_in_the_mirror_image_is_found_and_lies_where_it_is() -> None:
    image = picture((50, 60, 18, 200))

    class HalfBlind(Discs):
        def detect(self, image: npt.NDArray[np.uint8]) -> Sequence[Face]:
            return super().detect(image) if len(self.seen) else self.seen.append(()) or []

    (found,) = HalfBlind(mirror=True).faces(image)
    (true,) = Discs().faces(image)
    assert found.landmarks == pytest.approx(true.landmarks, abs=0.1)
    assert found.box == pytest.approx(true.box)
    eyes_and_mouth = found.landmarks[[0, 1, 3, 4], 0]
    assert eyes_and_mouth[0] < eyes_and_mouth[1]
    assert eyes_and_mouth[2] < eyes_and_mouth[3]


def test_large_images_are_shrunk_for_detection_only() -> None:
    image = picture((300, 200, 60, 200), size=(400, 600))
    tool = Discs(working_size=100, size=120, crop="box")
    (face,) = tool.faces(image)
    assert tool.seen == [(67, 100, 3)]
    assert face.box == pytest.approx([240, 140, 361, 261], abs=6)
    assert level(tool(image, None, None)) == 200
    assert Discs(working_size=600).faces(image)[0].box == pytest.approx([240, 140, 361, 261])


def test_a_face_survives_scaling_and_mirroring() -> None:
    face = Face(np.float32([10, 20, 50, 80]), (TEMPLATE * 40 + 10).astype(np.float32), 0.5)
    there = face.scaled(2.0, 0.5)
    assert there.scaled(0.5, 2.0).landmarks == pytest.approx(face.landmarks, abs=1e-4)
    assert there.box.tolist() == [20, 10, 100, 40]
    assert face.mirrored(100).box.tolist() == [50, 20, 90, 80]
    assert face.mirrored(100).mirrored(100).landmarks == pytest.approx(face.landmarks, abs=1e-4)
    assert face.mirrored(100).landmarks[0] == pytest.approx([99 - face.landmarks[1, 0], face.landmarks[1, 1]])


def test_the_number_of_threads_is_what_it_was() -> None:
    before = cv2.getNumThreads()
    try:
        cv2.setNumThreads(2)
        with one_thread():
            assert cv2.getNumThreads() == 1
        assert cv2.getNumThreads() == 2
    finally:
        cv2.setNumThreads(before)


@pytest.mark.parametrize("shape", [(7, 20), (20, 7), (9, 9)])
def test_the_middle_square(shape: tuple[int, int]) -> None:
    left, top, right, bottom = centre_square(np.zeros((*shape, 3), dtype=np.uint8))
    assert right - left == bottom - top == min(shape)
    assert left + right == shape[1]
    assert top + bottom == shape[0]


@pytest.mark.parametrize("wrong", [{"margin": 0.5}, {"choose": "best"}, {"crop": "tight"}, {"size": 8}])
def test_options_out_of_range_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        FaceOptions(**wrong)
