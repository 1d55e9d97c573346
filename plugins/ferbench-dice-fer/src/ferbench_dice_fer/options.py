"""Options of DICE-FER. Where the paper gives a value, it is the default and stands in `json_schema_extra`."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from ferbench import Options


class DiceFEROptions(Options):
    """Networks, loss coefficients and schedule (section 5.3), and what the paper leaves open."""

    backbone: str = Field(
        default="resnet18",
        description="of both encoders: a convolutional network of timm by name, or a small one of ferbench",
        json_schema_extra={"paper": "resnet18"},
    )
    encoders: Literal["shared", "separate"] = Field(
        default="shared",
        description="separate: images M and N of a pair have networks of their own, and at test the mean of both codes "
        "counts; the paper numbers them apart, but which image of a pair is M means nothing",
    )
    code_width: int = Field(
        default=64,
        ge=1,
        le=4096,
        description="dimensions of an expression code E and of an identity code I",
        json_schema_extra={"paper": 64},
    )
    statistics_width: int = Field(default=512, ge=1, le=8192, description="hidden units of the statistics networks")
    discriminator_width: int = Field(
        default=512, ge=1, le=8192, description="hidden units of the discriminator's three fully connected layers"
    )
    classifier_width: int = Field(
        default=128, ge=1, le=8192, description="units of each of the classifier's two hidden layers"
    )
    estimator: Literal["dv", "jsd"] = Field(
        default="dv",
        description="dv: Donsker-Varadhan (eq. 3); jsd: Jensen-Shannon, as in Deep InfoMax",
        json_schema_extra={"paper": "dv"},
    )
    negatives: Literal["all", "rolled"] = Field(
        default="all",
        description="pairs that do not belong together: everything in the batch beside everything, which keeps eq. 3 "
        "below the logarithm of the pairs; or each beside the next alone, whose estimate has no upper limit and was "
        "seen to grow without end",
    )
    local: Literal["sum", "mean"] = Field(
        default="sum",
        description="how the locations' mutual information is put together (eq. 5)",
        json_schema_extra={"paper": "sum"},
    )
    swap: bool = Field(
        default=True,
        description="cross-referenced: the code of the pair's other image (eq. 6); false: its own, Table 2's Non-SER",
        json_schema_extra={"paper": True},
    )
    distance: Literal["mean", "sum"] = Field(
        default="mean", description="of the absolute differences between two codes (eq. 7), over their dimensions"
    )
    mu_exp: float = Field(
        default=0.5,
        ge=0,
        le=100,
        description="of the global mutual information, expression",
        json_schema_extra={"paper": 0.5},
    )
    nu_exp: float = Field(
        default=1.0,
        ge=0,
        le=100,
        description="of the local mutual information, expression",
        json_schema_extra={"paper": 1.0},
    )
    mu_id: float = Field(
        default=0.5,
        ge=0,
        le=100,
        description="of the global mutual information, identity",
        json_schema_extra={"paper": 0.5},
    )
    nu_id: float = Field(
        default=1.0,
        ge=0,
        le=100,
        description="of the local mutual information, identity",
        json_schema_extra={"paper": 1.0},
    )
    delta: float = Field(
        default=0.1,
        ge=0,
        le=100,
        description="of the distance between a pair's expression codes",
        json_schema_extra={"paper": 0.1},
    )
    zeta: float = Field(
        default=0.01,
        ge=0,
        le=100,
        description="of the adversarial term (eq. 11)",
        json_schema_extra={"paper": "0 to 0.05; which is best, it does not say"},
    )
    adversary: Literal["non-saturating", "minimax"] = Field(
        default="non-saturating",
        description="what the encoder minimises: -log D of its own pairs, or eq. 10 itself",
    )
    finetune_expression: bool = Field(
        default=False,
        description="train the expression encoder on in the second stage, under eq. 8 and eq. 11; frozen, it cannot "
        "depend on zeta",
        json_schema_extra={"paper": False},
    )
    finetune_classifier: bool = Field(
        default=False, description="let the classifier's cross-entropy train the expression encoder too"
    )
    epochs: int = Field(
        default=100, ge=1, le=10_000, description="of each stage, unless named below", json_schema_extra={"paper": 100}
    )
    identity_epochs: int | None = Field(default=None, ge=1, le=10_000, description="of the second stage")
    classifier_epochs: int | None = Field(default=None, ge=1, le=10_000, description="of the third stage")
    batch_size: int = Field(
        default=32,
        ge=4,
        le=8192,
        multiple_of=2,
        description="images; half as many same-expression pairs in the first two stages",
        json_schema_extra={"paper": 32},
    )
    lr: float = Field(default=1e-4, gt=0, le=10, description="of Adam", json_schema_extra={"paper": 1e-4})
    classifier_lr: float | None = Field(default=None, gt=0, le=10, description="of Adam in the third stage; else lr")
    clip: float | None = Field(default=None, gt=0, description="largest gradient norm")
    augment: Literal["rotations", "light", "none"] = Field(
        default="rotations",
        description="rotations: one of seven angles, and a flip or none, drawn anew for each image; light: flip and "
        "shift",
        json_schema_extra={"paper": "rotations"},
    )
    whiten: bool = Field(
        default=True,
        description="each image by its own mean and standard deviation; false: as the backbone's weights were trained",
        json_schema_extra={"paper": True},
    )

    @model_validator(mode="after")
    def _something_to_maximise(self) -> Self:
        for stage, global_, local in (("exp", self.mu_exp, self.nu_exp), ("id", self.mu_id, self.nu_id)):
            if global_ == local == 0:
                raise ValueError(
                    f"mu_{stage} or nu_{stage} above 0 and at most 100 (the paper uses 0.5 and 1.0, and 0 for one of "
                    "them at a time)"
                )
        return self
