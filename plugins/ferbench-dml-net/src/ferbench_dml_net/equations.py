"""The paper's equations, without networks. Equation numbers are its own."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


def squared_distances(embeddings: Tensor) -> Tensor:
    """Return ‖e_i − e_j‖² (eq. 1) of embeddings (B, D) as (B, B), exactly 0 on the diagonal."""
    differences = embeddings[:, None] - embeddings[None, :]
    return differences.square().sum(dim=2)


class Hardest(NamedTuple):
    """The hardest distances of each anchor (eq. 2 and 3).

    Attributes:
        positive: (A,) to the farthest positive sample.
        negative: (A,) to the nearest negative sample.
        complete: (A,) whether there is a sample of either kind; without, the distance means nothing.
    """

    positive: Tensor
    negative: Tensor
    complete: Tensor


def hardest(distances: Tensor, positive: Tensor, negative: Tensor) -> Hardest:
    """Return the hardest distances of anchors to the samples of a batch.

    Args:
        distances: (A, B) from each anchor to each sample.
        positive: (A, B) which samples are positive ones of the anchor.
        negative: (A, B) which are negative ones.
    """
    farthest = distances.masked_fill(~positive, -torch.inf).amax(dim=1)
    nearest = distances.masked_fill(~negative, torch.inf).amin(dim=1)
    return Hardest(farthest, nearest, positive.any(dim=1) & negative.any(dim=1))


def triplet_loss(found: Hardest, margin: float, *, hinge: bool = True) -> Tensor:
    """Return Σ (margin + D⁺ − D⁻) over complete anchors (eq. 4 and 5); with the hinge, each at least 0."""
    apart = margin + found.positive[found.complete] - found.negative[found.complete]
    return (apart.clamp(min=0) if hinge else apart).sum()


def task_weights(falls: Tensor, weight_sum: float, temperature: float) -> Tensor:
    """Return λ (eq. 8): K · softmax(ω / T).

    Args:
        falls: ω (tasks,), each loss divided by what it was before.
        weight_sum: K.
        temperature: T.
    """
    return weight_sum * torch.softmax(falls / temperature, dim=0)


def loss_falls(before: Tensor, after: Tensor) -> Tensor:
    """Return ω = after / before (tasks,) of mean losses (eq. 8); 1, no change, where the loss was 0."""
    return torch.where(before > 0, after / before.clamp(min=torch.finfo(before.dtype).tiny), torch.ones_like(before))
