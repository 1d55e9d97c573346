"""The paper's equations as pure functions. B pairs in a batch; scores are what a statistics network U says of pairs."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid, softplus

Estimator = Callable[[Tensor, Tensor], Tensor]
Negatives = Literal["all", "rolled"]
Form = Literal["non-saturating", "minimax"]
Reduction = Literal["sum", "mean"]


def donsker_varadhan(joint: Tensor, product: Tensor) -> Tensor:
    """Return the estimate E over p(m, z) of U − log E over p(m) p(z) of e^U, in nats (eq. 3).

    A constant added to U changes nothing; a constant U gives 0.

    Args:
        joint: (B, …) scores of pairs that belong together.
        product: (B', …) scores of pairs drawn independently.

    Returns:
        (…): one estimate for each place beyond the first dimension.
    """
    return joint.mean(dim=0) - (product.logsumexp(dim=0) - math.log(len(product)))


def jensen_shannon(joint: Tensor, product: Tensor) -> Tensor:
    """Return the estimate E of −softplus(−U) − E of softplus(U) (Hjelm et al., ICLR 2019, eq. 4).

    It grows with the mutual information, but is no estimate of its value: at U = 0 it is −2 log 2.

    Args:
        joint: (B, …) scores of pairs that belong together.
        product: (B', …) scores of pairs drawn independently.

    Returns:
        (…).
    """
    return -softplus(-joint).mean(dim=0) - softplus(product).mean(dim=0)


ESTIMATORS: dict[Literal["dv", "jsd"], Estimator] = {"dv": donsker_varadhan, "jsd": jensen_shannon}


@dataclass(frozen=True)
class Estimation:
    """How mutual information is estimated.

    Attributes:
        estimator: from scores of pairs that belong together, and of pairs drawn independently.
        locations: how those of the locations are put together.
        negatives: `all`: everything in the batch beside everything; `rolled`: beside the next alone.
    """

    estimator: Estimator
    locations: Reduction
    negatives: Negatives


def rolled(values: Tensor) -> Tensor:
    """Return (B, …) values each in the place of the next: partners drawn independently, for a shuffled batch."""
    return values.roll(1, dims=0)


def joint_and_product(scores: Tensor) -> tuple[Tensor, Tensor]:
    """Split scores (B, B, …) of everything beside everything into those of p(m, z) and of p(m) p(z).

    The product of a batch's own marginals holds its own pairs too, each once in B: so eq. 3 stays below log B, which is
    all that B pairs can tell. Against partners that are drawn once, (B,), it has no upper limit: there a critic may be
    sure of each by chance.

    Returns:
        (B, …) and (B · B, …).
    """
    own = torch.arange(len(scores), device=scores.device)
    return scores[own, own], scores.flatten(0, 1)


def over_locations(estimates: Tensor, reduction: Reduction) -> Tensor:
    """Return the local mutual information of (L,) estimates, one a location: their sum (eq. 5), or their mean."""
    return estimates.sum() if reduction == "sum" else estimates.mean()


def distance(first: Tensor, second: Tensor, reduction: Reduction) -> Tensor:
    """Return E |E_M − E_N| over (B, D) codes (eq. 7); over dimensions the sum of L1, or the mean."""
    apart = (first - second).abs()
    return (apart.sum(dim=1) if reduction == "sum" else apart.mean(dim=1)).mean()


def adversarial(real: Tensor, fake: Tensor) -> Tensor:
    """Return E log D over p(e) p(i) + E log(1 − D) over p(e, i) (eq. 10), which the discriminator maximises.

    Args:
        real: (B,) logits of D for pairs from the product of marginals.
        fake: (B,) logits of D for an image's own pair (E, I).

    Returns:
        At most 0; −2 log 2 where D cannot tell them apart.
    """
    return logsigmoid(real).mean() + logsigmoid(-fake).mean()


def deception(real: Tensor, fake: Tensor, form: Form) -> Tensor:
    """Return what an encoder minimises against the discriminator (eq. 11), given the same logits.

    Args:
        real: (B,) logits for the product of marginals; identity codes stand in these pairs too.
        fake: (B,) logits for an image's own pair.
        form: `minimax`: eq. 10 itself; `non-saturating`: −E log D of its own pairs (Goodfellow et al., 2014), whose
            gradient does not vanish where D is sure.
    """
    return adversarial(real, fake) if form == "minimax" else -logsigmoid(fake).mean()
