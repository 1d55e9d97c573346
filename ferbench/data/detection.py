"""What every face detector shares: which face of an image is meant, and how it is cut out. A detector only detects."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

import cv2
import numpy as np
import numpy.typing as npt

from ferbench.data.face_options import FaceOptions
from ferbench.data.preprocess import (
    Image,
    NoFace,
    Points,
    Prepared,
    centre_square,
    mapped,
    similarity,
    square_map,
)

MIRRORED = (1, 0, 2, 4, 3)
"""Where each landmark of a mirrored face comes from: its right eye is the other one's left eye."""

SAME_FACE = 0.5
"""Intersection over union from which a face found in an image and one found in its mirror image are one."""


@dataclass(frozen=True, eq=False)
class Face:
    """A face that a detector found.

    Attributes:
        box: (4,) float32: left, top, right, bottom, pixels from the outer edge of the first pixel.
        landmarks: (5, 2) float32, pixels from the centre of the first pixel: the subject's right eye, left eye, nose
            tip, right and left mouth corner.
        confidence: 0 … 1.
    """

    box: Points
    landmarks: Points
    confidence: float

    @property
    def centre(self) -> Points:
        """The middle of its box, (2,)."""
        return np.asarray((self.box[:2] + self.box[2:]) / 2, dtype=np.float32)

    @property
    def area(self) -> float:
        """Of its box, square pixels."""
        return float(np.prod(self.box[2:] - self.box[:2]))

    def shifted(self, right: float, down: float) -> Face:
        """Return the face as seen from an origin that lies so far to the left and above."""
        by = np.asarray([right, down], dtype=np.float32)
        return replace(self, box=self.box + np.tile(by, 2), landmarks=self.landmarks + by)

    def scaled(self, across: float, down: float) -> Face:
        """Return the face in an image stretched by these factors."""
        by = np.asarray([across, down], dtype=np.float32)
        half = np.float32(0.5)
        return replace(self, box=self.box * np.tile(by, 2), landmarks=(self.landmarks + half) * by - half)

    def mirrored(self, width: int) -> Face:
        """Return the face in the mirror image of an image of this width."""
        left, top, right, bottom = self.box
        x, y = self.landmarks[list(MIRRORED)].T
        return replace(
            self,
            box=np.asarray([width - right, top, width - left, bottom], dtype=np.float32),
            landmarks=np.stack([width - 1 - x, y], axis=1).astype(np.float32),
        )

    def averaged(self, other: Face) -> Face:
        """Return the mean of two answers about one face."""
        return Face(
            np.mean([self.box, other.box], axis=0, dtype=np.float32),
            np.mean([self.landmarks, other.landmarks], axis=0, dtype=np.float32),
            (self.confidence + other.confidence) / 2,
        )


FaceOptionsT = TypeVar("FaceOptionsT", bound=FaceOptions)


