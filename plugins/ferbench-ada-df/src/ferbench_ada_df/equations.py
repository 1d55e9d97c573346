"""The paper's equations as pure functions. N samples of a mini-batch, K classes; distributions are rows of sum 1."""

from __future__ import annotations

import math

import torch
from torch import Tensor

TINY = 1e-12


def ramps(epoch: int, beta: float) -> tuple[float, float]:
    """Return α1 of the auxiliary branch's and α2 of the target branch's loss (eq. 15, 16).

    Args:
        epoch: e = 1, 2, …
        beta: β, the epoch at which both are 1.

    >>> [tuple(round(alpha, 5) for alpha in ramps(epoch, 3)) for epoch in (1, 3, 75)]
    [(1.0, 0.64118), (1.0, 1.0), (0.39788, 1.0)]
    """
    if epoch <= beta:
        return 1.0, math.exp(-((1 - epoch / beta) ** 2))
    return math.exp(-((1 - beta / epoch) ** 2)), 1.0


def threshold_rows(classes: int, threshold: float, elsewhere: float | None = None) -> Tensor:
    """Return the (K, K) threshold distributions: t for the class itself, the rest shared evenly (eq. 7).

    Args:
        classes: K ≥ 2.
        threshold: t.
        elsewhere: the sum of the other classes' shares, 1 − t by default; anything else is no distribution.
    """
    rest = 1 - threshold if elsewhere is None else elsewhere
    return torch.full((classes, classes), rest / (classes - 1)).fill_diagonal_(threshold)


def class_distributions(sums: Tensor, counts: Tensor, threshold: float, fallback: Tensor) -> Tensor:
    """Return the (K, K) class distributions, threshold rows where they are too weak on their own class (eq. 4, 5).

    Args:
        sums: (K, K) label distributions summed over the samples of each class.
        counts: (K,) samples of each class; a class without samples gets its threshold row.
        threshold: t.
        fallback: (K, K) threshold rows.
    """
    means = sums / counts.clamp_min(1)[:, None]
    strong = (means.diagonal() >= threshold) & (counts > 0)
    return torch.where(strong[:, None], means, fallback)


def rank_regularisation(weights: Tensor, high: int, low: int, margin: float) -> Tensor:
    """Return the rank regularisation, max(0, δ − (mean of the high group − mean of the low group)) (eq. 9, 10).

    Args:
        weights: (N,) averaged attention weights.
        high: M, how many of the greatest are the high group.
        low: how many of the least are the low group; N − M in the paper.
        margin: δ.
    """
    greatest = weights.topk(high).values.mean()
    least = weights.topk(low, largest=False).values.mean()
    return torch.relu(margin - (greatest - least))


def normalised(weights: Tensor, w_min: float) -> Tensor:
    """Return attention weights (N,) scaled to [w_min, 1] over the mini-batch (eq. 11); 1 where all are equal.

    Equal weights tell no sample from another: each is then trusted as a clear one is.
    """
    low, high = weights.amin(), weights.amax()
    scaled = (weights - low) / (high - low).clamp_min(TINY)
    return torch.where(high - low > TINY, scaled, torch.ones_like(scaled)) * (1 - w_min) + w_min


def fused(label: Tensor, of_class: Tensor, weights: Tensor) -> Tensor:
    """Return the fused distributions (N, K): the class's by the attention weight, the sample's by the rest (eq. 12).

    Args:
        label: (N, K) label distributions of the samples.
        of_class: (N, K) class distributions of their labels.
        weights: (N,) normalised attention weights.
    """
    return weights[:, None] * of_class + (1 - weights[:, None]) * label


def divergence(target: Tensor, logits: Tensor) -> Tensor:
    """Return Σ d log(d / p) over classes and samples, p the softmax of (N, K) logits.

    Eq. 13 has a minus sign before it, which would make it negative; the divergence is meant. Not a mean: what it is
    divided by is the caller's.
    """
    return (target * (target.clamp_min(TINY).log() - logits.log_softmax(dim=1))).sum()
