"""Sections 5.2 and 5.3: the networks, images, pairs and schedule. What is trained on them is a subclass's."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from itertools import chain

import torch
from torch import Tensor, nn

from ferbench.train import (
    Batch,
    Context,
    Epochs,
    FlipShift,
    Method,
    Normalisation,
    Optim,
    Setup,
    Shuffled,
    Stage,
    Transforms,
    Whiten,
    freeze,
    pretrained_backbone,
    unfreeze,
)
from ferbench_dice_fer.equations import ESTIMATORS, Estimation
from ferbench_dice_fer.images import TurnFlip
from ferbench_dice_fer.networks import Discriminator, Encoder, Encoders, Sides, Statistics, perceptron
from ferbench_dice_fer.options import DiceFEROptions
from ferbench_dice_fer.pairs import Pairs, check_pairs


class TrainingRecipe(Method[DiceFEROptions]):
    """The networks of Fig. 2 and the three stages of their training.

    Weights: role `backbone`, for the encoders of both representations.

    Attributes:
        expression: encoders of E.
        identity: encoders of I.
        expression_statistics: statistics networks of the first stage.
        identity_statistics: statistics networks of the second stage.
        discriminator: D.
        classifier: E → logits, two hidden layers.
    """

    def __init__(self, setup: Setup[DiceFEROptions]) -> None:
        super().__init__(setup)
        check_pairs(setup.task)
        options, width = setup.options, setup.options.code_width
        separate = options.encoders == "separate"
        self.expression = Encoders(self._encoder, separate=separate)
        self.identity = Encoders(self._encoder, separate=separate)
        self.expression_statistics = Sides(lambda: self._statistics(width), separate=separate)
        self.identity_statistics = Sides(lambda: self._statistics(2 * width), separate=separate)
        self.discriminator = Sides(lambda: Discriminator(width, options.discriminator_width), separate=separate)
        hidden = options.classifier_width
        self.classifier = perceptron(width, hidden, hidden, len(setup.task.classes))

    @abstractmethod
    def learn_expression(self, batch: Batch, context: Context) -> Tensor:
        """Return the loss of a batch of pairs in the first stage."""

    @abstractmethod
    def learn_identity(self, batch: Batch, context: Context) -> None:
        """Update discriminator and encoders on a batch of pairs in the second stage."""

    @abstractmethod
    def classify(self, batch: Batch, context: Context) -> Tensor:
        """Return the loss of a batch of images in the third stage."""

    def stages(self) -> Sequence[Stage]:
        """Return expression, identity, classifier; the last is predictive."""
        options = self.options
        pairs, images = Pairs(options.batch_size // 2), Shuffled(options.batch_size)
        first = Epochs(options.epochs)
        second = Epochs(options.identity_epochs or options.epochs)
        third = Epochs(options.classifier_epochs or options.epochs)
        return [
            Stage("expression", self.learn_expression, self._for_expression, first, pairs),
            Stage("identity", self.learn_identity, self._for_identity, second, pairs, start=self._fix_expression),
            Stage("classifier", self.classify, self._for_classifier, third, images, start=self._fix_codes),
        ]

    def transforms(self) -> Transforms:
        """Return the paper's augmentation for training, whitening for training and test."""
        normalise: Normalisation = Whiten() if self.options.whiten else self.normalise()
        if self.options.augment == "none":
            return Transforms(train=normalise, test=normalise)
        if self.options.augment == "light":
            shift = max(1, self.task.image_shape[1] // 16)
            return Transforms(train=FlipShift(normalise, shift=shift), test=normalise)
        return Transforms(train=TurnFlip(normalise), test=normalise)

    def _fix_expression(self, context: Context) -> None:
        if not self.options.finetune_expression:
            freeze(self.expression)

    def _fix_codes(self, context: Context) -> None:
        if self.options.finetune_classifier:
            unfreeze(self.expression)
        else:
            freeze(self.expression)

    def _for_expression(self) -> Mapping[str, Optim]:
        return {"expression": self._adam(self.options.lr, self.expression, self.expression_statistics)}

    def _for_identity(self) -> Mapping[str, Optim]:
        lr = self.options.lr
        parts: list[nn.Module] = [self.identity, self.identity_statistics]
        if self.options.finetune_expression:
            parts += [self.expression, self.expression_statistics]
        return {"discriminator": self._adam(lr, self.discriminator), "identity": self._adam(lr, *parts)}

    def _for_classifier(self) -> Mapping[str, Optim]:
        parts: list[nn.Module] = [self.classifier]
        if self.options.finetune_classifier:
            parts.append(self.expression)
        return {"classifier": self._adam(self.options.classifier_lr or self.options.lr, *parts)}

    def _adam(self, lr: float, *parts: nn.Module) -> Optim:
        trained = chain.from_iterable(part.parameters() for part in parts)
        adam = torch.optim.Adam(trained, lr=lr, fused=True)  # one pass over all parameters, no loop
        return Optim(adam, clip=self.options.clip)

    def _encoder(self) -> Encoder:
        options = self.options
        backbone = pretrained_backbone(self.setup)
        return Encoder(backbone, options.backbone, self.task.image_shape, options.code_width)

    def _statistics(self, width: int) -> Statistics:
        options = self.options
        shape = self.expression.of(0).map_shape
        form = Estimation(ESTIMATORS[options.estimator], options.local, options.negatives)
        return Statistics(shape, width, options.statistics_width, form)
