"""Options of DML-Net. Where the paper gives a value, it is the default and stands in `json_schema_extra`."""

from __future__ import annotations

from itertools import pairwise
from typing import Literal, Self

from pydantic import Field, model_validator

from ferbench import Options


class DMLNetOptions(Options):
    """Networks, losses and schedule (sections 3 and 4.1), and what the paper leaves open."""

    backbone: str = Field(
        default="resnet50",
        description="of each channel: a network of timm by name, or a small one of ferbench",
        json_schema_extra={"paper": "resnet50"},
    )
    channels: Literal["three", "face"] = Field(
        default="three",
        description="three: the whole face, its uppermost and its lowest part; face: the whole face alone",
        json_schema_extra={"paper": "three"},
    )
    input_size: int | None = Field(
        default=224,
        ge=24,
        le=1024,
        description="side to which the prepared images are resized; null: as they are",
        json_schema_extra={"paper": 224},
    )
    region: float = Field(
        default=0.45,
        gt=0,
        le=1,
        description="share of the face's height that is its eyes, from above, and its mouth, from below. A third of a "
        "detector's box ends at the brows, and of an aligned face too",
        json_schema_extra={"paper": "approximately a third"},
    )
    fusion_width: int = Field(default=512, ge=1, le=8192, description="units of each of the two fusion layers")
    embedding_width: int = Field(default=512, ge=1, le=8192, description="dimensions of the embedding")
    head_width: int = Field(
        default=512, ge=1, le=8192, description="units of the fully connected layer of either head, before its softmax"
    )
    initial: Literal["printed", "fan-in"] = Field(
        default="printed",
        description="deviation of the fully connected layers' first weights: 0.04, made for the 2048 features of a "
        "ResNet-50; or the square root of 2 / inputs, without which narrow networks stand still for many epochs",
        json_schema_extra={"paper": "0.04; softmax layers 1/512"},
    )
    pose_head: bool = Field(
        default=True, description="estimate the pose too (HPE of Table 8)", json_schema_extra={"paper": True}
    )
    pose_input: Literal["embedding", "fused"] = Field(
        default="embedding",
        description="what the pose head stands on: the embedding, in which the triplets of poses draw poses together, "
        "or the fused features before it; the paper can be read both ways",
    )
    yaws: tuple[float, ...] = Field(
        default=(-90.0, -45.0, 0.0, 45.0, 90.0),
        min_length=2,
        description="centres of the pose classes in degrees, ascending; an image belongs to the nearest",
        json_schema_extra={"paper": "those of the data set; KDEF's by default"},
    )
    triplets: Literal["both", "pose", "identity", "none"] = Field(
        default="both",
        description="which triplet losses (JEFL of Table 8); none: no embedding, the heads stand on the fused features",
        json_schema_extra={"paper": "both"},
    )
    anchors: Literal["sum", "mean"] = Field(
        default="sum",
        description="how the losses of a batch's anchors are put together; the sum of many outweighs the cross-entropy "
        "and can draw all images into one point",
        json_schema_extra={"paper": "sum, of 3"},
    )
    hinge: bool = Field(
        default=True,
        description="no loss beyond the margin; false: eq. 4 and 5 to the letter, which fall without bound",
    )
    normalise_embedding: bool = Field(
        default=True, description="distances between embeddings of length 1; without, the margins have no scale"
    )
    margin_pose: float = Field(default=0.2, gt=0, le=100, description="m of eq. 4; the paper names none")
    margin_identity: float = Field(default=0.2, gt=0, le=100, description="m of eq. 5; the paper names none")
    dynamic_weights: bool = Field(
        default=True,
        description="weights of the losses from their recent fall, eq. 8 (ADW of Table 8); false: 1 each",
        json_schema_extra={"paper": True},
    )
    weight_sum: float = Field(
        default=2.0, gt=0, le=100, description="K of eq. 8, the sum of the weights", json_schema_extra={"paper": 2}
    )
    temperature: float = Field(default=2.0, gt=0, le=100, description="T of eq. 8", json_schema_extra={"paper": 2})
    window: int = Field(
        default=5,
        ge=1,
        le=1000,
        description="batches over which a loss is averaged before its fall is taken",
        json_schema_extra={"paper": 5},
    )
    tuples: int = Field(
        default=3, ge=1, le=1024, description="five-tuples in a batch", json_schema_extra={"paper": "3, 15 images"}
    )
    lr: float = Field(default=0.01, gt=0, le=10, description="of Adam", json_schema_extra={"paper": 0.01})
    lr_decay: float = Field(
        default=0.8,
        gt=0,
        le=1,
        description="the learning rate's factor after each epoch; the paper does not say after what",
        json_schema_extra={"paper": 0.8},
    )
    ema: float = Field(
        default=0.9999,
        ge=0,
        lt=1,
        description="decay of the moving average of the parameters, which predicts; 0: the parameters themselves. In "
        "the first n updates it is at most (1 + n) / (10 + n)",
        json_schema_extra={"paper": 0.9999},
    )
    alternate_epochs: int = Field(
        default=10,
        ge=0,
        le=10_000,
        description="epochs at the start in which the pose head rests and expression and triplet loss take turns; none "
        "without triplets; the paper does not say how many",
    )
    epochs: int = Field(
        default=500, ge=1, le=10_000, description="of all losses together, at most", json_schema_extra={"paper": 500}
    )
    patience: int = Field(
        default=10,
        ge=1,
        le=10_000,
        description="epochs without a fall of the total loss after which training stops; the paper names no number",
        json_schema_extra={"paper": "until the loss no longer falls"},
    )
    clip: float | None = Field(default=None, gt=0, description="largest gradient norm")
    augment: Literal["none", "light"] = Field(
        default="none", description="light: flip, which mirrors the yaw too, and shift; the paper is silent"
    )

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        if not all(before < after for before, after in pairwise(self.yaws)):
            raise ValueError("yaws in ascending order, each once (the paper's KDEF: -90, -45, 0, 45, 90)")
        return self
