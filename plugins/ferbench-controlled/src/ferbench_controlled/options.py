"""What a user may set of each data set."""

from __future__ import annotations

from pydantic import Field

from ferbench.data.files import FileOptions


class DigitOptions(FileOptions):
    """Options of the warped digits.

    Attributes:
        seed: of all draws; the same seed gives the same bytes.
        draws: how often each training image appears, each time drawn anew; test images appear once.
    """

    seed: int = Field(default=0, ge=0, lt=2**32, description="of all draws")
    draws: int = Field(default=1, ge=1, le=64, description="how often each training image appears, each drawn anew")
