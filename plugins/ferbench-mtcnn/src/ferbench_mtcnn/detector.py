"""The preprocessor `mtcnn`."""

from __future__ import annotations

from collections.abc import Sequence

from ferbench.data.detection import DetectedFace, Face
from ferbench.data.preprocess import Image
from ferbench_mtcnn.cascade import describe, propose, refine
from ferbench_mtcnn.networks import load_networks
from ferbench_mtcnn.options import MtcnnOptions


class Mtcnn(DetectedFace[MtcnnOptions]):
    """MTCNN face detection.

    Raises:
        PluginError: the networks are not there, or OpenCV runs them wrongly.
    """

    def __init__(self, options: MtcnnOptions) -> None:
        super().__init__(options)
        self._proposal, self._refinement, self._output = load_networks()

    def detect(self, image: Image) -> Sequence[Face]:
        """Return the faces in an image, the surest first."""
        options = self.options
        boxes = propose(self._proposal, image, options)
        boxes = refine(self._refinement, image, boxes, options.thresholds[1])
        found = describe(self._output, image, boxes, options.min_confidence)
        return [Face(box, points, float(score)) for box, points, score in zip(*found, strict=True)]
