"""Options of Ada-DF. Where the paper gives a value, it is the default and stands in `json_schema_extra`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ferbench import Options


class RecipeOptions(Options):
    """The network, its images and its schedule (section 4.2), whatever the labels are."""

    backbone: str = Field(
        default="resnet18",
        description="a residual network of timm, or a small one of ferbench",
        json_schema_extra={"paper": "resnet18 or resnet50"},
    )
    freeze_stem: bool = Field(
        default=True,
        description="keep the first convolution and the first stage as pretrained; their batch statistics move",
        json_schema_extra={"paper": True},
    )
    epochs: int = Field(default=75, ge=1, le=10_000, json_schema_extra={"paper": 75})
    batch_size: int = Field(default=64, ge=2, le=8192, json_schema_extra={"paper": "64; SFEW: 16"})
    lr: float = Field(default=1e-3, gt=0, le=10, description="of Adam", json_schema_extra={"paper": 1e-3})
    gamma: float = Field(
        default=0.9,
        gt=0,
        le=1,
        description="the learning rate's factor after each epoch",
        json_schema_extra={"paper": 0.9},
    )
    sampling: Literal["shuffled", "downsampled"] = Field(
        default="shuffled",
        description="downsampled: an epoch has as many images of each class as the rarest has; the authors' AffectNet",
    )
    input_size: int | None = Field(
        default=None,
        ge=32,
        le=1024,
        description="side to which the prepared images are resized; they stay as they are by default",
        json_schema_extra={"paper": "100 pixels as prepared; 224 in the code"},
    )
    crops: Literal[1, 10] = Field(
        default=1,
        description="10: corners, centre and their mirror images of an image enlarged by 8/7, in training and at test",
        json_schema_extra={"paper": "SFEW: 10"},
    )
    augment: Literal["rand", "light", "none"] = Field(
        default="rand", description="rand: RandAugment, flip, random erasing; light: flip and shift"
    )
    layers: int = Field(
        default=3,
        ge=0,
        le=15,
        description="operations of RandAugment",
        json_schema_extra={"paper": "3; SFEW: 5 (code)"},
    )
    magnitude: float = Field(
        default=5.0, ge=0, le=10, description="of RandAugment", json_schema_extra={"paper": "5; SFEW: 3 (code)"}
    )
    erasing: float = Field(
        default=0.5, ge=0, le=1, description="probability of random erasing", json_schema_extra={"paper": "0.5 (code)"}
    )


class AdaDFOptions(RecipeOptions):
    """Ada-DF: the recipe and what the paper adds to it."""

    mode: Literal["paper", "official"] = Field(
        default="paper",
        description="where the authors' code differs from the paper: attention on logits, threshold rows that do not "
        "sum to 1, ten crops weighted otherwise",
    )
    distributions: Literal["fused", "class", "label"] = Field(
        default="fused",
        description="what the target branch learns from (Table 2)",
        json_schema_extra={"paper": "fused"},
    )
    threshold: float = Field(
        default=0.7,
        gt=0,
        lt=1,
        description="t of eq. 5: a class distribution with less on its own class is replaced by a threshold row",
        json_schema_extra={"paper": "0.7; AffectNet, SFEW: 0.5"},
    )
    beta: int = Field(
        default=3,
        ge=1,
        le=10_000,
        description="epoch at which both ramps are 1",
        json_schema_extra={"paper": "3; AffectNet, SFEW: 5"},
    )
    w_min: float = Field(
        default=0.2, ge=0, le=1, description="least normalised attention weight", json_schema_extra={"paper": 0.2}
    )
    margin: float = Field(
        default=0.07, ge=0, le=1, description="δ of the rank regularisation", json_schema_extra={"paper": 0.07}
    )
    high_share: float = Field(
        default=0.7,
        gt=0,
        lt=1,
        description="M / N: share of a batch in the high group",
        json_schema_extra={"paper": 0.7},
    )
    fusion_gradient: Literal["all", "labels", "none"] = Field(
        default="all",
        description="what the divergence trains through its goal; the paper is silent, the authors' loop trains all: "
        "label distributions and attention weights",
    )
    class_images: Literal["augmented", "plain"] = Field(
        default="augmented",
        description="images behind the class distributions; the paper is silent, the authors' loop augments them",
    )
    label_distributions: bool = Field(
        default=False,
        description="give the auxiliary branch's label distribution of test images as an extra, at its cost",
    )
