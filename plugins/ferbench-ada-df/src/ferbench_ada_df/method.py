"""Ada-DF: An Adaptive Label Distribution Fusion Network For Facial Expression Recognition (Liu, Xu, Wan, Kui).

Equation numbers are the paper's. `mode = "official"` follows the authors' code where it differs from the text:
https://github.com/taylor-xy0827/Ada-DF.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, one_hot

from ferbench.errors import ConfigError
from ferbench.train import Batch, Context, Output, Setup, TestBatch, Transforms
from ferbench_ada_df.batches import WholeBatches
from ferbench_ada_df.equations import (
    class_distributions,
    divergence,
    fused,
    normalised,
    ramps,
    rank_regularisation,
    threshold_rows,
)
from ferbench_ada_df.network import AttentiveBranch
from ferbench_ada_df.options import AdaDFOptions
from ferbench_ada_df.recipe import TrainingRecipe

OFFICIAL_ELSEWHERE = 0.4
"""What the authors' fallback rows sum to off the diagonal, whatever t is: 1.1 in all at t = 0.7, 0.9 at t = 0.5."""


class AdaDF(TrainingRecipe[AdaDFOptions]):
    """An auxiliary branch estimates label distributions; the target branch learns from their fusion with the classes'.

    Attributes:
        auxiliary: trained on the labels; removed at test.
        target: starts as the auxiliary branch's copy, trained on the fused distributions; predicts.
        class_distributions: (K, K), row c of class c; threshold rows in the first epoch.
    """

    auxiliary: AttentiveBranch
    target: AttentiveBranch
    class_distributions: Tensor

    def __init__(self, setup: Setup[AdaDFOptions]) -> None:
        check_options(setup)
        super().__init__(setup)

    def build(self, body: nn.Module, width: int, classes: int) -> None:
        """Make both branches and the first class distributions."""
        self.auxiliary = AttentiveBranch(body, width, classes, on_logits=self.options.mode == "official")
        self.target = self.auxiliary.twin()
        self.register_buffer("class_distributions", threshold_rows(classes, self.options.threshold))

    def step(self, batch: Batch, context: Context) -> Tensor:
        """Return L = L_RR + α1 L_ce + α2 L_kld (eq. 14)."""
        views = len(batch.views)
        labels = batch.labels.repeat(views)
        maps = self.stem(torch.cat(batch.views))
        auxiliary, target = self.auxiliary(maps), self.target(maps)
        attention = (auxiliary.weights + target.weights) / 2  # eq. 8
        weights = normalised(attention, self.options.w_min)
        ranking = self._ranking(attention, len(batch.labels))
        single = cross_entropy(auxiliary.logits, labels)  # eq. 3
        goal = self._goal(auxiliary.logits.softmax(dim=1), labels, weights)
        # Ten crops in the authors' loop: the divergence is summed over all crops and divided by the images.
        samples = len(batch.labels) if self.options.mode == "official" else len(labels)
        fusion = divergence(goal, target.logits) / samples  # eq. 13
        first, second = ramps(context.epoch, self.options.beta)
        for name, value in (("ranking", ranking), ("auxiliary", single), ("target", fusion)):
            context.log(name, value)
        context.record("attention", batch.index, attention.view(views, -1).mean(dim=0))
        context.record("fusion_weight", batch.index, weights.view(views, -1).mean(dim=0))
        return ranking + first * single + second * fusion

    def _ranking(self, attention: Tensor, images: int) -> Tensor:
        """Return L_RR; of ten crops the authors' loop takes as many high and low ones as a batch has images."""
        count = images if self.options.mode == "official" else len(attention)
        high = int(count * self.options.high_share)
        return rank_regularisation(attention, high, count - high, self.options.margin)

    def _goal(self, label: Tensor, labels: Tensor, weights: Tensor) -> Tensor:
        """Return what the target branch learns: (N, K) distributions, through which gradients pass as in the code.

        Unless `fusion_gradient` says otherwise. Through the weights the divergence falls fastest where they fall: at
        high learning rates attention then goes to 0 and takes the features with it (see the README).
        """
        of_class = self.class_distributions[labels]
        if self.options.fusion_gradient != "all":
            weights = weights.detach()
        if self.options.fusion_gradient == "none":
            label = label.detach()
        if self.options.distributions == "class":
            return of_class
        return label if self.options.distributions == "label" else fused(label, of_class, weights)

    def end_of_epoch(self, context: Context) -> None:
        """Mine the class distributions from the auxiliary branch's label distributions (eq. 4–7)."""
        options, classes = self.options, len(self.task.classes)
        batches = WholeBatches(options.batch_size, options.sampling == "downsampled")
        rng = np.random.default_rng([self.task.seed, context.epoch])
        positions = batches.drawn(context.training.labels, rng)
        sums, counts = torch.zeros_like(self.class_distributions), torch.zeros_like(self.class_distributions[0])
        for batch in context.statistics(options.batch_size, positions):
            maps = self.stem(torch.cat(batch.views))
            label = self.auxiliary(maps).logits.float().softmax(dim=1).view(len(batch.views), -1, classes).mean(dim=0)
            members = one_hot(batch.labels, classes).to(label)
            sums += members.T @ label
            counts += members.sum(dim=0)
            context.record("label_distribution", batch.index, label)
        elsewhere = OFFICIAL_ELSEWHERE if options.mode == "official" else None
        fallback = threshold_rows(classes, options.threshold, elsewhere).to(sums)
        self.class_distributions.copy_(class_distributions(sums, counts, options.threshold, fallback))
        context.keep("class_distributions", self.class_distributions)

    def transforms(self) -> Transforms:
        """Return the recipe's; class distributions are computed from augmented images, as in the authors' loop."""
        made = super().transforms()
        statistics = made.train if self.options.class_images == "augmented" else made.test
        return Transforms(made.train, made.test, statistics)

    def predict(self, batch: TestBatch) -> Output:
        """Return the target branch's mean logits of the views; the auxiliary branch has no say in them."""
        maps = [self.stem(view) for view in batch.views]
        logits = torch.stack([self.target(one).logits for one in maps]).mean(dim=0)
        if not self.options.label_distributions:
            return Output(logits)
        label = torch.stack([self.auxiliary(one).logits.softmax(dim=1) for one in maps]).mean(dim=0)
        return Output(logits, {"label_distribution": label})

    def features(self, images: Tensor) -> Mapping[str, Tensor]:
        """Return the target branch's pooled features as the expression representation."""
        return {"expression": self.target.body(self.stem(images))}


def check_options(setup: Setup[AdaDFOptions]) -> None:
    """Refuse options that the task or each other forbid.

    Raises:
        ConfigError: too few classes for the threshold, or a group of the rank regularisation that has no sample.
    """
    options, classes = setup.options, len(setup.task.classes)
    where = "the options of ada-df"
    if classes < 2 or options.threshold <= 1 / classes:
        raise ConfigError(
            expected=f"threshold: above 1/{classes} and below 1, so that a threshold row is greatest on its own class, "
            "with at least 2 classes (the paper uses 0.7 and 0.5 with 7)",
            found=f"threshold = {options.threshold} with {classes} classes",
            where=where,
            remedy="raise the threshold, or use a data set with more classes",
        )
    count = options.batch_size
    if not 1 <= int(count * options.high_share) <= count - 1:
        raise ConfigError(
            expected=f"high_share: {1 / count:.4g} up to below 1 for batches of {count}, so that no group is "
            "empty (the paper uses 0.7)",
            found=f"high_share = {options.high_share}",
            where=where,
            remedy="raise high_share or batch_size",
        )
