"""SCN: Wang, Peng, Yang, Lu, Qiao: Suppressing Uncertainties for Large-Scale Facial Expression Recognition, CVPR 2020.

Each sample gets an importance α from its features. Its logits are multiplied by α; within a batch, the samples of
high importance must exceed the others by a margin on average; and after some epochs, samples of low importance take
the predicted label where the network is surer of it than of the given one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from ferbench.train import (
    Batch,
    Context,
    Epochs,
    Erasing,
    FlipShift,
    Method,
    Normalisation,
    Optim,
    Output,
    Resized,
    Setup,
    Shuffled,
    Stage,
    TestBatch,
    Transforms,
    Views,
    feature_width,
    pretrained_backbone,
)
from ferbench_scn.options import SCNOptions

KEPT = -1
"""Marks a sample that still has the label it was given."""


class SCN(Method[SCNOptions]):
    """Importance weights, rank regularisation, relabelling. Weights: role `backbone`."""

    relabelled: Tensor

    def __init__(self, setup: Setup[SCNOptions]) -> None:
        super().__init__(setup)
        self.backbone = pretrained_backbone(setup)
        width = feature_width(self.backbone)
        self.head = nn.Linear(width, len(setup.task.classes))
        self.attention = nn.Linear(width, 1)
        # (N,) the label that replaced the given one; in the state_dict, so that a resumed cell goes on with it.
        self.register_buffer("relabelled", torch.full((setup.task.samples,), KEPT, dtype=torch.int64))

    def stages(self) -> Sequence[Stage]:
        """Return the one stage."""
        options = self.options
        return [Stage("train", self.step, self.optimizers, Epochs(options.epochs), Shuffled(options.batch_size))]

    def optimizers(self) -> Mapping[str, Optim]:
        """Return Adam, whose learning rate falls by a factor after each epoch."""
        options = self.options
        adam = torch.optim.Adam(self.parameters(), lr=options.lr, weight_decay=options.weight_decay, foreach=True)
        return {"main": Optim(adam, torch.optim.lr_scheduler.ExponentialLR(adam, options.decay))}

    def weighted(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the weighted logits α (W x + b) and the importance α = σ(w x + c).

        Args:
            images: (B, C, h, w).

        Returns:
            (B, K) and (B,).
        """
        features = self.backbone(images)
        importance = torch.sigmoid(self.attention(features))
        return importance * self.head(features), importance.squeeze(1)

    def step(self, batch: Batch, context: Context) -> Tensor:
        """Return the weighted cross-entropy plus the rank loss; from some epoch on, change labels for later epochs."""
        options = self.options
        labels = self.current_labels(batch)
        logits, importance = self.weighted(batch.images)
        high, low = importance_groups(importance, options.beta)
        rank = rank_loss(importance, high, low, options.rank_margin)
        context.log("rank", rank)
        context.record("importance", batch.index, importance)
        if context.epoch >= options.relabel_from:
            who = low if options.relabel_group == "low" else torch.arange(len(labels), device=labels.device)
            found = relabel(logits.detach(), labels, who, options.relabel_margin)
            self.relabelled[batch.index[found != labels]] = found[found != labels]
            context.log("relabelled", (found != labels).float().mean())
        context.record("used_label", batch.index, self.current_labels(batch))
        return cross_entropy(logits, labels) + options.rank_weight * rank

    def current_labels(self, batch: Batch) -> Tensor:
        """Return (B,) the labels in force: the given ones, or those that replaced them."""
        replaced = self.relabelled[batch.index]
        return torch.where(replaced == KEPT, batch.labels, replaced)

    def predict(self, batch: TestBatch) -> Output:
        """Return the weighted logits, as trained; the importance is stored with them."""
        logits, importance = self.weighted(batch.images)
        return Output(logits, extras={"importance": importance})

    def features(self, images: Tensor) -> Mapping[str, Tensor]:
        """Return the pooled features as the expression representation."""
        return {"expression": self.backbone(images)}

    def transforms(self) -> Transforms:
        """Return the transforms that the options `augment` and `input_size` name."""
        normalise: Normalisation = self.normalise()
        if self.options.input_size is not None:
            normalise = Resized(normalise, self.options.input_size)
        if self.options.augment == "none":
            return Transforms(train=normalise, test=normalise)
        if self.options.augment == "published":
            return Transforms(train=FlipOrNoise(normalise), test=normalise)
        chosen = self.options.shift
        shift = max(1, self.task.image_shape[1] // 16) if chosen is None else chosen
        return Transforms(train=FlipShift(normalise, shift=shift), test=normalise)


def importance_groups(importance: Tensor, beta: float) -> tuple[Tensor, Tensor]:
    """Split a batch into the ⌊βB⌋ samples of highest importance and the others; neither is left empty.

    Args:
        importance: (B,) with B ≥ 2.
        beta: share of the high group.

    Returns:
        Positions in the batch, of the high and of the low group.
    """
    order = importance.detach().argsort(descending=True, stable=True)
    # A hair above: 0.7 · 10 is 7, but 0.7 is a little less as a binary number.
    count = min(max(math.floor(beta * len(order) + 1e-9), 1), len(order) - 1)
    return order[:count], order[count:]


def rank_loss(importance: Tensor, high: Tensor, low: Tensor, margin: float) -> Tensor:
    """Return max(0, δ₁ − (mean α of the high group − mean α of the low group)), a scalar."""
    return torch.relu(margin - (importance[high].mean() - importance[low].mean()))


def relabel(logits: Tensor, labels: Tensor, who: Tensor, margin: float) -> Tensor:
    """Return the labels, replaced by the predicted ones where P_max − P_label > δ₂.

    Args:
        logits: (B, K) weighted logits.
        labels: (B,) labels in force.
        who: positions in the batch that may change.
        margin: δ₂.

    Returns:
        (B,) labels.
    """
    probabilities = logits.float().softmax(dim=1)
    best, predicted = probabilities.max(dim=1)
    surer = best - probabilities.gather(1, labels[:, None]).squeeze(1) > margin
    allowed = torch.zeros_like(surer)
    allowed[who] = True
    return torch.where(surer & allowed, predicted, labels)


@dataclass(frozen=True)
class FlipOrNoise:
    """The augmentation of the authors' code: half of the images are flipped or get noise; then half are erased.

    Columns stay as they are: SCN reads none.

    Attributes:
        normalise: after flip and noise, before erasing.
        noise: variance of the noise, in grey levels squared.
        erasing: of one rectangle.
    """

    normalise: Normalisation
    noise: float = 30.0
    erasing: Erasing = field(default_factory=lambda: Erasing(0.5))

    def __call__(
        self, images: npt.NDArray[np.uint8], columns: Mapping[str, npt.NDArray[np.generic]], rng: np.random.Generator
    ) -> Views:
        """Return one view."""
        changed = images.copy()
        kind = rng.choice(3, size=len(images), p=[0.5, 0.25, 0.25])
        changed[kind == 1] = images[kind == 1][:, :, ::-1]
        disturbed = images[kind == 2] + rng.normal(0, self.noise**0.5, images[kind == 2].shape)
        changed[kind == 2] = disturbed.clip(0, 255).astype(np.uint8)
        pixels = self.normalise.tensor(changed)
        self.erasing(pixels, rng)
        return Views((pixels,), columns)
