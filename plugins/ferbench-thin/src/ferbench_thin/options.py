"""Options of THIN. Where the paper gives a value, it stands in `json_schema_extra`."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from ferbench import Options

Units = Annotated[int, Field(ge=1, le=65_536)]
Architecture = Literal["baseline", "ensemble", "tree-gated", "exogenous-gated", "thin"]


class NetworkOptions(Options):
    """The networks of Fig. 3 and how they are trained, whatever gates them."""

    trunk: str = Field(
        default="convolutions",
        description="representation layer: convolutions (two of 16 kernels), vgg16 (13 convolutions), or a backbone by "
        "name, a small one of ferbench or any of timm's whose last map can be had",
        json_schema_extra={"paper": "convolutions; faces: vgg16"},
    )
    bn_trunk: bool = Field(
        default=False,
        description="vgg16 with batch norm after each convolution; pretrained files do not have it",
        json_schema_extra={"paper": "batch norm before each activation"},
    )
    hidden: tuple[Units, ...] = Field(
        default=(256,),
        min_length=1,
        max_length=4,
        description="hidden units of a classifier that stands alone, layer by layer",
        json_schema_extra={"paper": "256; faces: two layers, of 4096 in the identity classifier"},
    )
    expert_hidden: tuple[Units, ...] = Field(
        default=(32,),
        min_length=1,
        max_length=4,
        description="hidden units of each weak classifier, layer by layer",
        json_schema_extra={"paper": "32; faces: 512 and 512"},
    )
    depth: int = Field(
        default=3,
        ge=1,
        le=8,
        description="of the tree; the ensemble has 2^depth weak classifiers",
        json_schema_extra={"paper": "3; faces: 5"},
    )
    epochs: int = Field(default=20, ge=1, le=10_000, description="the paper is silent for digits and sprites")
    steps: int | None = Field(
        default=None,
        ge=1,
        le=10_000_000,
        description="updates, instead of epochs",
        json_schema_extra={"paper": "faces: 100000"},
    )
    batch_size: int = Field(default=32, ge=2, le=8192, json_schema_extra={"paper": "32; faces: 16"})
    lr: float = Field(
        default=1e-3, gt=0, le=10, description="of Adam", json_schema_extra={"paper": "1e-3; faces: 1e-5"}
    )
    schedule: Literal["constant", "cosine"] = Field(
        default="constant", description="of the learning rate, by epoch; by update where `steps` is given"
    )
    initialisation: Literal["torch", "glorot"] = Field(
        default="torch",
        description="of layers that start untrained: torch's own, or Glorot's uniform weights and biases of zero, the "
        "defaults of Keras; the paper is silent",
    )
    sampling: Literal["shuffled", "class-balanced"] = Field(
        default="shuffled",
        description="class-balanced: classes take turns within a batch; the paper's AffectNet",
    )
    augment: Literal["none", "light", "faces"] = Field(
        default="none",
        description="light: flip and shift; faces: rotation within ±10°, flip, brightness, contrast, saturation, hue",
        json_schema_extra={"paper": "none; faces: faces"},
    )


class ThinOptions(NetworkOptions):
    """THIN and the architectures that lead to it (Fig. 3)."""

    architecture: Architecture = Field(
        default="thin",
        description="thin is exogenous-gated with the dispelling loss",
        json_schema_extra={"paper": "thin"},
    )
    dispelling: float = Field(
        default=0.005,
        ge=0,
        le=1000,
        description="λ of eq. 8; only `thin` has it",
        json_schema_extra={"paper": "0.005; faces: 0.01"},
    )
    gate_input: Literal["map", "hidden", "logits", "probabilities"] = Field(
        default="probabilities",
        description="what of an exogenous network conditions the tree: its last map, flattened (the letter of the "
        "paper), the last hidden layer of its classifier, that classifier's logits, or their softmax",
        json_schema_extra={"paper": "map"},
    )
    gate_norm: Literal["none", "batch-norm"] = Field(
        default="none", description="scaling of the tree's input; the paper is silent"
    )
    record_gate: bool = Field(default=False, description="store the weights of the ensemble for each test image")

    @model_validator(mode="after")
    def _nothing_is_ignored(self) -> Self:
        gated = {"tree-gated", "exogenous-gated", "thin"}
        users = {
            "hidden": {"baseline"},
            "expert_hidden": {"ensemble", *gated},
            "depth": {"ensemble", *gated},
            "gate_norm": gated,
            "record_gate": gated,
            "gate_input": {"exogenous-gated", "thin"},
            "dispelling": {"thin"},
        }
        unused = {name for name, architectures in users.items() if self.architecture not in architectures}
        if self.trunk != "vgg16":
            unused.add("bn_trunk")
        for name in sorted(unused):
            if getattr(self, name) != type(self).model_fields[name].default:
                raise ValueError(f"no {name}: the architecture {self.architecture} on {self.trunk} has no use for it")
        return self


class OracleOptions(NetworkOptions):
    """The ensemble whose tree is conditioned by the true exogenous variable, one-hot by bin (Table 2, †)."""

    low: float = Field(description="lower end of the first bin, in the unit of the variable")
    high: float = Field(description="upper end of the last bin")
    bins: int = Field(ge=2, le=1000, json_schema_extra={"paper": "18 of 10° for rotation, 10 of 0.05 for scale"})
