"""Face embeddings by dlib's network."""

from __future__ import annotations

from pathlib import Path

import dlib  # type: ignore[import-untyped]
import numpy as np
import numpy.typing as npt

from ferbench.datasource import ProgressBar
from ferbench_subjects.chips import chip

Embeddings = npt.NDArray[np.float64]


def embedded(
    network: Path,
    images: npt.NDArray[np.uint8],
    landmarks: npt.NDArray[np.floating],
    which: npt.NDArray[np.intp],
    progress: ProgressBar,
) -> Embeddings:
    """Embed faces; two of one person lie near each other (Euclidean distance).

    Args:
        network: the file of `dlib_face_recognition_resnet_model_v1`.
        images: (N, h, w, 1 or 3).
        landmarks: (N, 5, 2) pixels.
        which: (n,) indices of the images to embed; their landmarks must be known.
        progress: a progress bar factory.

    Returns:
        (n, 128).
    """
    model = dlib.face_recognition_model_v1(str(network))
    embeddings = np.empty((len(which), 128))
    with progress("face embeddings", len(which)) as advance:
        for place, index in enumerate(which):
            # One at a time: on a processor, batches are no quicker.
            embeddings[place] = model.compute_face_descriptor(chip(images[index], landmarks[index]))
            advance()
    return embeddings
