"""Options of `retinaface`, light to import."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ferbench.data.face_options import FaceOptions


class RetinaFaceOptions(FaceOptions):
    """Options of `retinaface`: those of all detectors, and the network's."""

    min_confidence: float = Field(default=0.7, ge=0, le=1, description="faces less sure than this are not faces")
    working_size: int = Field(
        default=960, ge=64, le=8192, description="images with a longer side than this are shrunk to it for detection"
    )
    overlap: float = Field(
        default=0.4, ge=0, le=1, description="intersection over union with a surer face from which a face is the same"
    )
    pixels: Literal["imagenet", "caffe"] = Field(
        default="imagenet",
        description="what the weights were trained on: imagenet: RGB, ImageNet's mean and deviation "
        "(retinaface-pytorch); caffe: BGR less (104, 117, 123) (Pytorch_Retinaface)",
    )
