"""What a user may set of each data set."""

from __future__ import annotations

from pydantic import Field

from ferbench.data.files import FileOptions
from ferbench.options import Options
from ferbench_controlled.warp import Interpolation


class DigitOptions(FileOptions):
    """Options of the warped digits.

    Attributes:
        seed: of all draws; the same seed gives the same bytes.
        draws: how often each training image appears, each time drawn anew; test images appear once.
        interpolation: of the warp.
    """

    seed: int = Field(default=0, ge=0, lt=2**32, description="of all draws")
    draws: int = Field(default=1, ge=1, le=64, description="how often each training image appears, each drawn anew")
    interpolation: Interpolation = Field(default="bilinear", description="of the warp; THIN does not state it")


class DspritesOptions(FileOptions):
    """Options of the images drawn from dSprites.

    Attributes:
        seed: of the draw; the same seed gives the same images.
        train: number of training images.
        test: number of test images.
    """

    seed: int = Field(default=0, ge=0, lt=2**32, description="of the draw from the release")
    train: int = Field(default=60_000, ge=1, le=600_000, description="number of training images")
    test: int = Field(default=10_000, ge=1, le=100_000, description="number of test images")


class SpriteOptions(Options):
    """Options of the drawn sprites.

    Attributes:
        seed: of everything random; the same seed gives the same bytes.
        train: number of training images.
        test: number of test images.
    """

    seed: int = Field(default=0, ge=0, lt=2**32, description="of everything random")
    train: int = Field(default=60_000, ge=1, le=5_000_000, description="number of training images")
    test: int = Field(default=10_000, ge=1, le=1_000_000, description="number of test images")
