"""What ferbench finds by entry point."""

from __future__ import annotations

from ferbench import PreprocessorEntry, hookimpl
from ferbench_mtcnn.carrier import networks_version
from ferbench_mtcnn.options import MtcnnOptions


@hookimpl
def ferbench_preprocessors() -> list[PreprocessorEntry]:
    """Return the detector."""
    return [
        PreprocessorEntry(
            name="mtcnn",
            factory="ferbench_mtcnn.detector:Mtcnn",
            version=f"1; {networks_version()}",
            options=MtcnnOptions,
            gives=frozenset({"landmarks", "box"}),
            summary="MTCNN face detection with five landmarks, then alignment or a square crop",
        )
    ]
