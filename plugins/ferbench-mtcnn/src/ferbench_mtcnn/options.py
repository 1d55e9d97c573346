"""Options of `mtcnn`, light to import."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ferbench.data.face_options import FaceOptions

Share = Annotated[float, Field(ge=0, le=1)]


class MtcnnOptions(FaceOptions):
    """Options of `mtcnn`: those of all detectors, and the cascade's."""

    min_confidence: float = Field(
        default=0.7, ge=0, le=1, description="the last network's threshold: faces less sure than this are not faces"
    )
    mirror: bool = Field(default=True, description="mean of the answers to the image and to its mirror image")
    min_face: int = Field(default=20, ge=12, le=512, description="side of the smallest face to look for, pixels")
    thresholds: tuple[Share, Share] = Field(
        default=(0.6, 0.7), description="confidence from which the first and the second network pass a candidate on"
    )
    pyramid: float = Field(default=0.709, ge=0.3, le=0.95, description="ratio of successive sizes of the image")
