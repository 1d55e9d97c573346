"""Options of the core's representation metrics."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ferbench.options import Options


class MutualInformationOptions(Options):
    """The budget of the critic that bounds a mutual information from below."""

    hidden: tuple[int, ...] = Field(default=(128, 128), description="widths of the critic's hidden layers")
    steps: int = Field(default=300, ge=1, description="updates of the critic")
    batch_size: int = Field(default=256, ge=8, description="pairs of an update, and as many of the product")
    lr: float = Field(default=2e-3, gt=0, le=1, description="learning rate of AdamW")
    weight_decay: float = Field(default=1e-4, ge=0, description="of AdamW")
    check_every: int = Field(default=20, ge=1, description="updates between two looks at the pairs that choose a step")


class FeatureMapOptions(Options):
    """How features are laid out in a plane."""

    layout: Literal["t-sne", "pca"] = Field(
        default="t-sne", description="t-sne: neighbours stay neighbours; pca: the two directions of largest variance"
    )
    images: int = Field(
        default=500, ge=10, le=500, description="test images shown; drawn with the seed if there are more"
    )
    perplexity: float = Field(default=30.0, gt=1, le=500, description="of t-sne: neighbours that an image is kept near")


class NeighboursOptions(Options):
    """How many images are shown with their nearest."""

    queries: int = Field(default=6, ge=1, le=100, description="test images, of different classes as far as possible")
    nearest: int = Field(default=5, ge=1, le=50, description="nearest test images of each")
