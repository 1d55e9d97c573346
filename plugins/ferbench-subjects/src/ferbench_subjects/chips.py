"""Face chips as dlib's network knows them: 150 × 150 RGB, upright, eyes and mouth at fixed places."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ferbench.data.preprocess import Image, warped

SIZE = 150
PADDING = 0.25
"""What `dlib.get_face_chip` takes by default, and what the network was trained with."""

_RIGHT_EYE = ((0.1205750620789, 0.2137274526848), (0.3340850613712, 0.2290642403242))
_LEFT_EYE = ((0.6460604764104, 0.2289674387677), (0.8595674595992, 0.2134981538014))
_NOSE_TIP = (0.490127, 0.515625)
_RIGHT_MOUTH_CORNER, _LEFT_MOUTH_CORNER = (0.254149, 0.780233), (0.726104, 0.780233)

MEAN_FACE = np.asarray(
    [np.mean(_RIGHT_EYE, axis=0), np.mean(_LEFT_EYE, axis=0), _NOSE_TIP, _RIGHT_MOUTH_CORNER, _LEFT_MOUTH_CORNER]
)
"""The five landmarks (5, 2) in dlib's mean face, a unit square without its padding.

From `get_face_chip_details` of dlib's `image_transforms/interpolation.h`: an eye is the middle between its corners in
the layout of five points, nose tip and mouth corners are points 30, 48 and 54 of the layout of 68. dlib's own five
points are the eyes' corners and the base of the nose, which landmarks of data sets and detectors do not have.
"""


def target() -> npt.NDArray[np.float64]:
    """Return where the five landmarks (5, 2) come to lie in a chip, pixels."""
    # dlib puts the centres of a chip's corner pixels on the corners of its square.
    return (MEAN_FACE + PADDING) / (1 + 2 * PADDING) * (SIZE - 1)


def has_face(landmarks: npt.NDArray[np.floating]) -> npt.NDArray[np.bool_]:
    """Return for (N, 5, 2) landmarks whether all five are known and do not lie within one pixel: (N,)."""
    apart = np.ptp(landmarks, axis=1).max(axis=1, initial=0) >= 1
    known: npt.NDArray[np.bool_] = np.isfinite(landmarks).all(axis=(1, 2)) & apart
    return known


def to_chip(landmarks: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """Return the 2 × 3 similarity that moves landmarks (5, 2) nearest to a chip's, by least squares.

    As complex numbers, a similarity without reflection is z → a·z + b, and the best a is a ratio of inner products.
    """
    source, wanted = (points[:, 0] + 1j * points[:, 1] for points in (landmarks.astype(np.float64), target()))
    centred = source - source.mean()
    a = np.vdot(centred, wanted) / np.vdot(centred, centred)
    b = wanted.mean() - a * source.mean()
    return np.asarray([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]])


def chip(image: Image, landmarks: npt.NDArray[np.floating]) -> Image:
    """Cut the chip of a face.

    Args:
        image: (h, w, 1 or 3); a grey one gives three equal channels.
        landmarks: (5, 2) pixels.

    Returns:
        (150, 150, 3). Beyond the image its edge is repeated; dlib's own chips are black there.
    """
    cut = warped(np.ascontiguousarray(image), to_chip(landmarks), SIZE)
    return np.ascontiguousarray(np.broadcast_to(cut, (SIZE, SIZE, 3)))
