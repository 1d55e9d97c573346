"""What frozen networks say of training images that no augmentation changes: asked once, not once an epoch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ferbench.train import Context
from ferbench_thin.exogenous import GateInput, Seen

MOST_BYTES = 2**30
"""A gigabyte, for all that is remembered."""


@dataclass(frozen=True)
class Remembered:
    """Answers to all N training images, in the order of the training set.

    Attributes:
        condition: what the tree is conditioned by, (N, D).
        said: z_exo of each exogenous network, (N, M) each.
    """

    condition: Tensor
    said: tuple[Tensor, ...]

    def of_batch(self, index: Tensor) -> tuple[Tensor, Sequence[Tensor]]:
        """Return the answers to a batch: (B, D), and (B, M) for each network.

        Args:
            index: (B,) positions in the training set.
        """
        return self.condition[index], [one[index] for one in self.said]

    @classmethod
    def of(cls, context: Context, see: Callable[[Tensor], list[Seen]], kind: GateInput) -> Remembered | None:
        """Ask for all training images; None where the answers would fill more than `MOST_BYTES`."""
        conditions: list[Tensor] = []
        said: list[list[Tensor]] = []
        for batch in context.statistics():
            seen = see(batch.images)
            conditions.append(torch.cat([one.condition(kind) for one in seen], dim=1))
            said.append([one.logits for one in seen])
            width = sum(one.shape[1] for one in (conditions[0], *said[0]))
            if width * len(context.training) * 4 > MOST_BYTES:
                return None
        return cls(torch.cat(conditions), tuple(torch.cat(parts) for parts in zip(*said, strict=True)))
