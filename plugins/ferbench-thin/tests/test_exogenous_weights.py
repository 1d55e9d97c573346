"""Weights of exogenous networks: a recipe's, VGG-Face's; what does not fit is refused and named."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import torch
from thin_toys import Toys
from torch import Tensor

from ferbench.errors import ConfigError, WeightsError
from ferbench.train import Normalise, Setup, Task
from ferbench.weights import LoadedWeights
from ferbench_thin.exogenous import exogenous_network
from ferbench_thin.method import Thin
from ferbench_thin.names import in_our_names
from ferbench_thin.networks import build_trunk
from ferbench_thin.options import ThinOptions

FACES = Task(("a", "b", "c"), (32, 32, 3), 64, (22, 21, 21))
PLAIN = Normalise((0.5,), (0.25,))


def vgg_face(people: int = 9, hidden: int = 12) -> dict[str, Tensor]:
    """Return parameters under VGG-Face's names, for 32 × 32 images (a map of 512 × 1 × 1)."""
    torch.manual_seed(0)
    layers = build_trunk("vgg16", (32, 32, 3)).layers
    blocks = [2, 2, 3, 3, 3]
    names = [f"conv{block + 1}_{number + 1}" for block, count in enumerate(blocks) for number in range(count)]
    found = [layer for layer in layers if isinstance(layer, torch.nn.Conv2d)]
    state = {f"{n}.{k}": v for n, layer in zip(names, found, strict=True) for k, v in layer.state_dict().items()}
    for name, inputs, outputs in (("fc6", 512, hidden), ("fc7", hidden, hidden), ("fc8", hidden, people)):
        layer = torch.nn.Linear(inputs, outputs)
        state |= {f"{name}.{key}": value for key, value in layer.state_dict().items()}
    return state


def as_vgg_face_computes(state: Mapping[str, Tensor], images: Tensor) -> Tensor:
    """Return fc8's output, layer by layer as VGG-Face's definition has it."""
    from torch.nn.functional import conv2d, linear, max_pool2d, relu

    for block, count in enumerate([2, 2, 3, 3, 3], start=1):
        for number in range(1, count + 1):
            name = f"conv{block}_{number}"
            images = relu(conv2d(images, state[f"{name}.weight"], state[f"{name}.bias"], padding=1))
        images = max_pool2d(images, 2)
    values = images.flatten(1)
    for name in ("fc6", "fc7"):
        values = relu(linear(values, state[f"{name}.weight"], state[f"{name}.bias"]))
    return linear(values, state["fc8.weight"], state["fc8.bias"])


def test_vgg_face_says_what_its_definition_says() -> None:
    state = vgg_face()
    mean, std = (129.186 / 255, 104.762 / 255, 93.594 / 255), (1 / 255, 1 / 255, 1 / 255)
    weights = LoadedWeights("vgg-face", state, "0", mean, std)
    network = exogenous_network("exogenous.identity", weights, "vgg16", (32, 32, 3), PLAIN).eval()
    pixels = torch.randint(0, 256, (3, 3, 32, 32)).float()
    given = (pixels / 255 - 0.5) / 0.25
    wanted = pixels - torch.tensor([129.186, 104.762, 93.594]).view(1, 3, 1, 1)
    with torch.no_grad():
        seen, computed = network(given), as_vgg_face_computes(state, wanted)
    assert seen.logits.shape == (3, 9)
    assert torch.allclose(seen.logits, computed, rtol=1e-3, atol=1e-3)
    assert torch.allclose(network.classifier(seen.representation), seen.logits)


def test_the_endogenous_representation_starts_from_the_identitys() -> None:
    weights = LoadedWeights("vgg-face", vgg_face(), "0", (0.5,), (0.25,))
    options = ThinOptions(trunk="vgg16", expert_hidden=(4,), batch_size=16)
    method = Thin(Setup(FACES, options, {"exogenous.identity": weights, "backbone": weights}))
    for name, value in method.trunk.state_dict().items():
        assert torch.equal(value, method.exogenous["identity"].trunk.state_dict()[name]), name
    assert method.normalise() == Normalise((0.5,), (0.25,))


def test_names_of_other_files() -> None:
    assert list(in_our_names({"features.0.weight": torch.zeros(1)}, "vgg16")) == ["trunk.layers.0.weight"]
    residual = in_our_names({"layer1.0.conv1.weight": torch.zeros(1)}, "resnet-tiny")
    assert list(residual) == ["trunk.layers.backbone.layer1.0.conv1.weight"]
    another_vgg = in_our_names({"features.0.weight": torch.zeros(1)}, "vgg11")
    assert list(another_vgg) == ["trunk.layers.backbone.features.0.weight"]
    own = {"trunk.layers.0.weight": torch.zeros(1), "classifier.output.bias": torch.zeros(1)}
    assert in_our_names(own, "convolutions") == own


def test_a_recipe_of_another_backbone_serves_the_representation_but_not_the_gate(toys: Toys) -> None:
    trunk = build_trunk("resnet-tiny", (28, 28, 1)).layers.backbone
    weights = LoadedWeights("faces", trunk.state_dict(), "0")
    method = toys.build(architecture="baseline", trunk="resnet-tiny", weights={"backbone": weights})
    assert torch.equal(method.trunk.layers.backbone.conv1[0].weight, trunk.conv1[0].weight)
    with pytest.raises(WeightsError, match=r"an exogenous classifier beside.*keep_head = true"):
        toys.build(trunk="resnet-tiny", weights={"exogenous.identity": weights})


def test_another_representation_layer_is_refused_though_it_is_a_small_share(toys: Toys) -> None:
    """Two convolutions hold one of a hundred parameters: a share of matched ones would let any pass."""
    state = dict(toys.exogenous().state)
    state["trunk.layers.0.weight"] = torch.zeros(16, 1, 5, 5)
    weights = LoadedWeights("turned", state, "0")
    with pytest.raises(WeightsError, match=r"every parameter of trunk = 'convolutions'.*trunk.layers.0.weight"):
        toys.build(weights={"exogenous.rotation": weights})


def test_an_exogenous_network_of_other_images_is_refused(toys: Toys) -> None:
    weights = toys.exogenous(toys.training(side=32))
    with pytest.raises(WeightsError, match=r"784 features of trunk = 'convolutions' on images of 28 × 28.*one of 1024"):
        toys.build(weights={"exogenous.rotation": weights})


@pytest.mark.parametrize("architecture", ["exogenous-gated", "thin"])
def test_a_gate_without_an_exogenous_network(toys: Toys, architecture: str) -> None:
    with pytest.raises(ConfigError, match=r"role such as exogenous.identity.*found none"):
        toys.build(architecture=architecture)


@pytest.mark.parametrize("architecture", ["baseline", "ensemble", "tree-gated"])
def test_an_exogenous_network_that_nothing_uses(toys: Toys, architecture: str) -> None:
    with pytest.raises(ConfigError, match=rf"no exogenous network with architecture = '{architecture}'"):
        toys.build(architecture=architecture, weights={"exogenous.rotation": toys.exogenous()})
