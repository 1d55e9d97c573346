"""What a user may set of each domain."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Annotated

from pydantic import Field

from ferbench.options import Options

Yaw = Annotated[float, Field(ge=-90, le=90)]


class FaceOptions(Options, ABC):
    """Options that all domains share.

    Attributes:
        subjects: how many people.
        resolution: side of the square images, pixels.
        seed: of everything random; the same seed gives the same bytes.
        test_fraction: share of the subjects that the official split keeps for testing.
        intensity_low: weakest performance of an expression, 1 being full.
        intensity_high: strongest performance.
    """

    subjects: int = Field(default=60, ge=2, le=100_000, description="how many people")
    resolution: int = Field(default=96, ge=24, le=512, description="side of the square images, pixels")
    seed: int = Field(default=0, ge=0, lt=2**32, description="of everything random")
    test_fraction: float = Field(default=0.25, gt=0, lt=1, description="share of the subjects kept for testing")
    intensity_low: float = Field(default=0.8, ge=0, le=1.5, description="weakest performance of an expression")
    intensity_high: float = Field(default=1.2, ge=0, le=1.5, description="strongest performance of an expression")

    @abstractmethod
    def images_of_one(self) -> int:
        """Return how many images each subject has."""


class StudioOptions(FaceOptions):
    """Options of `synthfaces-studio`: every subject shows every expression at every yaw.

    Attributes:
        yaws: the yaw steps, degrees, positive to the subject's left.
        repeats: performances of each expression at each yaw.
    """

    yaws: tuple[Yaw, ...] = Field(default=(-90.0, -45.0, 0.0, 45.0, 90.0), min_length=1, max_length=37)
    repeats: int = Field(default=1, ge=1, le=100, description="performances of each expression at each yaw")

    def images_of_one(self) -> int:
        """Return how many images each subject has: expressions × yaws × repeats."""
        return 7 * len(self.yaws) * self.repeats


class WildOptions(FaceOptions):
    """Options of `synthfaces-wild`: random pose, light, background and quality; weak and mixed expressions.

    Attributes:
        images_per_subject: random images of each subject.
        mixed: share of images that mix two expressions.
        occluded: share of images with something before the face.
    """

    subjects: int = Field(default=100, ge=2, le=100_000, description="how many people")
    images_per_subject: int = Field(default=20, ge=1, le=100_000, description="random images of each")
    intensity_low: float = Field(default=0.4, ge=0, le=1.5, description="weakest performance of an expression")
    intensity_high: float = Field(default=1.1, ge=0, le=1.5, description="strongest performance of an expression")
    mixed: float = Field(default=0.25, ge=0, le=1, description="share of images that mix two expressions")
    occluded: float = Field(default=0.2, ge=0, le=1, description="share of images with something before the face")

    def images_of_one(self) -> int:
        """Return how many images each subject has."""
        return self.images_per_subject


class IdentityOptions(FaceOptions):
    """Options of `synthfaces-identity`: many subjects, for pretraining on who a face belongs to.

    Attributes:
        images_per_subject: random images of each subject.
    """

    subjects: int = Field(default=200, ge=2, le=100_000, description="how many people")
    images_per_subject: int = Field(default=20, ge=1, le=100_000, description="random images of each")
    intensity_low: float = Field(default=0.3, ge=0, le=1.5, description="weakest performance of an expression")

    def images_of_one(self) -> int:
        """Return how many images each subject has."""
        return self.images_per_subject
