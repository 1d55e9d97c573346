"""Resizing and aligning: landmarks and box move with the image, similarities are undone, nothing is mirrored."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferbench.data.preprocess import TEMPLATE, Align, AlignOptions, NoFace, Prepared, Resize, ResizeOptions, similarity


def resize(size: int = 16, *, grey: bool = False) -> Resize:
    return Resize(ResizeOptions(size=size, grey=grey))


def dot(at: npt.NDArray[np.floating[Any]], shape: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """Paint a soft dot; its centre of mass is where it was put."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    bell = np.exp(-((x - at[0]) ** 2 + (y - at[1]) ** 2) / (2 * 4.0**2))
    return np.repeat((255 * bell).astype(np.uint8)[..., None], 3, axis=2)


def centre(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """Find the centre of mass of what is bright."""
    weight = image.astype(np.float64).mean(axis=2)
    weight[weight < 20] = 0
    y, x = np.mgrid[: weight.shape[0], : weight.shape[1]]
    return np.asarray([(x * weight).sum(), (y * weight).sum()]) / weight.sum()


FACE = np.asarray([[60, 70], [110, 68], [86, 95], [66, 120], [104, 121]], dtype=np.float32)


@pytest.mark.parametrize("size", [64, 100, 180, 333])
def test_landmarks_move_with_a_resized_image(size: int) -> None:
    for number in range(5):
        result = resize(size)(dot(FACE[number], (200, 160)), FACE, np.asarray([10, 20, 30, 40], dtype=np.float32))
        assert result.landmarks is not None
        assert np.abs(centre(result.image) - result.landmarks[number]).max() < 0.15
        assert result.box is not None
        assert result.box == pytest.approx(np.asarray([10 / 160, 20 / 200, 30 / 160, 40 / 200]) * size)


@pytest.mark.parametrize(("size", "margin"), [(112, 0.0), (48, 0.1), (224, 0.2)])
def test_landmarks_move_with_an_aligned_image(size: int, margin: float) -> None:
    align = Align(AlignOptions(size=size, margin=margin))
    for number in range(5):
        result = align(dot(FACE[number], (200, 160)), FACE, None)
        assert isinstance(result, Prepared)
        assert result.landmarks is not None
        assert np.abs(centre(result.image) - result.landmarks[number]).max() < 0.25


@pytest.mark.parametrize("angle", [0.0, 0.5, -1.0])
def test_the_box_moves_with_an_aligned_image(angle: float) -> None:
    turn = np.asarray([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    face = ((FACE - [80, 100]) @ turn.T + [80, 100]).astype(np.float32)
    image = np.zeros((200, 160, 3), dtype=np.uint8)
    image[60:130, 50:120] = 255
    result = Align(AlignOptions(size=160, margin=0.3))(image, face, np.asarray([50, 60, 120, 130], dtype=np.float32))
    assert isinstance(result, Prepared)
    assert result.box is not None
    y, x = np.nonzero(result.image[..., 0] > 127)
    assert np.abs(result.box - [x.min(), y.min(), x.max() + 1, y.max() + 1]).max() < 1.5


@given(
    angle=st.floats(-3.1, 3.1), scale=st.floats(0.2, 5), dx=st.floats(-300, 300), dy=st.floats(-300, 300),
    size=st.integers(16, 300), margin=st.floats(0, 0.3),
)  # fmt: skip
def test_alignment_undoes_any_similarity(
    angle: float, scale: float, dx: float, dy: float, size: int, margin: float
) -> None:
    target = (TEMPLATE * (1 - 2 * margin) + margin) * size
    turn = np.asarray([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved = target.astype(np.float64) @ (scale * turn).T + [dx, dy]
    matrix = similarity(moved, size, margin)  # type: ignore[arg-type]  # double precision, to test the arithmetic
    assert np.abs(moved @ matrix[:, :2].T + matrix[:, 2] - target).max() < 1e-3
    assert np.linalg.det(matrix[:, :2]) == pytest.approx(1 / scale**2, rel=1e-4)


@given(seed=st.integers(0, 10**6), mirrored=st.booleans())
def test_alignment_never_mirrors_a_face(seed: int, mirrored: bool) -> None:
    rng = np.random.default_rng(seed)
    points = (TEMPLATE * 100 + rng.normal(0, 6, (5, 2))).astype(np.float32)
    if mirrored:
        points[:, 0] = 100 - points[:, 0]
    assert np.linalg.det(similarity(points, 112, 0.0)[:, :2]) >= 0


@pytest.mark.parametrize("points", [None, np.full((5, 2), np.nan, np.float32), np.full((5, 2), 30, np.float32)])
def test_without_five_landmarks_there_is_no_face_to_align(points: Any) -> None:
    result = Align(AlignOptions(size=32))(dot(FACE[0], (200, 160)), points, None)
    assert isinstance(result, NoFace)
    assert result.fallback is not None
    assert result.fallback.image.shape == (32, 32, 3)


def test_grey_is_the_luma_in_one_channel() -> None:
    image = np.zeros((20, 20, 3), dtype=np.uint8)
    image[..., 0], image[..., 1], image[..., 2] = 200, 100, 50
    luma = round(0.299 * 200 + 0.587 * 100 + 0.114 * 50)
    for prepared in (
        resize(grey=True)(image, None, None),
        Align(AlignOptions(size=16, grey=True))(image, TEMPLATE * 20, None),
    ):
        assert isinstance(prepared, Prepared)
        assert prepared.image.shape == (16, 16, 1)
        assert np.abs(prepared.image.astype(int) - luma).max() <= 1


def test_shrinking_averages() -> None:
    checks = (np.indices((64, 64)).sum(axis=0) % 2 * 255).astype(np.uint8)[..., None].repeat(3, axis=2)
    assert np.abs(resize(16)(checks, None, None).image.astype(int) - 127).max() <= 1
    aligned = Align(AlignOptions(size=16))(
        cv2.copyMakeBorder(checks, 8, 8, 8, 8, cv2.BORDER_WRAP), TEMPLATE * 64 + 8, None
    )
    assert isinstance(aligned, Prepared)
    assert np.abs(aligned.image[2:-2, 2:-2].astype(int) - 127).max() < 40
