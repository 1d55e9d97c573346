"""Options of the toy data set and methods."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ferbench import ClassifierOptions, Options


class PatternOptions(Options):
    """Options of the data set."""

    images: int = Field(default=192, ge=16, le=4096, description="over all classes and subjects")
    subjects: int = Field(default=8, ge=1, le=64, description="the last quarter is the test split")
    classes: int = Field(default=4, ge=2, le=4)
    seed: int = 0
    noise: float = Field(default=0.15, ge=0, le=1, description="standard deviation of the pixels")
    omit: tuple[Literal["subject", "pose", "landmarks", "split"], ...] = Field(
        default=(), description="columns the data set shall lack"
    )


class LearnerOptions(ClassifierOptions):
    """Options of every toy method."""

    epochs: int = Field(default=4, ge=1, le=1000)
    batch_size: int = Field(default=16, ge=2, le=512)
    lr: float = Field(default=1e-2, gt=0, le=10)
    augment: Literal["none", "light", "strong"] = "none"
    delay: float = Field(default=0.0, ge=0, le=60, description="seconds to sleep in each step")


class FaultyOptions(LearnerOptions):
    """Options of the methods that fail."""

    epoch: int = Field(default=1, ge=1, description="in which it happens")
    deaths: int = Field(default=99, ge=1, description="how often `toy-killed` dies before it goes through")
