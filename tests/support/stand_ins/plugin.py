"""Data sets and a face detector of other distributions, by name and shape only."""

from __future__ import annotations

from pydantic import Field
from toyfaces.options import ToyOptions

from ferbench import DatasetCard, DatasetEntry, PreprocessorEntry, hookimpl
from ferbench.data.preprocess import ResizeOptions

SEVEN = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")
NAMES = ("raf-db", "affectnet-7", "sfew")


class SevenOptions(ToyOptions):
    """Seven expressions, so many images that a batch of 64 is full."""

    classes: tuple[str, ...] = SEVEN
    per_subject: int = Field(default=3, ge=1)
    columns: tuple[str, ...] = ("split", "mixture")


class DetectorOptions(ResizeOptions):
    """Options of the detector."""

    margin: float = Field(default=0.0, ge=0, le=1)


@hookimpl
def ferbench_datasets() -> list[DatasetEntry]:
    """Return the data sets."""
    card = DatasetCard(title="Coloured squares", classes=SEVEN, label_columns=("mixture",))
    factory = "toyfaces.data:Toy"
    return [
        DatasetEntry(name=name, factory=factory, options=SevenOptions, card=card, needs_root=False) for name in NAMES
    ]


@hookimpl
def ferbench_preprocessors() -> list[PreprocessorEntry]:
    """Return a detector that takes the whole image for a face."""
    factory = "ferbench.data.preprocess:Resize"
    return [PreprocessorEntry(name="mtcnn", factory=factory, version="0", options=DetectorOptions)]
