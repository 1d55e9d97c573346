"""What trains what, that it learns, that its parts matter, that a resumed training is the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from thin_toys import BINS, Toys

from ferbench.train import Batch, TestBatch
from ferbench.train.loop import Trainer
from ferbench.train.prediction import predict
from ferbench.weights import LoadedWeights
from ferbench_thin.options import OracleOptions
from ferbench_thin.oracle import RotationOracle


@pytest.fixture(scope="module")
def rotation() -> LoadedWeights:
    return Toys().exogenous(epochs=6)


def batch_of(toys: Toys, method: Any, count: int = 24) -> Batch:
    training = toys.training()
    positions = np.arange(count)
    views = method.normalise()(training.images.take(positions), {}, np.random.default_rng(0))
    columns = {name: torch.from_numpy(values[:count]) for name, values in training.columns.items()}
    return Batch(views.images, torch.from_numpy(training.labels[:count]), torch.from_numpy(positions), columns)


class Silent:
    """A context that only takes notes."""

    def log(self, name: str, value: object) -> None:
        """Take no note."""


def with_gradient(modules: dict[str, torch.nn.Module]) -> set[str]:
    return {
        name
        for name, module in modules.items()
        if any(part.grad is not None and bool(part.grad.abs().sum() > 0) for part in module.parameters())
    }


def parts(method: Any) -> dict[str, torch.nn.Module]:
    network = method.exogenous["rotation"]
    return {
        "φ": method.trunk,
        "θ": method.classifier,
        "ψ": method.gate,
        "τ": network.trunk,
        "σ": network.classifier,
    }


def test_the_dispelling_loss_alone_trains_the_endogenous_representation_alone(
    toys: Toys, rotation: LoadedWeights
) -> None:
    method = toys.build(weights={"exogenous.rotation": rotation}).train()
    batch = batch_of(toys, method)
    endogenous = method.trunk(batch.images)
    said = [seen.logits for seen in method._see(batch.images)]
    method._similarities(endogenous, said).mean().backward()
    assert with_gradient(parts(method)) == {"φ"}


def test_the_whole_loss_trains_all_but_the_exogenous_network(toys: Toys, rotation: LoadedWeights) -> None:
    method = toys.build(weights={"exogenous.rotation": rotation}).train()
    method.loss(batch_of(toys, method), Silent()).backward()
    assert with_gradient(parts(method)) == {"φ", "θ", "ψ"}


def test_the_exogenous_network_does_not_move(toys: Toys, rotation: LoadedWeights) -> None:
    method = toys.build(weights={"exogenous.rotation": rotation})
    before = {name: value.clone() for name, value in method.exogenous.state_dict().items()}
    toys.train(method)
    assert before
    for name, value in method.exogenous.state_dict().items():
        assert torch.equal(value, before[name]), name


def losses(trainer: Trainer, name: str = "loss") -> list[float]:
    return [epoch[name] for epoch in trainer.position.history]


def accuracy(toys: Toys, method: Any) -> float:
    fresh = toys.training(count=120, seed=1)
    columns = dict(fresh.columns) if isinstance(method, RotationOracle) else {}
    guess, _ = predict(method, fresh.images, columns, method.transforms().test, Accelerator(cpu=True))
    return float((guess.argmax(axis=1) == fresh.labels).mean())


@pytest.mark.parametrize("architecture", ["baseline", "ensemble", "tree-gated", "exogenous-gated", "thin"])
def test_it_learns(toys: Toys, rotation: LoadedWeights, architecture: str) -> None:
    weights = {"exogenous.rotation": rotation} if architecture in {"exogenous-gated", "thin"} else {}
    method = toys.build(weights=weights, architecture=architecture, epochs=12, lr=3e-3)
    untrained = accuracy(toys, method)
    course = losses(toys.train(method))
    assert course[-1] < 0.5 * course[0]
    assert accuracy(toys, method) > max(0.7, untrained)  # chance: 1/3


def test_the_oracle_learns_and_listens_to_what_it_is_told(toys: Toys) -> None:
    settings = {"low": -90.0, "high": 90.0, "bins": BINS}
    method = toys.build(kind=RotationOracle, config=OracleOptions, epochs=12, lr=3e-3, **settings)
    course = losses(toys.train(method))
    assert course[-1] < 0.5 * course[0]
    assert accuracy(toys, method) > 0.7
    images = batch_of(toys, method).views
    method.eval()
    told = [method.predict(TestBatch(images, {"rotation": torch.full((24,), angle)})).logits for angle in (-80.0, 80.0)]
    assert not torch.allclose(*told)


def test_dispelling_makes_the_representations_orthogonal(toys: Toys, rotation: LoadedWeights) -> None:
    """Fig. 8: with a λ that counts, |cos| falls well below what it is without."""
    left: list[float] = []
    for dispelling in (0.0, 5.0):
        method = toys.build(weights={"exogenous.rotation": rotation}, dispelling=dispelling, epochs=8)
        left.append(losses(toys.train(method), "similarity")[-1])
    assert left[1] < 0.6 * left[0]


def test_without_a_coefficient_thin_is_the_exogenous_gate(toys: Toys, rotation: LoadedWeights) -> None:
    ended: list[dict[str, torch.Tensor]] = []
    for options in ({"architecture": "thin", "dispelling": 0.0}, {"architecture": "exogenous-gated"}):
        method = toys.build(weights={"exogenous.rotation": rotation}, **options)
        toys.train(method)
        ended.append(method.state_dict())
    assert all(torch.equal(value, ended[1][name]) for name, value in ended[0].items())


@pytest.mark.parametrize("kind", ["map", "hidden", "logits", "probabilities"])
def test_the_gate_depends_on_the_exogenous_representation(toys: Toys, rotation: LoadedWeights, kind: str) -> None:
    other = toys.exogenous(trunk="convolutions")  # not trained: says other things
    gates = []
    for weights in (rotation, other):
        options = {"gate_input": kind, "record_gate": True}
        method = toys.build(weights={"exogenous.rotation": weights}, **options).eval()
        with torch.no_grad():
            gates.append(method.predict(TestBatch(batch_of(toys, method).views)).extras["gate"])
    assert gates[0].shape == (24, 8)
    assert torch.allclose(gates[0].sum(dim=1), torch.ones(24))
    assert not torch.allclose(*gates)


def test_what_is_remembered_is_what_would_be_seen(toys: Toys, rotation: LoadedWeights) -> None:
    method = toys.build(weights={"exogenous.rotation": rotation, "exogenous.again": rotation})
    toys.train(method)
    method.eval()
    assert method._remembered is not None  # else it would be compared with itself
    batch = batch_of(toys, method)
    turned = torch.arange(len(batch.labels)).flip(0)  # positions, not places in the batch
    batch = Batch(tuple(view[turned] for view in batch.views), batch.labels[turned], batch.index[turned], {})
    remembered = method._conditioned(batch)
    method._remembered = None
    fresh = method._conditioned(batch)
    assert torch.allclose(remembered[0], fresh[0], atol=1e-5)
    for one, other in zip(remembered[1], fresh[1], strict=True):
        assert torch.allclose(one, other, atol=1e-4)


def test_all_that_is_remembered_counts(toys: Toys, rotation: LoadedWeights, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of each of 96 images: what conditions the tree, and the logits that the dispelling loss compares with."""
    for limit, remembers in ((96 * 2 * BINS * 4, True), (96 * 2 * BINS * 4 - 1, False)):
        monkeypatch.setattr("ferbench_thin.remembered.MOST_BYTES", limit)
        method = toys.build(weights={"exogenous.rotation": rotation}, gate_input="logits", steps=1)
        toys.train(method)
        assert (method._remembered is not None) == remembers


