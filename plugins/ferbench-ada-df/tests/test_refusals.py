"""What cannot work is refused before training: one message with the option, its range and the paper's value."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from ada_df_toys import CLASSES, Toys

from ferbench.errors import ConfigError, FerbenchError, WeightsError
from ferbench.options import parse_options
from ferbench.train import Setup, Task, TrainingSet
from ferbench.train.task import ImageRows
from ferbench.weights import LoadedWeights
from ferbench_ada_df.method import AdaDF
from ferbench_ada_df.options import AdaDFOptions


@pytest.mark.parametrize(
    ("name", "value", "allowed", "paper"),
    [
        ("threshold", 1.0, "less than 1", "0.7; AffectNet, SFEW: 0.5"),
        ("threshold", 0.0, "greater than 0", "0.7; AffectNet, SFEW: 0.5"),
        ("beta", 0, "greater than or equal to 1", "3; AffectNet, SFEW: 5"),
        ("w_min", 1.5, "less than or equal to 1", "0.2"),
        ("margin", -0.1, "greater than or equal to 0", "0.07"),
        ("high_share", 1.0, "less than 1", "0.7"),
        ("epochs", 0, "greater than or equal to 1", "75"),
        ("batch_size", 1, "greater than or equal to 2", "64; SFEW: 16"),
        ("lr", 0.0, "greater than 0", "0.001"),
        ("gamma", 1.2, "less than or equal to 1", "0.9"),
        ("crops", 5, "1 or 10", "SFEW: 10"),
        ("input_size", 20, "greater than or equal to 32", "100 pixels as prepared; 224 in the code"),
        ("layers", 16, "less than or equal to 15", "3; SFEW: 5 (code)"),
        ("magnitude", 11.0, "less than or equal to 10", "5; SFEW: 3 (code)"),
        ("erasing", 1.1, "less than or equal to 1", "0.5 (code)"),
        ("distributions", "both", "'fused', 'class' or 'label'", "fused"),
    ],
)
def test_an_option_out_of_range(name: str, value: object, allowed: str, paper: str) -> None:
    with pytest.raises(ConfigError) as told:
        parse_options(AdaDFOptions, {name: value}, "entry 'mine'")
    assert told.value.expected.startswith(name)
    assert allowed in told.value.expected
    assert re.search(rf"\(the paper uses {re.escape(paper)}\)", told.value.expected)
    assert repr(value) in told.value.found
    assert told.value.where == "entry 'mine'"


def test_every_number_of_the_paper_is_the_default() -> None:
    options = AdaDFOptions()
    assert (options.epochs, options.batch_size, options.lr, options.gamma) == (75, 64, 1e-3, 0.9)
    assert (options.threshold, options.beta, options.w_min, options.margin, options.high_share) == (
        0.7,
        3,
        0.2,
        0.07,
        0.7,
    )
    assert (options.mode, options.distributions, options.freeze_stem) == ("paper", "fused", True)
    for name, field in AdaDFOptions.model_fields.items():
        paper = (field.json_schema_extra or {}).get("paper")
        if isinstance(paper, float | int):
            assert paper == field.default, name


def refused(toys: Toys, count: int = 64, **options: object) -> FerbenchError:
    with pytest.raises(FerbenchError) as told:
        toys.build(training=toys.training(count), **options)
    return told.value


def test_too_few_images_for_a_whole_batch(toys: Toys) -> None:
    told = refused(toys, count=30, batch_size=32)
    assert re.search(r"batch_size: 2 to 30.*the paper uses 64, and 16 on SFEW", told.expected)
    assert told.found == "batch_size = 32 and 30 training images"


def test_too_few_images_of_the_rarest_class(toys: Toys) -> None:
    told = refused(toys, count=64, batch_size=64, sampling="downsampled")
    assert re.search(r"batch_size: 2 to 63", told.expected)
    assert told.found == "batch_size = 64 and 63 images an epoch: 7 classes of 9, as the rarest (disgust) has"


def test_a_class_without_images_cannot_be_downsampled_to(toys: Toys) -> None:
    told = refused(toys, count=6, batch_size=2, sampling="downsampled")
    assert "at least 2 images an epoch" in told.expected
    assert "the rarest (neutral)" in told.found


def test_too_few_classes_for_the_threshold() -> None:
    task = Task(("a", "b"), (32, 32, 3), 20, (10, 10))
    options = AdaDFOptions(backbone="resnet-tiny", batch_size=8, threshold=0.5)
    with pytest.raises(ConfigError, match=r"threshold: above 1/2 and below 1.*the paper uses 0.7 and 0.5 with 7"):
        AdaDF(Setup(task, options))
    lonely = Task(("a",), (32, 32, 3), 20, (20,))
    with pytest.raises(ConfigError, match=r"at least 2 classes.*1 classes"):
        AdaDF(Setup(lonely, options))


def test_a_group_without_samples(toys: Toys) -> None:
    told = refused(toys, batch_size=16, high_share=0.01)
    assert re.search(r"high_share: 0.0625 up to below 1 .*the paper uses 0.7", told.expected)
    assert told.found == "high_share = 0.01"


def test_a_backbone_that_cannot_be_cut(toys: Toys) -> None:
    told = refused(toys, backbone="vgg11")
    assert "backbone: a residual network" in told.expected
    assert "the paper uses resnet18 and resnet50" in told.expected


def test_weights_of_another_shape_are_refused_and_named(toys: Toys) -> None:
    donor = toys.build(backbone="resnet-small")
    state = {f"layer2.{name}": value for name, value in donor.auxiliary.body[0].state_dict().items()}
    with pytest.raises(WeightsError) as told:
        toys.build(weights={"backbone": LoadedWeights("other-faces", state, "0")})
    assert "at least 95%" in told.value.expected
    assert "the option backbone (the paper uses resnet18 or resnet50)" in told.value.expected
    assert "weights other-faces" in told.value.where
    assert "backbone = 'resnet-tiny'" in told.value.where


def test_weights_that_fit_reach_stem_and_both_branches(toys: Toys) -> None:
    from ferbench.train import build_backbone

    torch.manual_seed(7)
    backbone = build_backbone("resnet-tiny")
    weights = LoadedWeights("faces", backbone.state_dict(), "0", (0.4, 0.5, 0.6), (0.2, 0.2, 0.2))
    method = toys.build(weights={"backbone": weights})
    assert torch.equal(method.stem[4][0].conv1.weight, backbone.layer1[0].conv1.weight)
    for branch in (method.auxiliary, method.target):
        assert torch.equal(branch.body[2][0].conv1.weight, backbone.layer4[0].conv1.weight)
    assert method.normalise().mean == (0.4, 0.5, 0.6)
    assert toys.build().normalise().mean == (0.485, 0.456, 0.406)


def test_two_classes_train() -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (20, 32, 32, 3), dtype=np.uint8)
    training = TrainingSet(ImageRows(images, np.arange(20)), np.arange(20) % 2)
    options = AdaDFOptions(backbone="resnet-tiny", batch_size=8, epochs=1, augment="none")
    method = AdaDF(Setup(Task(CLASSES[:2], (32, 32, 3), 20, (10, 10)), options))
    Toys().train(method, training)
    assert method.class_distributions.shape == (2, 2)
