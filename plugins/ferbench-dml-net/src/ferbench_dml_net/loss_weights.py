"""The dynamic weights of the losses: what eq. 8 remembers from batch to batch."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ferbench_dml_net.equations import loss_falls, task_weights


class LossWeights(nn.Module):
    """Weights of several losses, from the ratio of each loss's means over the last two windows of batches.

    Until two windows are full, each loss weighs K divided by the number of losses. All that it remembers is in its
    state, so that a resumed cell goes on exactly.

    Args:
        tasks: number of losses.
        weight_sum: K.
        temperature: T.
        window: batches in a window.

    Attributes:
        recent: (2 · window, tasks) the latest losses, oldest first.
        seen: batches noted so far.
    """

    recent: Tensor
    seen: Tensor

    def __init__(self, tasks: int, weight_sum: float, temperature: float, window: int) -> None:
        super().__init__()
        self.weight_sum, self.temperature, self.window = weight_sum, temperature, window
        self.register_buffer("recent", torch.zeros(2 * window, tasks))
        self.register_buffer("seen", torch.zeros((), dtype=torch.int64))

    def forward(self) -> Tensor:
        """Return λ (tasks,) for the next batch."""
        tasks = self.recent.shape[1]
        if int(self.seen) < len(self.recent):
            return self.recent.new_full((tasks,), self.weight_sum / tasks)
        before, after = self.recent.view(2, self.window, tasks).mean(dim=1)
        return task_weights(loss_falls(before, after), self.weight_sum, self.temperature)

    @torch.no_grad()
    def note(self, losses: Tensor) -> None:
        """Note the losses (tasks,) of a batch."""
        self.recent.copy_(torch.cat([self.recent[1:], losses.detach()[None].to(self.recent)]))
        self.seen += 1
