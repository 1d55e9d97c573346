"""The exogenous network: a representation γ and a classifier c of the exogenous variable, pretrained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor, nn

from ferbench.errors import WeightsError
from ferbench.train import Normalise
from ferbench.weights import LoadedWeights
from ferbench_thin.names import in_our_names
from ferbench_thin.networks import VGG16, Classifier, Trunk, build_trunk

GateInput = Literal["map", "hidden", "logits", "probabilities"]


@dataclass(frozen=True)
class Seen:
    """What an exogenous network says of B images.

    Attributes:
        representation: h_exo, (B, D).
        hidden: last hidden layer of its classifier, (B, H).
        logits: z_exo of its own representation, (B, M).
    """

    representation: Tensor
    hidden: Tensor
    logits: Tensor

    def condition(self, kind: GateInput) -> Tensor:
        """Return what the tree is conditioned by (B, …)."""
        if kind == "probabilities":
            return torch.softmax(self.logits, dim=1)
        return {"map": self.representation, "hidden": self.hidden, "logits": self.logits}[kind]


class ExogenousNetwork(nn.Module):
    """γ and c of section 3.1. THIN freezes them.

    Args:
        trunk: γ.
        classifier: c.
        given: the normalisation of the images it is given.
        wanted: the normalisation it was trained with.
    """

    scale: Tensor
    shift: Tensor

    def __init__(self, trunk: Trunk, classifier: Classifier, given: Normalise, wanted: Normalise) -> None:
        super().__init__()
        self.trunk, self.classifier = trunk, classifier
        mean, mean_wanted = (torch.tensor(part.mean).view(1, -1, 1, 1) for part in (given, wanted))
        std, std_wanted = (torch.tensor(part.std).view(1, -1, 1, 1) for part in (given, wanted))
        self.register_buffer("scale", std / std_wanted)
        self.register_buffer("shift", (mean - mean_wanted) / std_wanted)

    def forward(self, images: Tensor) -> Seen:
        """Return what it says of images (B, C, h, w)."""
        representation = self.trunk(images * self.scale + self.shift)
        hidden = self.classifier.last_hidden(representation)
        return Seen(representation, hidden, self.classifier.output(hidden))

    def condition_width(self, kind: GateInput) -> int:
        """Return the width of what the tree is conditioned by."""
        output = self.classifier.output
        return {"map": self.trunk.width, "hidden": output.in_features}.get(kind, output.out_features)


def exogenous_network(
    role: str, weights: LoadedWeights, trunk: str, image_shape: tuple[int, int, int], given: Normalise
) -> ExogenousNetwork:
    """Build an exogenous network in the shape that its weights have.

    Args:
        role: for the message.
        weights: of this plugin's `baseline` trained on the exogenous variable (a recipe with `keep_head = true`), or
            of VGG-Face.
        trunk: the option; both representations have the same architecture (section 3.3).
        image_shape: (h, w, C).
        given: the normalisation of the images it will be given.

    Raises:
        WeightsError: no classifier in them, another representation layer, other shapes.
    """
    where = f"weights {weights.name} in the role {role}"
    state = in_our_names(weights.state, trunk)
    layers = _linear_layers(state, where)
    has_norms = any(key.startswith("trunk.") and key.endswith("running_mean") for key in state)
    made = build_trunk(trunk, image_shape, batch_norm=trunk == VGG16 and has_norms)
    classifier = Classifier(
        layers[0][1], [out for out, _ in layers[:-1]], layers[-1][0], batch_norm="classifier.norms.0.weight" in state
    )
    channels = image_shape[2]
    known = weights.mean is not None and weights.std is not None
    wanted = Normalise(_by_channel(weights.mean, channels), _by_channel(weights.std, channels)) if known else given
    network = ExogenousNetwork(made, classifier, given, wanted)
    if made.width != layers[0][1]:
        raise WeightsError(
            expected=f"a classifier of the {made.width} features of trunk = {trunk!r} on images of "
            f"{image_shape[0]} × {image_shape[1]} (the paper: both representations of one architecture)",
            found=f"one of {layers[0][1]} features",
            where=where,
            remedy="train the exogenous network with the same trunk on images of the same size",
        )
    load_all(network, replace(weights, state=state), where, trunk)
    return network


def load_all(network: nn.Module, weights: LoadedWeights, where: str, trunk: str) -> None:
    """Put weights into a network whose every parameter they must have: a trunk is a small share of it.

    Raises:
        WeightsError: a parameter is missing or has another shape.
    """
    match = weights.into(network)
    if match.missing:
        raise WeightsError(
            expected=f"every parameter of trunk = {trunk!r} (the paper uses convolutions, and vgg16 for faces)",
            found=f"not matched: {', '.join(match.missing[:6])}; in the weights but not used: "
            f"{', '.join(match.unused[:6]) or 'none'}",
            where=where,
            remedy="set the option trunk to the network that these weights were made for",
        )


def _linear_layers(state: Mapping[str, Tensor], where: str) -> list[tuple[int, int]]:
    """Return (outputs, inputs) of the classifier's layers, from first to last."""
    inner = sorted(key for key in state if key.startswith("classifier.layers.") and key.endswith(".weight"))
    output = state.get("classifier.output.weight")
    if not inner or output is None:
        raise WeightsError(
            expected="an exogenous classifier beside the representation: weights of method thin, architecture "
            "'baseline', trained on the exogenous variable with keep_head = true, or VGG-Face with fc6 to fc8",
            found=f"parameters such as {', '.join(sorted(state)[:3])}",
            where=where,
            remedy="set keep_head = true in the recipe, or choose such weights",
        )
    return [(int(weight.shape[0]), int(weight.shape[1])) for weight in (*(state[key] for key in inner), output)]


def _by_channel(values: tuple[float, ...] | None, channels: int) -> tuple[float, ...]:
    assert values is not None  # the caller knows them
    return values if len(values) in {1, channels} else (sum(values) / len(values),)
