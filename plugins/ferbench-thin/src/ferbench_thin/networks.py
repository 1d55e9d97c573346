"""The parts of Fig. 3: representation layers, classifiers, the ensemble and its tree."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from ferbench.errors import ConfigError
from ferbench.train import build_backbone, feature_map
from ferbench_thin.equations import leaf_probabilities, mixed

CONVOLUTIONS, VGG16 = "convolutions", "vgg16"


class Trunk(nn.Module):
    """A representation layer: images (B, C, h, w) → the last map, flattened (B, D).

    Args:
        layers: up to the last map.
        image_shape: (h, w, C) of the images.

    Attributes:
        width: D.
    """

    def __init__(self, layers: nn.Module, image_shape: tuple[int, int, int]) -> None:
        super().__init__()
        self.layers = layers
        height, width, channels = image_shape
        was_training = layers.training
        with torch.no_grad():
            self.width = int(layers.eval()(torch.zeros(1, channels, height, width)).numel())
        layers.train(was_training)

    def forward(self, images: Tensor) -> Tensor:
        """Return the flattened map (B, D)."""
        maps: Tensor = self.layers(images)
        return maps.flatten(1)


def build_trunk(name: str, image_shape: tuple[int, int, int], *, batch_norm: bool = False) -> Trunk:
    """Return an untrained representation layer.

    Args:
        name: `convolutions`, `vgg16`, or a backbone's name.
        image_shape: (h, w, C).
        batch_norm: of vgg16.

    Raises:
        ConfigError: no such backbone, one without a last map, images too small for it.
    """
    if name == CONVOLUTIONS:
        return Trunk(_convolutions(image_shape[2]), image_shape)
    if name == VGG16:
        return Trunk(_vgg16(image_shape, batch_norm), image_shape)
    backbone = build_backbone(name, image_shape[2])
    if not callable(getattr(backbone, "forward_features", None)):
        raise ConfigError(
            expected="trunk: a backbone whose last map can be had (the paper uses two convolutions, and vgg16)",
            found=repr(name),
            where="the options of thin",
            remedy="choose a residual network, vgg16 or convolutions",
        )
    return Trunk(_LastMap(backbone), image_shape)


class _LastMap(nn.Module):
    """A timm backbone up to the map that it would pool."""

    def __init__(self, backbone: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone

    def forward(self, images: Tensor) -> Tensor:
        return feature_map(self.backbone, images)


def _convolutions(channels: int) -> nn.Sequential:
    """Two convolutions of 16 kernels of 3 × 3, padded, with batch norm, ReLU and pooling (section 4.1).

    The larger of two rectified numbers is the larger one, rectified: pooling first does the same with a quarter of
    the work.
    """
    layers: list[nn.Module] = []
    for inputs in (channels, 16):
        layers += [nn.Conv2d(inputs, 16, 3, padding=1), nn.BatchNorm2d(16), nn.MaxPool2d(2), nn.ReLU()]
    return nn.Sequential(*layers)


def _vgg16(image_shape: tuple[int, int, int], batch_norm: bool) -> nn.Module:
    from torchvision.models import vgg16, vgg16_bn

    height, width, channels = image_shape
    if min(height, width) < 32:
        raise ConfigError(
            expected="images of at least 32 pixels for trunk = 'vgg16' (the paper uses 224)",
            found=f"{height} × {width}",
            where="the options of thin",
            remedy="prepare larger images, or set trunk to 'convolutions'",
        )
    layers: nn.Sequential = (vgg16_bn if batch_norm else vgg16)(weights=None).features
    if channels != 3:
        layers[0] = nn.Conv2d(channels, 64, 3, padding=1)
    return layers


class Classifier(nn.Module):
    """Fully connected layers, batch norm before each activation: h (B, D) → logits (B, K).

    Args:
        width: D.
        hidden: units of the hidden layers.
        classes: K.
        batch_norm: as the paper has it; VGG-Face's classifier has none.
    """

    def __init__(self, width: int, hidden: Sequence[int], classes: int, *, batch_norm: bool = True) -> None:
        super().__init__()
        sizes = [width, *hidden]
        self.layers = nn.ModuleList(nn.Linear(before, after) for before, after in pairwise(sizes))
        self.norms = nn.ModuleList(nn.BatchNorm1d(after) if batch_norm else nn.Identity() for after in hidden)
        self.output = nn.Linear(sizes[-1], classes)

    def last_hidden(self, representation: Tensor) -> Tensor:
        """Return the activations of the last hidden layer (B, hidden[-1])."""
        for layer, norm in zip(self.layers, self.norms, strict=True):
            representation = relu(norm(layer(representation)))
        return representation

    def forward(self, representation: Tensor) -> Tensor:
        """Return the logits (B, K)."""
        logits: Tensor = self.output(self.last_hidden(representation))
        return logits


class Side(nn.Module):
    """L linear layers side by side, each on inputs of its own: (B, L, D) → (B, L, E). Initialised as `nn.Linear`."""

    def __init__(self, count: int, inputs: int, outputs: int) -> None:
        super().__init__()
        bound = 1 / math.sqrt(inputs)
        self.weight = nn.Parameter(torch.empty(count, inputs, outputs).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(count, outputs).uniform_(-bound, bound))

    def forward(self, values: Tensor) -> Tensor:
        """Return (B, L, E)."""
        return torch.baddbmm(self.bias.unsqueeze(1), values.transpose(0, 1), self.weight).transpose(0, 1)


class Ensemble(nn.Module):
    """L weak classifiers on one representation (eq. 1, 2), computed side by side.

    The first layer of all of them is one matrix; the others are block-diagonal.

    Args:
        width: D.
        hidden: units of the hidden layers of each.
        classes: K.
        count: L.
    """

    def __init__(self, width: int, hidden: Sequence[int], classes: int, count: int) -> None:
        super().__init__()
        self.count = count
        self.first = nn.Linear(width, count * hidden[0])
        self.inner = nn.ModuleList(Side(count, before, after) for before, after in pairwise(hidden))
        self.norms = nn.ModuleList(nn.BatchNorm1d(count * after) for after in hidden)
        self.output = Side(count, hidden[-1], classes)

    def forward(self, representation: Tensor, gate: Tensor | None = None) -> Tensor:
        """Return the mixed logits (B, K).

        Args:
            representation: (B, D).
            gate: (B, L) weights that sum to 1; the mean without.
        """
        values = relu(self.norms[0](self.first(representation)))
        for layer, norm in zip(self.inner, self.norms[1:], strict=True):
            values = relu(norm(layer(self._apart(values)).flatten(1)))
        return mixed(self.output(self._apart(values)), gate)

    def _apart(self, values: Tensor) -> Tensor:
        """Return (B, L · H) as (B, L, H)."""
        return values.view(len(values), self.count, -1)


class TreeGate(nn.Module):
    """A differentiable tree of single sigmoid units (eq. 3 to 5): what conditions it (B, D) → weights (B, 2^depth).

    Args:
        width: D.
        depth: of the tree.
        batch_norm: scale the input by batch norm.
    """

    def __init__(self, width: int, depth: int, *, batch_norm: bool = False) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(width) if batch_norm else nn.Identity()
        self.nodes = nn.Linear(width, 2**depth - 1)

    def forward(self, condition: Tensor) -> Tensor:
        """Return the leaves' probabilities (B, 2^depth)."""
        return leaf_probabilities(torch.sigmoid(self.nodes(self.norm(condition))))


def glorot(network: nn.Module) -> None:
    """Draw linear and convolutional layers anew from Glorot's uniform distribution, with biases of zero."""
    for part in network.modules():
        if isinstance(part, nn.Linear | nn.Conv2d | Side):
            for weight in part.weight if isinstance(part, Side) else [part.weight]:
                nn.init.xavier_uniform_(weight)
            if part.bias is not None:
                nn.init.zeros_(part.bias)
    for part in network.modules():
        if isinstance(part, Ensemble):  # its first matrix is that of several classifiers
            for weight in part.first.weight.chunk(part.count):
                nn.init.xavier_uniform_(weight)