def test_several_variables_are_concatenated(toys: Toys, rotation: LoadedWeights) -> None:
    method = toys.build(weights={"exogenous.b": rotation, "exogenous.a": rotation})
    assert list(method.networks) == ["a", "b"]
    assert method.gate.nodes.in_features == 2 * BINS
    toys.train(method)
    extras = method.eval().predict(TestBatch(batch_of(toys, method).views)).extras
    assert extras["cosine"].shape == (24, 2)


def test_features_are_both_representations(toys: Toys, rotation: LoadedWeights) -> None:
    method = toys.build(weights={"exogenous.rotation": rotation}).eval()
    images = batch_of(toys, method).images
    features = method.features(images)
    assert {name: tuple(values.shape) for name, values in features.items()} == {
        "expression": (24, 784),
        "rotation": (24, 784),
    }
    assert torch.equal(features["expression"], method.trunk(images))


@pytest.mark.parametrize("augment", ["none", "light"])
def test_a_resumed_training_ends_where_an_undisturbed_one_does(
    toys: Toys, rotation: LoadedWeights, augment: str
) -> None:
    def fresh() -> Any:
        return toys.build(weights={"exogenous.rotation": rotation}, epochs=3, augment=augment)

    whole = fresh()
    toys.train(whole)
    toys.train(fresh(), stop_after=1)
    assert len(toys.saved) == 1
    resumed = fresh()
    toys.train(resumed, saved=toys.saved[-1])
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name


def test_steps_take_the_place_of_epochs(toys: Toys) -> None:
    trainer = toys.train(toys.build(architecture="baseline", steps=7, epochs=50))
    assert trainer.position.images == 7 * 16


@pytest.mark.parametrize("length", [{"epochs": 2}, {"steps": 9, "epochs": 1}, {"steps": 9, "epochs": 50}])
def test_a_cosine_falls_from_the_first_to_the_last_update(toys: Toys, length: dict[str, int]) -> None:
    trainer = toys.train(toys.build(architecture="baseline", schedule="cosine", **length))
    optimizer = trainer.context.optims["main"].optimizer
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0, abs=1e-9)


def test_the_same_seed_gives_the_same_training(toys: Toys, rotation: LoadedWeights) -> None:
    courses = [losses(toys.train(toys.build(weights={"exogenous.rotation": rotation}))) for _ in range(2)]
    assert courses[0] == courses[1]
