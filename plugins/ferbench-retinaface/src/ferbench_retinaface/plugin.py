"""What ferbench finds by entry point."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from ferbench import PreprocessorEntry, hookimpl
from ferbench_retinaface.options import RetinaFaceOptions

DISTRIBUTION = "retinaface-pytorch"


def detector_version() -> str:
    """Return the release of the package that has the network; says so where it is not installed."""
    try:
        return f"{DISTRIBUTION} {version(DISTRIBUTION)}"
    except PackageNotFoundError:
        return f"{DISTRIBUTION} missing"


@hookimpl
def ferbench_preprocessors() -> list[PreprocessorEntry]:
    """Return the detector."""
    return [
        PreprocessorEntry(
            name="retinaface",
            factory="ferbench_retinaface.detector:RetinaFace",
            version=f"1; {detector_version()}",
            options=RetinaFaceOptions,
            gives=frozenset({"landmarks", "box"}),
            weights=("detector",),
            summary="RetinaFace (ResNet-50) with your weights: five landmarks, then alignment or a square crop",
        )
    ]
