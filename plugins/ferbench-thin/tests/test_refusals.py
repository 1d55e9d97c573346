"""What cannot work is refused before training: one message with the option, its range and the paper's value."""

from __future__ import annotations

import re

import numpy as np
import pytest
from thin_toys import Toys

from ferbench.errors import ConfigError, DataError
from ferbench.options import parse_options
from ferbench_thin.options import OracleOptions, ThinOptions
from ferbench_thin.oracle import RotationOracle


@pytest.mark.parametrize(
    ("name", "value", "allowed", "paper"),
    [
        ("architecture", "tree", "'tree-gated'", "thin"),
        ("dispelling", -0.1, "greater than or equal to 0", "0.005; faces: 0.01"),
        ("depth", 0, "greater than or equal to 1", "3; faces: 5"),
        ("depth", 9, "less than or equal to 8", "3; faces: 5"),
        ("gate_input", "labels", "'map', 'hidden', 'logits' or 'probabilities'", "map"),
        ("hidden", [], "at least 1 item", "256; faces: two layers, of 4096 in the identity classifier"),
        ("expert_hidden", [], "at least 1 item", "32; faces: 512 and 512"),
        ("batch_size", 1, "greater than or equal to 2", "32; faces: 16"),
        ("lr", 0.0, "greater than 0", "1e-3; faces: 1e-5"),
        ("steps", 0, "greater than or equal to 1", "faces: 100000"),
    ],
)
def test_an_option_out_of_range(name: str, value: object, allowed: str, paper: str) -> None:
    with pytest.raises(ConfigError) as told:
        parse_options(ThinOptions, {name: value}, "entry 'mine'")
    assert told.value.expected.startswith(name)
    assert allowed in told.value.expected
    assert re.search(rf"\(the paper uses {re.escape(paper)}\)", told.value.expected)
    assert repr(value) in told.value.found


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"architecture": "baseline", "depth": 4}, "depth"),
        ({"architecture": "baseline", "expert_hidden": [8]}, "expert_hidden"),
        ({"architecture": "baseline", "record_gate": True}, "record_gate"),
        ({"architecture": "ensemble", "gate_norm": "batch-norm"}, "gate_norm"),
        ({"architecture": "tree-gated", "gate_input": "map"}, "gate_input"),
        ({"architecture": "exogenous-gated", "dispelling": 0.1}, "dispelling"),
        ({"architecture": "thin", "hidden": [64]}, "hidden"),
        ({"architecture": "thin", "bn_trunk": True}, "bn_trunk"),
    ],
)
def test_an_option_that_would_be_ignored(options: dict[str, object], name: str) -> None:
    with pytest.raises(ConfigError, match=f"no {name}: the architecture {options['architecture']}"):
        parse_options(ThinOptions, options, "entry 'mine'")


def test_hidden_layers_have_units() -> None:
    with pytest.raises(ConfigError, match=r"expert_hidden.*greater than or equal to 1"):
        parse_options(ThinOptions, {"expert_hidden": [32, 0]}, "entry 'mine'")


def test_too_few_images_for_a_batch(toys: Toys) -> None:
    with pytest.raises(ConfigError, match=r"batch_size: 2 to 12.*the paper: 32, and 16 on faces") as told:
        toys.build(toys.training(12), architecture="baseline", batch_size=16)
    assert told.value.found == "batch_size = 16 and 12 training images"


def test_too_few_classes(toys: Toys) -> None:
    training = toys.training(30)
    training.labels[:] = 0
    with pytest.raises(ConfigError, match="at least 2 classes"):
        toys.build(training, classes=("one",), architecture="baseline")


def test_an_oracles_range_must_not_be_empty(toys: Toys) -> None:
    with pytest.raises(ConfigError, match=r"low below high \(the paper uses"):
        toys.build(kind=RotationOracle, config=OracleOptions, low=90.0, high=-90.0, bins=18)


@pytest.mark.parametrize(("low", "high"), [(0.0, 90.0), (-90.0, 45.0)])
def test_an_oracles_bins_cover_the_training_images(toys: Toys, low: float, high: float) -> None:
    method = toys.build(kind=RotationOracle, config=OracleOptions, low=low, high=high, bins=18)
    with pytest.raises(DataError, match=rf"a rotation between low = {low} and high = {high} .*others of 96, such as"):
        toys.train(method)


def test_an_oracle_wants_a_value_for_every_training_image(toys: Toys) -> None:
    training = toys.training()
    training.columns["rotation"][5] = np.nan
    method = toys.build(training, kind=RotationOracle, config=OracleOptions, low=-90.0, high=90.0, bins=18)
    with pytest.raises(DataError, match="found 1 others of 96, such as nan"):
        toys.train(method, training)


@pytest.mark.parametrize("name", ["", "a.b", "keys", "type", "training", "expression"])
def test_an_exogenous_variable_has_a_name_of_its_own(toys: Toys, name: str) -> None:
    with pytest.raises(ConfigError, match=r"a role exogenous\.NAME") as told:
        toys.build(weights={f"exogenous.{name}": toys.exogenous()})
    assert told.value.found == repr(f"exogenous.{name}")


def test_an_oracle_must_be_told_its_range() -> None:
    with pytest.raises(ConfigError, match="low"):
        parse_options(OracleOptions, {"high": 1.0, "bins": 10}, "entry 'mine'")
