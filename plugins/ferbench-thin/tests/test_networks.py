"""The networks of Fig. 3: their sizes to the digit, the ensemble against separate classifiers."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from thin_toys import Toys
from torch import nn

from ferbench.errors import ConfigError
from ferbench.train import Setup, Task
from ferbench.weights import LoadedWeights
from ferbench_thin.method import Thin
from ferbench_thin.networks import Classifier, Ensemble, TreeGate, build_trunk
from ferbench_thin.options import OracleOptions, ThinOptions
from ferbench_thin.oracle import RotationOracle

DIGITS = tuple("0123456789")
TASK = Task(DIGITS, (28, 28, 1), 1000, (100,) * 10)
BINS = Task(tuple(f"bin-{number}" for number in range(18)), (28, 28, 1), 1000, (55,) * 18)


def trained_parameters(module: nn.Module) -> int:
    return sum(part.numel() for part in module.parameters() if part.requires_grad)


def thin(
    architecture: str, weights: dict[str, LoadedWeights] | None = None, task: Task = TASK, **options: object
) -> Thin:
    return Thin(Setup(task, ThinOptions.model_validate({"architecture": architecture, **options}), weights or {}))


@pytest.fixture(scope="module")
def rotation() -> LoadedWeights:
    return LoadedWeights("rotation", thin("baseline", task=BINS).state_dict(), "0")


@pytest.mark.parametrize(
    ("architecture", "count"), [("baseline", 206_586), ("ensemble", 206_656), ("tree-gated", 212_151)]
)
def test_parameters_of_the_networks_for_digits(architecture: str, count: int) -> None:
    assert trained_parameters(thin(architecture)) == count


def test_parameters_of_the_exogenous_network(rotation: LoadedWeights) -> None:
    network = thin("baseline", task=BINS)
    assert trained_parameters(network.classifier) == 206_098
    assert trained_parameters(network) == 208_642


@pytest.mark.parametrize("architecture", ["exogenous-gated", "thin"])
def test_parameters_of_a_gate_on_one_and_on_two_variables(architecture: str, rotation: LoadedWeights) -> None:
    one = thin(architecture, {"exogenous.rotation": rotation}, gate_input="map")
    assert trained_parameters(one) == 212_151  # the frozen networks are not counted
    both = thin(architecture, {"exogenous.rotation": rotation, "exogenous.scale": rotation}, gate_input="map")
    assert both.gate is not None
    assert trained_parameters(both.gate) == 10_983


@pytest.mark.parametrize(("kind", "width"), [("map", 784), ("hidden", 256), ("logits", 18), ("probabilities", 18)])
def test_parameters_of_a_gate_on_other_parts_of_the_exogenous_network(
    kind: str, width: int, rotation: LoadedWeights
) -> None:
    made = thin("thin", {"exogenous.rotation": rotation}, gate_input=kind)
    assert made.gate is not None
    assert trained_parameters(made.gate) == 7 * (width + 1)
    assert trained_parameters(made) == 206_656 + 7 * (width + 1)


def test_parameters_of_the_oracles_gate() -> None:
    oracle = RotationOracle(Setup(TASK, OracleOptions(low=-90.0, high=90.0, bins=18)))
    assert trained_parameters(oracle.gate) == 133


def test_parameters_of_the_ensembles_for_faces() -> None:
    """434 million as the paper writes the ensemble, 118 million with the 100 it states; the trunk has 14.7."""
    with torch.device("meta"):
        as_written = trained_parameters(Ensemble(25_088, (512, 512), 7, 32))
        matched = trained_parameters(Ensemble(25_088, (128, 128), 7, 32))
    trunk = trained_parameters(build_trunk("vgg16", (224, 224, 3)))
    assert trunk == 14_714_688
    assert trunk + as_written == 434_358_304
    assert round((trunk + matched) / 1e6) == 118


@pytest.mark.parametrize("hidden", [(6,), (6, 4), (5, 4, 3)])
@pytest.mark.parametrize("training", [True, False])
def test_an_ensemble_is_its_classifiers_side_by_side(hidden: tuple[int, ...], training: bool) -> None:
    torch.manual_seed(0)
    ensemble = Ensemble(10, hidden, 3, 4).train(training)
    singles = [apart(ensemble, hidden, number).train(training) for number in range(4)]
    inputs = torch.randn(7, 10)
    logits = torch.stack([single(inputs) for single in singles], dim=1)
    gate = torch.softmax(torch.randn(7, 4), dim=1)
    assert torch.allclose(ensemble(inputs), logits.mean(dim=1), atol=1e-5)
    assert torch.allclose(ensemble(inputs, gate), torch.einsum("blk,bl->bk", logits, gate), atol=1e-5)


def apart(ensemble: Ensemble, hidden: tuple[int, ...], number: int) -> Classifier:
    """Return one of an ensemble's classifiers as a network of its own."""
    single = Classifier(10, hidden, 3)
    rows = slice(number * hidden[0], (number + 1) * hidden[0])
    with torch.no_grad():
        single.layers[0].weight.copy_(ensemble.first.weight[rows])
        single.layers[0].bias.copy_(ensemble.first.bias[rows])
        sides: list[Any] = [*ensemble.inner, ensemble.output]
        for layer, side in zip([*single.layers[1:], single.output], sides, strict=True):
            layer.weight.copy_(side.weight[number].T)
            layer.bias.copy_(side.bias[number])
    return single


