"""Options of `ferbench.train.Classifier`, apart from it so that listing methods imports no torch."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ferbench.options import Options


class ClassifierOptions(Options):
    """Options of a classifier with one backbone and one stage."""

    backbone: str = Field(default="resnet18", description="a small one of ferbench, or any timm model")
    epochs: int = Field(default=40, ge=1, le=10_000)
    batch_size: int = Field(default=64, ge=2, le=8192)
    optimizer: Literal["adam", "adamw", "sgd"] = "adamw"
    lr: float = Field(default=1e-3, gt=0, le=10)
    weight_decay: float = Field(default=1e-4, ge=0, le=1)
    schedule: Literal["constant", "cosine", "one-cycle"] = "cosine"
    clip: float | None = Field(default=None, gt=0, description="largest gradient norm")
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    dropout: float = Field(default=0.0, ge=0, lt=1)
    sampling: Literal["shuffled", "class-balanced"] = "shuffled"
    augment: Literal["none", "light", "strong"] = Field(
        default="light", description="light: flip and shift; strong: also rotation, scale, colour, erasing"
    )
    shift: int | None = Field(
        default=None, ge=0, le=64, description="largest shift in pixels of the light augmentation; a 16th of the image"
    )
