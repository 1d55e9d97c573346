"""Section 4.2: the pretrained network cut in two, its images, batches and schedule. What is trained is a subclass's."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Generic, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from ferbench.errors import ConfigError
from ferbench.train import (
    Batch,
    Context,
    Epochs,
    Erasing,
    FlipShift,
    Method,
    Normalise,
    Optim,
    Setup,
    Stage,
    Transforms,
    feature_width,
    freeze,
    pretrained_backbone,
)
from ferbench.train.transforms import IMAGENET_MEAN, IMAGENET_STD
from ferbench_ada_df.batches import WholeBatches
from ferbench_ada_df.images import Pictures
from ferbench_ada_df.network import cut
from ferbench_ada_df.options import RecipeOptions
from ferbench_ada_df.randaugment import RandAugment

OptionsT = TypeVar("OptionsT", bound=RecipeOptions)


class TrainingRecipe(Method[OptionsT], Generic[OptionsT]):
    """Stem, images, batches and schedule of section 4.2; what is trained on them is the subclass's.

    Weights: role `backbone`.

    Attributes:
        stem: frozen but for its batch statistics, unless `freeze_stem` is off.
    """

    def __init__(self, setup: Setup[OptionsT]) -> None:
        super().__init__(setup)
        check_images(setup)
        options = setup.options
        backbone = pretrained_backbone(setup)
        self.stem, body = cut(backbone, options.backbone)
        self.build(body, feature_width(backbone), len(setup.task.classes))

    @abstractmethod
    def build(self, body: nn.Module, width: int, classes: int) -> None:
        """Make the branches.

        Args:
            body: stages 2 to 4 and pooling, pretrained where there are weights.
            width: of its features, D.
            classes: K.
        """

    @abstractmethod
    def step(self, batch: Batch, context: Context) -> Tensor:
        """Return the loss of a batch."""

    def end_of_epoch(self, context: Context) -> None:
        """Do what is done between two epochs: nothing."""

    def stages(self) -> Sequence[Stage]:
        """Return the one stage."""
        batches = WholeBatches(self.options.batch_size, self.options.sampling == "downsampled")
        length = Epochs(self.options.epochs)
        return [
            Stage(
                "train",
                self.step,
                self._optimizers,
                length,
                batches,
                start=self._freeze,
                end_of_epoch=self.end_of_epoch,
            )
        ]

    def _freeze(self, context: Context) -> None:
        if self.options.freeze_stem:
            freeze(self.stem, statistics="moving")

    def _optimizers(self) -> Mapping[str, Optim]:
        trained = [parameter for parameter in self.parameters() if parameter.requires_grad]
        adam = torch.optim.Adam(trained, lr=self.options.lr, fused=True)  # a third of the time of its loops
        return {"main": Optim(adam, torch.optim.lr_scheduler.ExponentialLR(adam, self.options.gamma))}

    def normalise(self) -> Normalise:
        """Return the normalisation of the backbone's weights; ImageNet's for colour where they tell none."""
        backbone = self.setup.weights.get("backbone")
        if (backbone is None or backbone.mean is None) and self.task.image_shape[2] == 3:
            return Normalise(IMAGENET_MEAN, IMAGENET_STD)
        return super().normalise()

    def transforms(self) -> Transforms:
        """Return the authors' augmentation for training, the plain images for test."""
        options = self.options
        side = options.input_size or self.task.image_shape[0]
        plain = Pictures(side, options.crops, self.normalise())
        if options.augment == "none":
            return Transforms(train=plain, test=plain)
        if options.augment == "light":
            light = FlipShift(plain.normalise, shift=max(1, side // 16))
            return Transforms(train=replace(plain, light=light), test=plain)
        policy = RandAugment(options.layers, options.magnitude)
        return Transforms(train=replace(plain, policy=policy, erasing=Erasing(options.erasing)), test=plain)


def check_images(setup: Setup[OptionsT]) -> None:
    """Refuse a training set that has too few images for whole batches.

    Raises:
        ConfigError: an epoch would have no batch.
    """
    options, counts = setup.options, setup.task.class_counts
    images, said = sum(counts), f"{sum(counts)} training images"
    if options.sampling == "downsampled":
        images = min(counts) * len(counts)
        rarest = setup.task.classes[int(np.argmin(counts))]
        said = f"{images} images an epoch: {len(counts)} classes of {min(counts)}, as the rarest ({rarest}) has"
    if images < options.batch_size:
        raise ConfigError(
            expected=f"batch_size: 2 to {images}, as many images as an epoch has (the paper uses 64, and 16 on SFEW)"
            if images >= 2
            else "batch_size: at least 2 images an epoch (the paper uses 64, and 16 on SFEW)",
            found=f"batch_size = {options.batch_size} and {said}",
            where="the options of ada-df",
            remedy="use smaller batches or more training images",
        )
