"""What a user may set."""

from __future__ import annotations

from pydantic import Field

from ferbench import Options


class ClusterOptions(Options):
    """Options of `subject-clusters`.

    Attributes:
        threshold: two clusters are one person while the mean distance between their faces is below this. The default
            is the distance at which dlib's network was trained to tell people apart (`dnn_face_recognition_ex.cpp`);
            it is not tuned on anything.
    """

    threshold: float = Field(default=0.6, gt=0, le=2, description="mean distance below which clusters are one person")
