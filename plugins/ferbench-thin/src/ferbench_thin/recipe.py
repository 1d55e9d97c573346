"""How every network of the paper is trained: its images, batches, schedule, and what it starts from."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn

from ferbench.errors import ConfigError
from ferbench.train import (
    Albumented,
    Batch,
    ClassBalanced,
    Context,
    Epochs,
    FlipShift,
    Method,
    Normalise,
    Optim,
    Recipe,
    Setup,
    Shuffled,
    Stage,
    Steps,
    Transforms,
)
from ferbench.train.transforms import IMAGENET_MEAN, IMAGENET_STD
from ferbench_thin.exogenous import load_all
from ferbench_thin.names import in_our_names
from ferbench_thin.networks import CONVOLUTIONS, Trunk, build_trunk, glorot
from ferbench_thin.options import NetworkOptions

OptionsT = TypeVar("OptionsT", bound=NetworkOptions)


class TrainingRecipe(Method[OptionsT], Generic[OptionsT]):
    """The representation layer and its training (sections 4.1 and 4.3); what is on top of it is a subclass's.

    Weights: role `backbone`, for the endogenous representation to start from.

    Attributes:
        trunk: F, images → h_endo (B, D).
    """

    def __init__(self, setup: Setup[OptionsT]) -> None:
        super().__init__(setup)
        check_images(setup)
        options = setup.options
        self.trunk: Trunk = build_trunk(options.trunk, setup.task.image_shape, batch_norm=options.bn_trunk)
        self.initialise(self.trunk)
        if "backbone" in setup.weights:
            weights = setup.weights["backbone"]
            state = {
                key.removeprefix("trunk."): value
                for key, value in in_our_names(weights.state, options.trunk).items()
                if key.startswith("trunk.")
            }
            where = f"weights {weights.name} in the role backbone"
            load_all(self.trunk, replace(weights, state=state), where, options.trunk)

    def initialise(self, untrained: nn.Module) -> None:
        """Draw the weights of an untrained part as the option `initialisation` has it."""
        if self.options.initialisation == "glorot":
            glorot(untrained)

    @abstractmethod
    def loss(self, batch: Batch, context: Context) -> Tensor:
        """Return the loss of a batch."""

    def start(self, context: Context) -> None:
        """Do what is done before the first batch: nothing."""

    def stages(self) -> Sequence[Stage]:
        """Return the one stage."""
        options = self.options
        length = Epochs(options.epochs) if options.steps is None else Steps(options.steps)
        return [Stage("train", self.loss, self._optimizers, length, self._batches(), start=self.start)]

    def _batches(self) -> Recipe:
        size = self.options.batch_size
        return Shuffled(size) if self.options.sampling == "shuffled" else ClassBalanced(size)

    def _optimizers(self) -> Mapping[str, Optim]:
        trained = [parameter for parameter in self.parameters() if parameter.requires_grad]
        adam = torch.optim.Adam(trained, lr=self.options.lr, fused=True)  # one kernel for all parameters
        if self.options.schedule == "constant":
            return {"main": Optim(adam)}
        # Half a period over the whole training: of a shorter one the rate would rise again.
        steps = self.options.steps
        cosine = torch.optim.lr_scheduler.CosineAnnealingLR(adam, self.options.epochs if steps is None else steps)
        return {"main": Optim(adam, cosine, every_step=steps is not None)}

    def normalise(self) -> Normalise:
        """Return the normalisation of the pretrained weights; pixels / 255 or ImageNet's without any."""
        if "backbone" in self.setup.weights and self.setup.weights["backbone"].mean is not None:
            return super().normalise()
        if self.options.trunk == CONVOLUTIONS or self.task.image_shape[2] == 1:
            return Normalise((0.0,), (1.0,))
        return Normalise(IMAGENET_MEAN, IMAGENET_STD)

    def transforms(self) -> Transforms:
        """Return the transforms that the option `augment` names."""
        plain = self.normalise()
        if self.options.augment == "none":
            return Transforms(train=plain, test=plain)
        if self.options.augment == "light":
            return Transforms(train=FlipShift(plain, shift=max(1, self.task.image_shape[0] // 16)), test=plain)
        import albumentations as alb

        jitter = alb.ColorJitter(brightness=0.2, contrast=0.2, saturation=0.2, hue=0.05, p=1.0)
        pipeline = [alb.Rotate(limit=10, border_mode=1, p=1.0), alb.HorizontalFlip(p=0.5), jitter]
        return Transforms(train=Albumented(pipeline, plain), test=plain)


def check_images(setup: Setup[OptionsT]) -> None:
    """Refuse a training set that has too few images or classes.

    Raises:
        ConfigError: fewer images than a batch, fewer than two classes.
    """
    task, size = setup.task, setup.options.batch_size
    if task.samples < size:
        raise ConfigError(
            expected=f"batch_size: 2 to {task.samples}, as many as there are images (the paper: 32, and 16 on faces)",
            found=f"batch_size = {size} and {task.samples} training images",
            where="the options of thin",
            remedy="use smaller batches or more training images",
        )
    if len(task.classes) < 2:
        raise ConfigError(
            expected="at least 2 classes (the paper has 3, 7 and 10)",
            found=str(len(task.classes)),
            where="the data of thin",
            remedy="use a data set with more classes",
        )
