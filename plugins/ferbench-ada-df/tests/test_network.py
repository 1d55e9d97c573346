"""The network is cut where the paper cuts it; the two modes multiply by attention in their own places."""

from __future__ import annotations

import pytest
import torch

from ferbench.errors import ConfigError
from ferbench.train import build_backbone, feature_width
from ferbench_ada_df.network import AttentiveBranch, cut


@pytest.mark.parametrize("name", ["resnet18", "resnet50", "resnet34", "resnext50_32x4d", "resnet-small"])
def test_stem_and_body_are_the_backbone(name: str) -> None:
    torch.manual_seed(0)
    backbone = build_backbone(name).eval()
    images = torch.rand(2, 3, 64, 64)
    stem, body = cut(backbone, name)
    with torch.no_grad():
        features = body(stem(images))
        assert torch.allclose(features, backbone(images), atol=1e-5)
    assert features.shape == (2, feature_width(backbone))


def test_the_stem_of_resnet18_is_its_first_convolution_and_stage() -> None:
    stem, _ = cut(build_backbone("resnet18"), "resnet18")
    convolutions = [module for module in stem.modules() if isinstance(module, torch.nn.Conv2d)]
    assert len(convolutions) == 1 + 4
    assert {convolution.out_channels for convolution in convolutions} == {64}


def test_another_kind_of_network_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"backbone: a residual network.*the paper uses resnet18.*vgg11"):
        cut(build_backbone("vgg11"), "vgg11")


def branch(on_logits: bool) -> AttentiveBranch:
    torch.manual_seed(0)
    return AttentiveBranch(torch.nn.Flatten(), 6, 4, on_logits=on_logits)


def test_attention_multiplies_features_or_logits() -> None:
    features = torch.rand(5, 6)
    paper, official = branch(False), branch(True)
    official.load_state_dict(paper.state_dict())
    weights = torch.sigmoid(paper.attention(features)).squeeze(1)
    head = paper.head
    assert torch.allclose(paper(features).weights, weights)
    assert torch.allclose(paper(features).logits, head(weights[:, None] * features))
    assert torch.allclose(official(features).logits, weights[:, None] * head(features))
    difference = paper(features).logits - official(features).logits
    assert torch.allclose(difference, (1 - weights)[:, None] * head.bias, atol=1e-6)  # the bias, as they differ by


def test_a_twin_starts_equal_but_for_its_attention_and_goes_its_own_way() -> None:
    first = branch(False)
    second = first.twin()
    assert torch.equal(first.head.weight, second.head.weight)
    assert not torch.equal(first.attention.weight, second.attention.weight)
    with torch.no_grad():
        second.head.weight.zero_()
    assert first.head.weight.abs().sum() > 0
