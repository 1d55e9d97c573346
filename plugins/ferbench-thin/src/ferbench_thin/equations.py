"""The equations of THIN, by their numbers in the paper."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity, one_hot


def leaf_probabilities(decisions: Tensor) -> Tensor:
    """Return the probabilities of a tree's leaves (eq. 4), from left to right.

    Args:
        decisions: (B, 2^D − 1) probabilities of going left, nodes in breadth-first order.

    Returns:
        (B, 2^D); rows sum to 1.
    """
    reached, first = decisions.new_ones(len(decisions), 1), 0
    while first < decisions.shape[1]:
        width = reached.shape[1]
        left = decisions[:, first : first + width]
        reached = torch.stack([reached * left, reached * (1 - left)], dim=2).flatten(1)
        first += width
    return reached


def mixed(logits: Tensor, gate: Tensor | None) -> Tensor:
    """Return z = Z · g (section 3.2); the plain mean where there is no gate.

    Args:
        logits: (B, L, K) of L weak classifiers.
        gate: (B, L), or None.

    Returns:
        (B, K).
    """
    if gate is None:
        return logits.mean(dim=1)
    return (logits * gate.unsqueeze(2)).sum(dim=1)


def absolute_cosine(exogenous: Tensor, endogenous: Tensor) -> Tensor:
    """Return |cos| of the angle between what the exogenous classifier says of either representation (eq. 7).

    Args:
        exogenous: (B, M) logits of the exogenous representation.
        endogenous: (B, M) logits of the endogenous one.

    Returns:
        (B,) in [0, 1].
    """
    return cosine_similarity(exogenous.float(), endogenous.float(), dim=1).abs().clamp(max=1.0)


def one_hot_bins(values: Tensor, low: float, high: float, bins: int) -> Tensor:
    """Return (B, bins) one-hot rows: the bin of each value between `low` and `high`; both ends are within.

    What lies beyond an end is in its bin.

    Args:
        values: (B,).
        low: lower end of the first bin.
        high: upper end of the last.
        bins: how many.
    """
    position = ((values - low) / (high - low) * bins).floor().long()
    return one_hot(position.clamp(0, bins - 1), bins).to(values.dtype)
