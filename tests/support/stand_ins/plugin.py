"""A face detector of another distribution, by name and options only."""

from __future__ import annotations

from pydantic import Field

from ferbench import PreprocessorEntry, hookimpl
from ferbench.data.preprocess import ResizeOptions


class DetectorOptions(ResizeOptions):
    """Options of the detector."""

    margin: float = Field(default=0.0, ge=0, le=1)


@hookimpl
def ferbench_preprocessors() -> list[PreprocessorEntry]:
    """Return a detector that takes the whole image for a face."""
    factory = "ferbench.data.preprocess:Resize"
    return [PreprocessorEntry(name="mtcnn", factory=factory, version="0", options=DetectorOptions)]