class DetectedFace(ABC, Generic[FaceOptionsT]):
    """A preprocessor that finds the face itself. Subclasses implement `detect`.

    Landmarks that a data set annotates are not used: one rule for all data. A box that it annotates tells which
    face is meant: the box is searched, widened by `surround`, and the face nearest to its middle is taken; a
    face whose middle lies outside the annotated box is somebody else's. Without a box `choose` decides, and the first
    one detected where it leaves a tie.

    Without a face there is a square to fall back upon: around the annotated box, else in the middle of the image.
    """

    def __init__(self, options: FaceOptionsT) -> None:
        self.options = options

    @abstractmethod
    def detect(self, image: Image) -> Sequence[Face]:
        """Return the faces in an image, in an order that depends on the image alone.

        Args:
            image: (H, W, 3) uint8 RGB, contiguous, of any size from 1 × 1.
        """

    def __call__(self, image: Image, landmarks: Points | None, box: Points | None) -> Prepared | NoFace:
        """Prepare one image; the result has the landmarks and the box that were detected."""
        del landmarks
        if box is None or not np.isfinite(box).all():
            return self._anywhere(image)
        return self._annotated(image, np.asarray(box, dtype=np.float32))

    def faces(self, image: Image) -> list[Face]:
        """Return the faces that are sure enough, with the measures of the options taken."""
        height, width = image.shape[:2]
        image = self._at_working_size(image)
        with one_thread():
            found = list(self.detect(np.ascontiguousarray(image)))
            if self.options.mirror:
                other = self.detect(np.ascontiguousarray(image[:, ::-1]))
                found = _averaged(found, [face.mirrored(image.shape[1]) for face in other])
        back = width / image.shape[1], height / image.shape[0]
        sure = [face for face in found if face.confidence >= self.options.min_confidence]
        return [face.scaled(*back) for face in sure]

    def _at_working_size(self, image: Image) -> Image:
        height, width = image.shape[:2]
        factor = self.options.working_size / max(height, width)
        if factor >= 1:
            return image
        smaller = max(1, round(width * factor)), max(1, round(height * factor))
        resized: Image = cv2.resize(image, smaller, interpolation=cv2.INTER_AREA).astype(np.uint8)
        return resized

    def _anywhere(self, image: Image) -> Prepared | NoFace:
        faces = self.faces(image)
        if not faces:
            return NoFace("no face found in the image", self._square(image, centre_square(image)))
        middle = np.asarray([image.shape[1] / 2, image.shape[0] / 2], dtype=np.float32)
        ranks = {
            "surest": lambda face: face.confidence,
            "largest": lambda face: face.area,
            "central": lambda face: -_distance(face, middle),
        }
        return self._cut_out(image, max(faces, key=ranks[self.options.choose]))

    def _annotated(self, image: Image, box: Points) -> Prepared | NoFace:
        window = _widened(box, self.options.surround, image)
        if window is None:
            outside = "the annotated box has no area within the image"
            return NoFace(outside, self._square(image, centre_square(image)))
        left, top, right, bottom = window
        middle = (box[:2] + box[2:]) / 2
        faces = [face.shifted(left, top) for face in self.faces(image[top:bottom, left:right])]
        within = [face for face in faces if (box[:2] <= face.centre).all() and (face.centre <= box[2:]).all()]
        if not within:
            around = square_around(box, self.options.margin)
            return NoFace("no face found in the annotated box", self._square(image, around))
        return self._cut_out(image, min(within, key=lambda face: _distance(face, middle)))

    def _cut_out(self, image: Image, face: Face) -> Prepared:
        size, margin = self.options.size, self.options.margin
        if self.options.crop == "align":
            matrix = similarity(face.landmarks, size, margin)
        else:
            matrix = square_map(square_around(face.box, margin), size)
        return mapped(image, matrix, size, grey=self.options.grey, landmarks=face.landmarks, box=face.box)

    def _square(self, image: Image, square: Points) -> Prepared:
        size = self.options.size
        return mapped(image, square_map(square, size), size, grey=self.options.grey)


def square_around(box: Points, margin: float) -> Points:
    """Return the square (4,) about a box's middle; the box's longer side leaves `margin` of it free at both ends."""
    middle, half = (box[:2] + box[2:]) / 2, float((box[2:] - box[:2]).max()) / 2 / (1 - 2 * margin)
    return np.concatenate([middle - half, middle + half]).astype(np.float32)


@contextmanager
def one_thread() -> Iterator[None]:
    """Let OpenCV use one thread: results then do not depend on the machine's cores, and processes do not crowd."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


def _widened(box: Points, share: float, image: Image) -> tuple[int, int, int, int] | None:
    """Return whole pixels (left, top, right, bottom) of a widened box within an image; None where none are left."""
    height, width = image.shape[:2]
    limits = np.asarray([width, height])
    if (box[2:] <= box[:2]).any() or (box[2:] <= 0).any() or (box[:2] >= limits).any():
        return None
    more = (box[2:] - box[:2]) * share
    low = np.clip(np.floor(box[:2] - more), 0, limits).astype(int)
    high = np.clip(np.ceil(box[2:] + more), 0, limits).astype(int)
    return int(low[0]), int(low[1]), int(high[0]), int(high[1])


def _distance(face: Face, point: npt.NDArray[np.floating[Any]]) -> float:
    return float(np.linalg.norm(face.centre - point))


def _overlap(a: Face, b: Face) -> float:
    """Return the intersection over union of two boxes."""
    sides = np.clip(np.minimum(a.box[2:], b.box[2:]) - np.maximum(a.box[:2], b.box[:2]), 0, None)
    shared = float(np.prod(sides))
    return shared / max(a.area + b.area - shared, 1e-9)


def _averaged(plain: Sequence[Face], mirrored: Sequence[Face]) -> list[Face]:
    """Return the means of faces found twice, then those found once: what a detector shifts to one side drops out."""
    left = list(mirrored)
    result: list[Face] = []
    for face in plain:
        twin = max(left, key=lambda other: _overlap(face, other), default=None)
        if twin is None or _overlap(face, twin) < SAME_FACE:
            result.append(face)
        else:
            left.remove(twin)
            result.append(face.averaged(twin))
    return result + left
