"""A residual network cut in two (section 3.1): a stem that branches share, and the stages that each has for itself."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ferbench.errors import ConfigError

STEM = ("conv1", "bn1", "act1", "maxpool", "layer1")
BODY = ("layer2", "layer3", "layer4", "global_pool")


def cut(backbone: nn.Module, name: str) -> tuple[nn.Sequential, nn.Sequential]:
    """Return the stem (first convolution, first stage) and the body (the other three stages, pooling) of a backbone.

    Args:
        backbone: as `build_backbone` gives it.
        name: its name, for the message.

    Raises:
        ConfigError: it is no residual network of four stages.
    """
    parts = dict(backbone.named_children())
    if not {*STEM, *BODY} <= parts.keys():
        raise ConfigError(
            expected="backbone: a residual network of timm with the stages layer1 to layer4, such as resnet18, "
            "resnet50, or a small one of ferbench (the paper uses resnet18 and resnet50)",
            found=repr(name),
            where="the options of ada-df",
            remedy="choose a backbone that can be cut after its first stage",
        )
    return nn.Sequential(*(parts[part] for part in STEM)), nn.Sequential(*(parts[part] for part in BODY))


class Branch(nn.Module):
    """Stages 2 to 4, pooling and a linear classifier.

    Args:
        body: maps of the stem → features (N, D).
        width: D.
        classes: K.
    """

    def __init__(self, body: nn.Module, width: int, classes: int) -> None:
        super().__init__()
        self.body = body
        self.head = nn.Linear(width, classes)

    def forward(self, maps: Tensor) -> Tensor:
        """Return the logits (N, K)."""
        logits: Tensor = self.head(self.body(maps))
        return logits


@dataclass(frozen=True)
class Attended:
    """What an attentive branch says of N samples.

    Attributes:
        logits: (N, K).
        weights: (N,) attention weights in (0, 1), high for clear samples.
    """

    logits: Tensor
    weights: Tensor


class AttentiveBranch(nn.Module):
    """A branch whose features are multiplied by an attention weight before they are classified (section 3.3.1).

    Args:
        body: maps of the stem → features (N, D).
        width: D.
        classes: K.
        on_logits: the weight multiplies the logits, as in the authors' code, and not the features, as the paper says;
            the two differ by the classifier's bias.
    """

    def __init__(self, body: nn.Module, width: int, classes: int, *, on_logits: bool) -> None:
        super().__init__()
        self.body = body
        self.head = nn.Linear(width, classes)
        self.attention = nn.Linear(width, 1)
        self.on_logits = on_logits

    def forward(self, maps: Tensor) -> Attended:
        """Return logits and attention weights."""
        features: Tensor = self.body(maps)
        weights = torch.sigmoid(self.attention(features))
        logits = weights * self.head(features) if self.on_logits else self.head(weights * features)
        return Attended(logits, weights.squeeze(1))

    def twin(self) -> AttentiveBranch:
        """Return a branch that starts with the same stages and classifier, and an attention of its own."""
        other = deepcopy(self)
        other.attention.reset_parameters()
        return other
