"""The networks of Fig. 4: channels and their fusion, embedding, heads."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from ferbench.train import feature_width

SOFTMAX_STD = 1 / 512
FULLY_CONNECTED_STD = 0.04

Layers = Callable[[int, int], nn.Linear]
"""Makes a fully connected layer of so many inputs and outputs."""


class Channels(nn.Module):
    """Multi-channel features (Algorithm 2): images (B, c, h, w) → (B, F).

    The eyes are the uppermost part of the face, the mouth its lowest. Their features are fused first, then with the
    whole face's.

    Args:
        backbones: of the face, the eyes and the mouth, images → features.
        width: F.
        region: share of the height that is eyes, and that is mouth.
        layers: makes the fusion layers.
    """

    def __init__(
        self, backbones: tuple[nn.Module, nn.Module, nn.Module], width: int, region: float, layers: Layers
    ) -> None:
        super().__init__()
        self.region = region
        self.face, self.eyes, self.mouth = backbones
        features = feature_width(self.face)
        self.local = layers(2 * features, width)
        self.fused = layers(features + width, width)
        self.width = width

    def forward(self, images: Tensor) -> Tensor:
        """Return the fused features."""
        height = images.shape[2]
        part = max(1, round(self.region * height))
        eyes, mouth = images[:, :, :part], images[:, :, height - part :]
        local = relu(self.local(torch.cat([self.eyes(eyes), self.mouth(mouth)], dim=1)))
        return relu(self.fused(torch.cat([self.face(images), local], dim=1)))


class Face(nn.Module):
    """The whole face alone: images (B, c, h, w) → (B, D).

    Args:
        backbone: images → features.
    """

    def __init__(self, backbone: nn.Module) -> None:
        super().__init__()
        self.face = backbone
        self.width = feature_width(self.face)

    def forward(self, images: Tensor) -> Tensor:
        """Return the backbone's features."""
        features: Tensor = self.face(images)
        return features


class Head(nn.Module):
    """A fully connected layer and a softmax layer: (B, D) → logits (B, K).

    Args:
        inputs: D.
        width: units of the layer between.
        classes: K.
        layers: makes the layer between.
    """

    def __init__(self, inputs: int, width: int, classes: int, layers: Layers) -> None:
        super().__init__()
        self.layer = layers(inputs, width)
        self.classifier = nn.Linear(width, classes)
        nn.init.normal_(self.classifier.weight, std=SOFTMAX_STD)
        nn.init.zeros_(self.classifier.bias)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the logits."""
        logits: Tensor = self.classifier(relu(self.layer(inputs)))
        return logits


class Seen(NamedTuple):
    """What the network makes of images.

    Attributes:
        embeddings: (B, E), or the fused features where there is no embedding.
        expression: logits (B, K).
        pose: logits (B, P), if the pose is estimated.
    """

    embeddings: Tensor
    expression: Tensor
    pose: Tensor | None


class Network(nn.Module):
    """All of Fig. 4.

    Args:
        features: channels and their fusion, or the face alone.
        embedding: (B, F) → (B, E); the identity where there is none.
        expression: the head of the K classes.
        pose: its head; None: the pose is not estimated.
        pose_on_embedding: whether that head stands on the embedding, or on the features before it.
    """

    def __init__(
        self,
        features: Channels | Face,
        embedding: nn.Module,
        expression: Head,
        pose: Head | None,
        *,
        pose_on_embedding: bool,
    ) -> None:
        super().__init__()
        self.features, self.embedding, self.expression, self.pose = features, embedding, expression, pose
        self.pose_on_embedding = pose_on_embedding

    def forward(self, images: Tensor) -> Seen:
        """Return embeddings and logits of images (B, c, h, w)."""
        features = self.features(images)
        embeddings = self.embedding(features)
        pose = None if self.pose is None else self.pose(embeddings if self.pose_on_embedding else features)
        return Seen(embeddings, self.expression(embeddings), pose)


def as_printed(inputs: int, outputs: int) -> nn.Linear:
    """Return a layer with normally distributed weights of the paper's deviation (Table 1) and no bias at first."""
    return _normal(inputs, outputs, FULLY_CONNECTED_STD)


def by_inputs(inputs: int, outputs: int) -> nn.Linear:
    """Return a layer whose weights' deviation keeps the scale of what passes, however many inputs (He et al., 2015)."""
    return _normal(inputs, outputs, (2 / inputs) ** 0.5)


def _normal(inputs: int, outputs: int, deviation: float) -> nn.Linear:
    layer = nn.Linear(inputs, outputs)
    nn.init.normal_(layer.weight, std=deviation)
    nn.init.zeros_(layer.bias)
    return layer
