"""Encoders, statistics networks and discriminator: shapes as the paper's, and what each may look at."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from ferbench.errors import ConfigError
from ferbench.train import build_backbone
from ferbench_dice_fer.equations import Estimation, donsker_varadhan, jensen_shannon
from ferbench_dice_fer.networks import Discriminator, Encoder, Encoders, Statistics


def encoder(backbone: str, image_shape: tuple[int, int, int], width: int) -> Encoder:
    return Encoder(build_backbone(backbone, image_shape[2]), backbone, image_shape, width)


def linear_layers(network: torch.nn.Module) -> list[tuple[int, int]]:
    return [(part.in_features, part.out_features) for part in network.modules() if isinstance(part, torch.nn.Linear)]


def test_the_papers_encoder() -> None:
    made = encoder("resnet18", (112, 112, 1), 64).eval()
    assert made.map_shape == (512, 4, 4)
    with torch.no_grad():
        codes, maps = made(torch.randn(2, 1, 112, 112))
    assert codes.shape == (2, 64)
    assert maps.shape == (2, 512, 4, 4)
    parameters = sum(parameter.numel() for parameter in made.parameters())
    assert parameters == 11_176_512 - 2 * 64 * 49 + 512 * 64 + 64  # a ResNet-18 for grey images, and its code


@pytest.mark.parametrize("side", [32, 48, 96])
def test_maps_are_as_large_as_the_images_make_them(side: int) -> None:
    made = encoder("resnet-tiny", (side, side, 3), 8)
    assert made.training
    assert made(torch.randn(2, 3, side, side)).maps.shape[1:] == made.map_shape


def test_the_code_is_of_the_pooled_map() -> None:
    made = encoder("resnet-tiny", (32, 32, 1), 8).eval()
    codes, maps = made(torch.randn(3, 1, 32, 32))
    assert torch.allclose(codes, made.head(maps.mean(dim=(2, 3))), atol=1e-6)


@pytest.mark.parametrize("backbone", ["vit_tiny_patch16_224", "swin_tiny_patch4_window7_224"])
def test_a_backbone_without_a_feature_map_is_refused(backbone: str) -> None:
    with pytest.raises(ConfigError, match=r"convolutional network.*the paper uses resnet18") as told:
        encoder(backbone, (112, 112, 3), 64)
    assert told.value.found.startswith(repr(backbone))


def encoders(*, separate: bool) -> Encoders:
    torch.manual_seed(0)
    return Encoders(lambda: encoder("resnet-tiny", (32, 32, 1), 8), separate=separate).eval()


def test_shared_encoders_treat_both_images_alike() -> None:
    both, images = encoders(separate=False), torch.randn(3, 2, 1, 32, 32)
    made = both.pairs(images)
    assert (made.codes.shape, made.maps.shape[:2]) == ((3, 2, 8), (3, 2))
    for side in (0, 1):
        assert torch.allclose(made.codes[:, side], both.codes(images[:, side]), atol=1e-5)
    assert both.of(0) is both.of(1)


def test_separate_encoders_have_an_image_each_and_a_mean_at_test() -> None:
    both, images = encoders(separate=True), torch.randn(3, 2, 1, 32, 32)
    made = both.pairs(images)
    assert both.of(0) is not both.of(1)
    for side in (0, 1):
        own, other = both.of(side)(images[:, side]), both.of(1 - side)(images[:, side])
        assert torch.allclose(made.codes[:, side], own.codes, atol=1e-5)
        assert torch.allclose(made.maps[:, side], own.maps, atol=1e-5)
        assert torch.allclose(both.codes(images[:, side]), (own.codes + other.codes) / 2, atol=1e-5)


def test_the_statistics_networks_have_the_papers_ancestors_sizes() -> None:
    statistics = Statistics((512, 4, 4), 64, 512, Estimation(donsker_varadhan, "sum", "all"))
    assert linear_layers(statistics.whole) == [(512 * 16 + 64, 512), (512, 512), (512, 1)]
    convolutions = [part for part in statistics.places if isinstance(part, torch.nn.Conv2d)]
    assert [(one.in_channels, one.out_channels, one.kernel_size) for one in convolutions] == [
        (512 + 64, 512, (1, 1)),
        (512, 512, (1, 1)),
        (512, 1, (1, 1)),
    ]


def test_information_is_of_scores_of_own_and_of_rolled_representations() -> None:
    statistics = Statistics((5, 2, 3), 4, 8, Estimation(donsker_varadhan, "sum", "rolled"))
    maps, codes = torch.randn(7, 5, 2, 3), torch.randn(7, 4)
    others = torch.cat([codes[-1:], codes[:-1]])

    def whole(representation: torch.Tensor) -> torch.Tensor:
        return statistics.whole(torch.cat([maps.flatten(1), representation], dim=1)).squeeze(1)

    def place(representation: torch.Tensor, row: int, column: int) -> torch.Tensor:
        beside = torch.cat([maps[:, :, row, column], representation], dim=1)
        return statistics.places(beside[:, :, None, None]).flatten()

    found = statistics(maps, codes)
    assert found.whole.item() == pytest.approx(donsker_varadhan(whole(codes), whole(others)).item(), abs=1e-5)
    each = [
        donsker_varadhan(place(codes, row, column), place(others, row, column)).item()
        for row in range(2)
        for column in range(3)
    ]
    assert found.places.item() == pytest.approx(sum(each), abs=1e-5)
    assert found.weighted(0.5, 2.0).item() == pytest.approx(0.5 * found.whole.item() + 2 * sum(each), abs=1e-5)
    statistics.form = replace(statistics.form, locations="mean")
    assert statistics(maps, codes).places.item() == pytest.approx(sum(each) / 6, abs=1e-5)
    statistics.form = replace(statistics.form, estimator=jensen_shannon)
    assert statistics(maps, codes).whole.item() == pytest.approx(
        jensen_shannon(whole(codes), whole(others)).item(), abs=1e-5
    )


def test_information_beside_all_is_of_the_scores_that_each_pair_has_by_itself() -> None:
    """The first layers see maps and codes apart; what comes out is what the networks say of both together."""
    statistics = Statistics((5, 2, 3), 4, 8, Estimation(donsker_varadhan, "sum", "all"))
    maps, codes = torch.randn(7, 5, 2, 3), torch.randn(7, 4)
    whole, places = torch.zeros(7, 7), torch.zeros(7, 7, 6)
    for one in range(7):
        for other in range(7):
            whole[one, other] = statistics.whole(torch.cat([maps[one].flatten(), codes[other]]))
            tiled = codes[other][:, None, None].expand(-1, 2, 3)
            places[one, other] = statistics.places(torch.cat([maps[one], tiled])[None]).flatten()
    found = statistics(maps, codes)
    expected = donsker_varadhan(whole.diagonal(), whole.flatten())
    assert found.whole.item() == pytest.approx(expected.item(), abs=1e-5)
    own = torch.stack([places[one, one] for one in range(7)])
    assert found.places.item() == pytest.approx(donsker_varadhan(own, places.flatten(0, 1)).sum().item(), abs=1e-5)


@pytest.mark.parametrize(("negatives", "bounded"), [("all", True), ("rolled", False)])
def test_only_beside_all_the_estimate_stays_below_what_a_batch_can_tell(negatives: str, bounded: bool) -> None:
    """Maps and codes without anything in common, each its own: a critic that knows them by heart is sure of each."""
    torch.manual_seed(0)
    statistics = Statistics((4, 1, 1), 4, 32, Estimation(donsker_varadhan, "sum", negatives))
    maps, codes = torch.randn(8, 4, 1, 1), torch.randn(8, 4)
    adam = torch.optim.Adam(statistics.parameters(), lr=1e-2)
    for _ in range(400):
        loss = -statistics(maps, codes).whole
        adam.zero_grad()
        loss.backward()
        adam.step()
    assert (-loss.item() < math.log(8)) == bounded
    assert -loss.item() > 1.5


@pytest.mark.parametrize("negatives", ["all", "rolled"])
def test_what_belongs_together_is_found(negatives: str) -> None:
    """A trained critic's bound rises where representation and map share something, and stays near 0 where not."""
    torch.manual_seed(0)
    shared = torch.randn(64, 2)
    maps = shared[:, :, None, None] + 0.1 * torch.randn(64, 2, 2, 2)
    found = {}
    for name, codes in (("related", shared), ("unrelated", torch.randn(64, 2))):
        statistics = Statistics((2, 2, 2), 2, 16, Estimation(donsker_varadhan, "mean", negatives))
        adam = torch.optim.Adam(statistics.parameters(), lr=1e-2)
        for _ in range(30):
            order = torch.randperm(64)
            loss = -statistics(maps[order], codes[order]).weighted(1, 1)
            adam.zero_grad()
            loss.backward()
            adam.step()
        found[name] = -loss.item()
    assert found["related"] > 1
    assert found["related"] > 2 * found["unrelated"]


def test_the_discriminator_has_three_layers_over_both_codes() -> None:
    discriminator = Discriminator(64, 512)
    assert linear_layers(discriminator) == [(128, 512), (512, 512), (512, 1)]
    assert discriminator(torch.randn(5, 64), torch.randn(5, 64)).shape == (5,)
