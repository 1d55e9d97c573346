"""The base class of simple methods: a backbone, a linear head, cross-entropy, one stage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from ferbench.classifier_options import ClassifierOptions
from ferbench.train.backbones import feature_width
from ferbench.train.batch import Batch, Output, TestBatch
from ferbench.train.context import Context
from ferbench.train.method import Method, Setup
from ferbench.train.pretrained import pretrained_backbone
from ferbench.train.recipes import ClassBalanced, Recipe, Shuffled
from ferbench.train.stage import Epochs, Optim, Stage
from ferbench.train.transforms import Albumented, FlipShift, Normalisation, Transform, Transforms

OptionsT = TypeVar("OptionsT", bound=ClassifierOptions)


class Classifier(Method[OptionsT], Generic[OptionsT]):
    """Backbone, linear head, cross-entropy. Override `loss`, or whatever else differs.

    Weights: role `backbone`.
    """

    def __init__(self, setup: Setup[OptionsT]) -> None:
        super().__init__(setup)
        options, task = setup.options, setup.task
        self.backbone = pretrained_backbone(setup)
        self.dropout = nn.Dropout(options.dropout)
        self.head = nn.Linear(feature_width(self.backbone), len(task.classes))

    def embed(self, images: Tensor) -> Tensor:
        """Return pooled features: (B, C, h, w) → (B, D)."""
        embedding: Tensor = self.backbone(images)
        return embedding

    def logits(self, images: Tensor) -> Tensor:
        """Return (B, C, h, w) → (B, K)."""
        scores: Tensor = self.head(self.dropout(self.embed(images)))
        return scores

    def loss(self, batch: Batch) -> Tensor:
        """Return the mean cross-entropy of a batch."""
        smoothing = self.options.label_smoothing
        return nn.functional.cross_entropy(self.logits(batch.images), batch.labels, label_smoothing=smoothing)

    def predict(self, batch: TestBatch) -> Output:
        """Return the logits; the mean over views where the test transform gives several."""
        views = [self.logits(view) for view in batch.views]
        return Output(views[0] if len(views) == 1 else torch.stack(views).mean(dim=0))

    def features(self, images: Tensor) -> Mapping[str, Tensor]:
        """Return the embedding as the expression representation."""
        return {"expression": self.embed(images)}

    def stages(self) -> Sequence[Stage]:
        """Return the one stage."""
        return [Stage("train", self._step, self._optimizers, Epochs(self.options.epochs), self._recipe())]

    def transforms(self) -> Transforms:
        """Return the transforms that the option `augment` names."""
        normalise = self.normalise()
        return Transforms(train=self._augmentation(normalise), test=normalise)

    def _step(self, batch: Batch, context: Context) -> Tensor:
        return self.loss(batch)

    def _recipe(self) -> Recipe:
        size = self.options.batch_size
        return Shuffled(size) if self.options.sampling == "shuffled" else ClassBalanced(size)

    def _optimizers(self) -> Mapping[str, Optim]:
        options = self.options
        parameters = [parameter for parameter in self.parameters() if parameter.requires_grad]
        settings: dict[str, Any] = {"lr": options.lr, "weight_decay": options.weight_decay}
        optimizer: torch.optim.Optimizer
        if options.optimizer == "sgd":
            optimizer = torch.optim.SGD(parameters, momentum=0.9, nesterov=True, **settings)
        else:
            kind = torch.optim.Adam if options.optimizer == "adam" else torch.optim.AdamW
            optimizer = kind(parameters, foreach=True, **settings)
        return {"main": self._scheduled(optimizer)}

    def _scheduled(self, optimizer: torch.optim.Optimizer) -> Optim:
        options = self.options
        if options.schedule == "constant":
            return Optim(optimizer, clip=options.clip)
        if options.schedule == "cosine":
            cosine = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, options.epochs)
            return Optim(optimizer, cosine, clip=options.clip)
        labels = np.repeat(np.arange(len(self.task.classes)), self.task.class_counts)
        steps = options.epochs * len(self._recipe().batches(labels, {}, np.random.default_rng(0)))
        cycle = torch.optim.lr_scheduler.OneCycleLR(optimizer, options.lr, total_steps=steps + 1)
        return Optim(optimizer, cycle, every_step=True, clip=options.clip)

    def _augmentation(self, normalise: Normalisation) -> Transform:
        size = self.task.image_shape[1]
        if self.options.augment == "none":
            return normalise
        if self.options.augment == "light":
            # A mirrored face is the same expression of the same person, but not the same yaw or rotation.
            flip = 0.5 if self.task.target in {"label", "subject"} else 0.0
            chosen = self.options.shift
            return FlipShift(normalise, flip=flip, shift=max(1, size // 16) if chosen is None else chosen)
        import albumentations as alb

        pipeline = [
            alb.HorizontalFlip(p=0.5),
            alb.Affine(rotate=(-10, 10), scale=(0.9, 1.1), translate_percent=(-0.06, 0.06), p=1.0),
            alb.RandomBrightnessContrast(p=0.5),
            alb.CoarseDropout(num_holes_range=(1, 1), hole_height_range=(0.1, 0.3), hole_width_range=(0.1, 0.3), p=0.5),
        ]
        return Albumented(pipeline, normalise)
