"""The preprocessor `retinaface`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch

from ferbench.data.detection import DetectedFace, Face
from ferbench.data.preprocess import Image
from ferbench_retinaface.decoding import faces_in
from ferbench_retinaface.network import load_network, network_input
from ferbench_retinaface.options import RetinaFaceOptions


class RetinaFace(DetectedFace[RetinaFaceOptions]):
    """RetinaFace (Deng et al., CVPR 2020) with a user's weights, on the processor.

    Args:
        options: validated.
        weights: the file of the role `detector`.

    Raises:
        WeightsError: the file cannot be read, or holds another network.
    """

    def __init__(self, options: RetinaFaceOptions, weights: Mapping[str, Path]) -> None:
        super().__init__(options)
        self._network = load_network(weights["detector"])

    def detect(self, image: Image) -> Sequence[Face]:
        """Return the faces in an image, the surest first."""
        options = self.options
        with torch.inference_mode(), _one_thread():
            output = self._network(network_input(image, options.pixels))
            return faces_in(output, *image.shape[:2], min_confidence=options.min_confidence, overlap=options.overlap)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Let torch use one thread: sums then have one order, whatever the machine and however many processes."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
