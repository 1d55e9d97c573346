"""Options of SCN."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ferbench import Options


class SCNOptions(Options):
    """Defaults are those of the authors' code, except `relabel_group`, where it departs from the paper."""

    backbone: str = Field(default="resnet18", json_schema_extra={"paper": "resnet18"})
    input_size: int | None = Field(
        default=None,
        ge=16,
        le=1024,
        description="side in pixels; as prepared by default",
        json_schema_extra={"paper": 224},
    )
    beta: float = Field(
        default=0.7, gt=0, lt=1, description="share of a batch that is the high group", json_schema_extra={"paper": 0.7}
    )
    rank_margin: float = Field(default=0.15, ge=0, le=1, description="δ₁", json_schema_extra={"paper": 0.15})
    rank_weight: float = Field(default=1.0, ge=0, le=100, description="of the rank loss beside the weighted one")
    relabel_from: int = Field(
        default=10, ge=1, description="first epoch that changes labels", json_schema_extra={"paper": 10}
    )
    relabel_margin: float = Field(
        default=0.2,
        ge=0,
        le=1,
        description="δ₂; 1 never relabels",
        json_schema_extra={"paper": 0.2},
    )
    relabel_group: Literal["low", "all"] = Field(
        default="low", description="who may be relabelled", json_schema_extra={"paper": "low", "code": "all"}
    )
    epochs: int = Field(default=70, ge=1, le=10_000, json_schema_extra={"code": 70})
    batch_size: int = Field(default=64, ge=2, le=8192, json_schema_extra={"paper": 1024, "code": 64})
    lr: float = Field(default=1e-3, gt=0, le=10, json_schema_extra={"paper": 0.1, "code": 1e-3})
    weight_decay: float = Field(default=1e-4, ge=0, le=1, json_schema_extra={"code": 1e-4})
    decay: float = Field(default=0.9, gt=0, le=1, description="the learning rate's factor after each epoch")
    augment: Literal["none", "light", "published"] = Field(
        default="published", description="light: flip and shift; published: flip or noise, then erasing"
    )
    shift: int | None = Field(
        default=None, ge=0, le=64, description="largest shift in pixels of the light augmentation; a 16th of the image"
    )
