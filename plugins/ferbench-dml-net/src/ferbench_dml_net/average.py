"""The moving average of a network's parameters (Table 1), which predicts."""

from __future__ import annotations

from copy import deepcopy

import torch
from torch import Tensor, nn


class MovingAverage(nn.Module):
    """A copy of a network that follows its parameters slowly.

    Its tensors are buffers: no optimiser finds them, and they do not count as parameters of the method.

    Args:
        network: what it follows.
        decay: share of the average that an update keeps; in the first n updates at most (1 + n) / (10 + n), so that it
            forgets how the parameters began.

    Attributes:
        network: the copy.
        updates: updates so far.
    """

    updates: Tensor

    def __init__(self, network: nn.Module, decay: float) -> None:
        super().__init__()
        self.decay = decay
        self.network = deepcopy(network)
        for module in self.network.modules():
            for name, parameter in list(module.named_parameters(recurse=False)):
                delattr(module, name)
                module.register_buffer(name, parameter.detach().clone())
        self.register_buffer("updates", torch.zeros((), dtype=torch.int64))

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Move towards the parameters of the network; take over its buffers (batch norm's statistics) as they are."""
        kept = min(self.decay, (1 + int(self.updates)) / (10 + int(self.updates)))
        own = dict(self.network.named_buffers())
        followed = dict(network.named_parameters())
        torch._foreach_lerp_(
            [own[name] for name in followed], [value.detach() for value in followed.values()], 1 - kept
        )
        for name, value in network.named_buffers():
            own[name].copy_(value)
        self.updates += 1
