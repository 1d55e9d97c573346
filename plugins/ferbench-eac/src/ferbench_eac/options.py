"""Options of EAC."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from ferbench import Options


class EACOptions(Options):
    """Defaults are those of the authors' code for noisy labels."""

    backbone: str = Field(
        default="resnet18",
        description="one whose embedding is the mean of a feature map",
        json_schema_extra={"paper": "resnet18 or resnet50"},
    )
    input_size: int | None = Field(default=None, ge=16, le=1024, description="side in pixels; as prepared by default")
    consistency: float = Field(
        default=5.0, ge=0, le=1000, description="λ, of the consistency loss", json_schema_extra={"paper": 5.0}
    )
    erasing: Literal["independent", "shared"] = Field(
        default="independent", description="whether image and mirror image are erased each by itself, or alike"
    )
    erase_probability: float = Field(default=0.5, ge=0, le=1)
    erase_area: tuple[float, float] = Field(default=(0.02, 0.25), description="smallest and largest share of the image")
    noise: float = Field(
        default=30**0.5, ge=0, le=128, description="standard deviation, in grey levels, of noise on half of the images"
    )
    shift: int = Field(default=0, ge=0, le=64, description="largest shift in pixels, of both views alike")
    epochs: int = Field(default=60, ge=1, le=10_000, json_schema_extra={"code": 60})
    batch_size: int = Field(default=32, ge=2, le=8192, json_schema_extra={"code": 32})
    lr: float = Field(default=1e-4, gt=0, le=10, json_schema_extra={"code": 1e-4})
    weight_decay: float = Field(default=1e-4, ge=0, le=1)
    decay: float = Field(
        default=0.9,
        gt=0,
        le=1,
        description="the learning rate's factor after each epoch",
    )

    @field_validator("erase_area")
    @classmethod
    def _check_area(cls, area: tuple[float, float]) -> tuple[float, float]:
        if not 0 < area[0] <= area[1] < 1:
            raise ValueError("must be [smallest, largest] between 0 and 1; erase_probability = 0 erases nothing")
        return area
