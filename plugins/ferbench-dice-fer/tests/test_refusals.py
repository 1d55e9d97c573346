"""What cannot work is refused before training: one message with the option, its range and the paper's value."""

from __future__ import annotations

import re
from typing import Any

import pytest

from ferbench.errors import ConfigError, WeightsError
from ferbench.options import parse_options
from ferbench.weights import LoadedWeights
from ferbench_dice_fer.options import DiceFEROptions


@pytest.mark.parametrize(
    ("name", "value", "allowed", "paper"),
    [
        ("code_width", 0, "greater than or equal to 1", "64"),
        ("mu_exp", -0.1, "greater than or equal to 0", "0.5"),
        ("nu_exp", 101.0, "less than or equal to 100", "1.0"),
        ("mu_id", -1.0, "greater than or equal to 0", "0.5"),
        ("nu_id", -1.0, "greater than or equal to 0", "1.0"),
        ("delta", -0.1, "greater than or equal to 0", "0.1"),
        ("zeta", -0.01, "greater than or equal to 0", "0 to 0.05; which is best, it does not say"),
        ("epochs", 0, "greater than or equal to 1", "100"),
        ("batch_size", 2, "greater than or equal to 4", "32"),
        ("batch_size", 33, "multiple of 2", "32"),
        ("lr", 0.0, "greater than 0", "0.0001"),
        ("estimator", "mine", "'dv' or 'jsd'", "dv"),
        ("local", "max", "'sum' or 'mean'", "sum"),
        ("augment", "rand", "'rotations', 'light' or 'none'", "rotations"),
        ("swap", 1, "valid boolean", "True"),
    ],
)
def test_an_option_out_of_range(name: str, value: object, allowed: str, paper: str) -> None:
    with pytest.raises(ConfigError) as told:
        parse_options(DiceFEROptions, {name: value}, "entry 'mine'")
    assert told.value.expected.startswith(name)
    assert allowed in told.value.expected
    assert re.search(rf"\(the paper uses {re.escape(paper)}\)", told.value.expected)
    assert repr(value) in told.value.found
    assert told.value.where == "entry 'mine'"


@pytest.mark.parametrize("stage", ["exp", "id"])
def test_a_stage_with_nothing_to_maximise(stage: str) -> None:
    with pytest.raises(ConfigError, match=rf"mu_{stage} or nu_{stage} above 0 .*the paper uses 0.5 and 1.0"):
        parse_options(DiceFEROptions, {f"mu_{stage}": 0.0, f"nu_{stage}": 0.0}, "entry 'mine'")


def test_every_number_of_the_paper_is_the_default() -> None:
    options = DiceFEROptions()
    assert (options.epochs, options.batch_size, options.lr, options.code_width) == (100, 32, 1e-4, 64)
    assert (options.mu_exp, options.nu_exp, options.mu_id, options.nu_id) == (0.5, 1.0, 0.5, 1.0)
    assert (options.delta, options.zeta) == (0.1, 0.01)
    assert (options.encoders, options.estimator, options.local, options.adversary) == (
        "shared",
        "dv",
        "sum",
        "non-saturating",
    )
    assert not options.finetune_expression
    for name, field in DiceFEROptions.model_fields.items():
        paper = (field.json_schema_extra or {}).get("paper")
        if paper is not None and name != "zeta":
            assert paper == field.default, name


def test_a_class_without_a_pair_is_refused_before_anything_is_built(toys: Any) -> None:
    with pytest.raises(ConfigError, match="at least 2 training images of every class") as told:
        toys.build(training=toys.training(7))
    assert told.value.found == "1 of neutral among 7 training images"


def test_weights_of_another_shape_are_refused_and_named(toys: Any) -> None:
    donor = toys.build(backbone="resnet-small").expression.of(0).backbone.state_dict()
    with pytest.raises(WeightsError) as told:
        toys.build(weights={"backbone": LoadedWeights("other-faces", donor, "0")})
    assert "at least 95%" in told.value.expected
    assert "the option backbone (the paper uses resnet18)" in told.value.expected
    assert "weights other-faces" in told.value.where
    assert "backbone = 'resnet-tiny'" in told.value.where