def test_glorots_weights_have_his_bounds_and_biases_of_zero(rotation: LoadedWeights) -> None:
    made = thin("thin", {"exogenous.rotation": rotation}, initialisation="glorot")
    assert isinstance(made.classifier, Ensemble)
    assert made.gate is not None
    convolution = made.trunk.layers[4]
    drawn = [(convolution.weight, 16 * 9, 16 * 9), (made.gate.nodes.weight, 18, 7)]
    drawn += [(weight, 784, 32) for weight in made.classifier.first.weight.chunk(8)]  # each weak classifier's own
    drawn += [(weight, 32, 10) for weight in made.classifier.output.weight]
    for weight, inputs, outputs in drawn:
        bound = (6 / (inputs + outputs)) ** 0.5
        assert 0.9 * bound < weight.abs().max() <= bound
    for part in (convolution, made.gate.nodes, made.classifier.first, made.classifier.output):
        assert not part.bias.any()
    known = {key.removeprefix("exogenous.rotation."): value for key, value in made.exogenous.state_dict().items()}
    assert torch.equal(known["rotation.classifier.output.weight"], rotation.state["classifier.output.weight"])


def test_a_tree_starts_near_an_even_gate_and_learns_any_leaf() -> None:
    torch.manual_seed(0)
    gate = TreeGate(5, 3)
    inputs = torch.randn(64, 5)
    assert torch.allclose(gate(inputs).mean(dim=0), torch.full((8,), 1 / 8), atol=0.1)
    adam = torch.optim.Adam(gate.parameters(), lr=0.1)
    wanted = (inputs[:, 0] > 0).long() * 7  # the outermost leaves
    for _ in range(200):
        adam.zero_grad()
        (1 - gate(inputs)[torch.arange(64), wanted]).mean().backward()
        adam.step()
    assert (gate(inputs).argmax(dim=1) == wanted).float().mean() > 0.95


@pytest.mark.parametrize(
    ("name", "shape", "width"),
    [("convolutions", (28, 28, 1), 784), ("vgg16", (32, 32, 1), 512), ("resnet-tiny", (64, 64, 3), 256)],
)
def test_a_trunk_gives_its_last_map_flattened(name: str, shape: tuple[int, int, int], width: int) -> None:
    trunk = build_trunk(name, shape)
    assert trunk.width == width
    assert trunk(torch.zeros(2, shape[2], *shape[:2])).shape == (2, width)


def test_pooling_before_the_activation_changes_nothing() -> None:
    torch.manual_seed(0)
    images = torch.rand(4, 1, 28, 28)
    trunk = build_trunk("convolutions", (28, 28, 1))
    convolutions = [(trunk.layers[start], trunk.layers[start + 1]) for start in (0, 4)]
    written = images
    for convolution, norm in convolutions:
        written = nn.functional.max_pool2d(torch.relu(norm(convolution(written))), 2)
    assert torch.equal(trunk(images), written.flatten(1))


def test_images_too_small_for_vgg16(toys: Toys) -> None:
    with pytest.raises(ConfigError, match=r"at least 32 pixels.*the paper uses 224"):
        toys.build(trunk="vgg16", architecture="baseline")
