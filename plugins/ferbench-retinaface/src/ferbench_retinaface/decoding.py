"""From the network's raw output to faces.

`retinaface-pytorch` has this in `predict_single.Model`, which also imports albumentations, enlarges every image to its
`max_size`, scales the width by the height's rounded factor, rounds to hundredths and returns a face of empty lists
where there is none. Used of it here are the parts that are right as they are: anchors, decoding.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from retinaface.box_utils import decode, decode_landm  # type: ignore[import-untyped]
from retinaface.prior_box import priorbox  # type: ignore[import-untyped]
from torch import Tensor
from torchvision.ops import nms

from ferbench.data.detection import Face

VARIANCES = (0.1, 0.2)
SIDES, STEPS = ((16, 32), (64, 128), (256, 512)), (8, 16, 32)
"""Of the anchors of the three levels, and how far apart they lie; pixels."""


@lru_cache(maxsize=8)
def anchors(height: int, width: int) -> Tensor:
    """Return the anchors (n, 4) of an image: middles and sides, as shares of its width and height."""
    sides, steps = [list(level) for level in SIDES], list(STEPS)
    made: Tensor = priorbox(min_sizes=sides, steps=steps, clip=False, image_size=(height, width))
    return made


def faces_in(
    output: tuple[Tensor, Tensor, Tensor], height: int, width: int, *, min_confidence: float, overlap: float
) -> list[Face]:
    """Return the faces that the network's output tells of, the surest first.

    Args:
        output: offsets of boxes (1, n, 4), logits of no face and face (1, n, 2), offsets of points (1, n, 10).
        height: of the image.
        width: of the image.
        min_confidence: faces less sure are left out.
        overlap: intersection over union with a surer face from which a face is the same.
    """
    offsets, logits, places = (one[0].float() for one in output)
    scores = logits.softmax(dim=-1)[:, 1]
    sure = torch.nonzero(scores >= min_confidence)[:, 0]
    scores, near = scores[sure], anchors(height, width)[sure]
    size = torch.tensor([width, height], dtype=torch.float32)
    boxes = decode(offsets[sure], near, VARIANCES) * size.repeat(2)
    points = decode_landm(places[sure], near, VARIANCES).reshape(-1, 5, 2) * size
    kept = nms(boxes, scores, overlap)
    # In training, images are mirrored about their width, so positions count from the outer edge: landmarks, which
    # ferbench counts from the first pixel's centre, lie half a pixel lower.
    return [
        Face(np.asarray(box, np.float32), np.asarray(five, np.float32) - np.float32(0.5), float(score))
        for box, five, score in zip(boxes[kept].numpy(), points[kept].numpy(), scores[kept], strict=True)
    ]
