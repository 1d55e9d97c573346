"""Options that every face detector has. Light to import: plugins that detect build theirs on these."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ferbench.options import Options


class FaceOptions(Options):
    """Options of every preprocessor that detects faces."""

    size: int = Field(default=112, ge=16, le=2048, description="side of the square output, pixels")
    grey: bool = Field(default=False, description="one luma channel instead of RGB")
    crop: Literal["align", "box"] = Field(
        default="align", description="align: five points to the template; box: an upright square around the face's box"
    )
    margin: float = Field(default=0.0, ge=0, le=0.45, description="border on each side, as a share of the output")
    min_confidence: float = Field(default=0.5, ge=0, le=1, description="faces less sure than this are not faces")
    choose: Literal["surest", "largest", "central"] = Field(
        default="surest", description="which of several faces, where the data set annotates no box"
    )
    surround: float = Field(
        default=0.5, ge=0, le=4, description="an annotated box is searched with so much more on each side, in its sides"
    )
    working_size: int = Field(
        default=1024, ge=64, le=8192, description="images with a longer side than this are shrunk to it for detection"
    )
    mirror: bool = Field(default=False, description="mean of the answers to the image and to its mirror image")
