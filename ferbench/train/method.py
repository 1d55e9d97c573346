"""The method contract: a torch module that declares its stages and predicts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Generic, Literal, Self, TypeVar

from torch import Tensor, nn

from ferbench.options import Options
from ferbench.train.batch import Output, TestBatch
from ferbench.train.stage import Stage
from ferbench.train.task import Task
from ferbench.train.transforms import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    PLAIN_MEAN,
    PLAIN_STD,
    FlipShift,
    Normalise,
    Transforms,
)
from ferbench.weights import LoadedWeights

OptionsT = TypeVar("OptionsT", bound=Options)


@dataclass(frozen=True)
class Setup(Generic[OptionsT]):
    """What a method is built from.

    Attributes:
        task: classes, image shape, columns.
        options: the entry's options.
        weights: pretrained weights by role.
    """

    task: Task
    options: OptionsT
    weights: Mapping[str, LoadedWeights] = field(default_factory=dict)


class Method(nn.Module, ABC, Generic[OptionsT]):
    """One training recipe.

    Everything that training changes must be in the module's `state_dict` (parameters, buffers, or
    `get_extra_state`): that is what a resumed cell starts from.

    Args:
        setup: task, options, weights.
    """

    def __init__(self, setup: Setup[OptionsT]) -> None:
        super().__init__()
        self.setup = setup
        self.task = setup.task
        self.options = setup.options

    @abstractmethod
    def stages(self) -> Sequence[Stage]:
        """Return the phases of training, in order."""

    @abstractmethod
    def predict(self, batch: TestBatch) -> Output:
        """Predict a batch; called in evaluation mode without gradients."""

    def features(self, images: Tensor) -> Mapping[str, Tensor]:
        """Return representations (B, D) by name (`expression`, `identity`), for the representation metrics.

        Called when training is over, in the state of the selected epoch, in evaluation mode and without gradients.

        Args:
            images: (B, C, h, w), as the test transform leaves them; of several views each by itself.
        """
        del images
        return {}

    def normalise(self) -> Normalise:
        """Return the normalisation its backbone weights were trained with; a plain one without weights."""
        backbone = self.setup.weights.get("backbone")
        if backbone is not None and backbone.mean is not None and backbone.std is not None:
            if self.task.image_shape[2] == 1:  # weights for colour serve grey input by their mean
                return Normalise((fmean(backbone.mean),), (fmean(backbone.std),))
            return Normalise(backbone.mean, backbone.std)
        return Normalise(PLAIN_MEAN, PLAIN_STD)

    def transforms(self) -> Transforms:
        """Return the transforms: flip and shift in training, normalisation alone at test."""
        normalise = self.normalise()
        shift = max(1, self.task.image_shape[1] // 16)
        return Transforms(train=FlipShift(normalise, shift=shift), test=normalise)

    def train(self, mode: bool = True) -> Self:
        """Switch the mode; batch norm that `freeze` fixed stays in evaluation mode."""
        super().train(mode)
        for module in self.modules():
            if getattr(module, _FIXED, False):
                nn.Module.train(module, False)
        return self


_FIXED = "ferbench_fixed_statistics"


def freeze(module: nn.Module, *, statistics: Literal["fixed", "moving"] = "fixed") -> None:
    """Stop training a part of a method.

    Args:
        module: its parameters get no gradient; gradients still pass through it.
        statistics: whether its batch norm's running statistics (and dropout) stay as at test, or go on as in
            training. That is a choice of its own: some papers' code freezes one and not the other.
    """
    for parameter in module.parameters():
        parameter.requires_grad_(False)
    for part in module.modules():
        setattr(part, _FIXED, statistics == "fixed")
        if statistics == "fixed":
            nn.Module.train(part, False)


def unfreeze(module: nn.Module) -> None:
    """Train a part of a method again, its batch norm's statistics too."""
    for parameter in module.parameters():
        parameter.requires_grad_(True)
    for part in module.modules():
        setattr(part, _FIXED, False)
    module.train()


__all__ = ["IMAGENET_MEAN", "IMAGENET_STD", "Method", "Setup", "freeze", "unfreeze"]
