"""The equations against what is known in closed form, and against other hands' code."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from ferbench_dice_fer.equations import (
    adversarial,
    deception,
    distance,
    donsker_varadhan,
    jensen_shannon,
    over_locations,
    rolled,
)


def gaussians(rho: float, count: int = 200_000) -> tuple[Tensor, Tensor]:
    """Return `count` draws of two standard normal variables of correlation ρ."""
    generator = torch.Generator().manual_seed(int(rho * 100))
    x, noise = torch.randn(2, count, generator=generator, dtype=torch.float64)
    return x, rho * x + math.sqrt(1 - rho**2) * noise


def log_ratio(x: Tensor, y: Tensor, rho: float) -> Tensor:
    """Return log p(x, y) / (p(x) p(y)), the critic at which the bound is tight."""
    square = rho**2 * (x**2 + y**2) - 2 * rho * x * y
    return -0.5 * math.log(1 - rho**2) - square / (2 * (1 - rho**2))


@pytest.mark.parametrize(("rho", "nats"), [(0.5, 0.1438), (0.8, 0.5108), (0.9, 0.8304)])
def test_the_best_critic_gives_the_mutual_information_of_gaussians(rho: float, nats: float) -> None:
    x, y = gaussians(rho)
    found = donsker_varadhan(log_ratio(x, y, rho), log_ratio(x, rolled(y), rho)).item()
    assert found == pytest.approx(nats, abs=0.02)
    assert nats == pytest.approx(-0.5 * math.log(1 - rho**2), abs=1e-4)


def test_another_critic_gives_less() -> None:
    x, y = gaussians(0.8)
    best = donsker_varadhan(log_ratio(x, y, 0.8), log_ratio(x, rolled(y), 0.8)).item()
    for wrong in (0.5, -0.5, 0.7):
        assert donsker_varadhan(log_ratio(x, y, wrong), log_ratio(x, rolled(y), wrong)).item() < best - 0.01


def test_a_constant_added_to_the_scores_changes_nothing() -> None:
    joint, product = torch.randn(2, 64, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    plain = donsker_varadhan(joint, product)
    for constant in (-3.0, 0.5, 800.0):  # e^800 is more than a float can hold
        assert donsker_varadhan(joint + constant, product + constant).item() == pytest.approx(plain.item(), abs=1e-9)


def test_constant_scores_tell_nothing() -> None:
    assert donsker_varadhan(torch.full((7,), 2.5), torch.full((7,), 2.5)).item() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("estimator", [donsker_varadhan, jensen_shannon])
def test_each_location_has_an_estimate_of_its_own(estimator: object) -> None:
    joint, product = torch.randn(2, 9, 4, generator=torch.Generator().manual_seed(1))
    found = estimator(joint, product)
    each = [estimator(joint[:, place], product[:, place]).item() for place in range(4)]
    assert found.tolist() == pytest.approx(each, abs=1e-6)
    assert over_locations(found, "sum").item() == pytest.approx(sum(each), abs=1e-5)
    assert over_locations(found, "mean").item() == pytest.approx(sum(each) / 4, abs=1e-5)


def test_jensen_shannon_by_hand() -> None:
    joint, product = torch.tensor([1.0, -2.0]), torch.tensor([0.5, 3.0])
    positive = [-math.log(1 + math.exp(-score)) for score in (1.0, -2.0)]
    negative = [math.log(1 + math.exp(score)) for score in (0.5, 3.0)]
    assert jensen_shannon(joint, product).item() == pytest.approx(sum(positive) / 2 - sum(negative) / 2, abs=1e-6)
    nothing = torch.zeros(5)
    assert jensen_shannon(nothing, nothing).item() == pytest.approx(-2 * math.log(2))


def test_rolled_partners_are_never_ones_own() -> None:
    values = torch.arange(10).reshape(5, 2)
    moved = rolled(values)
    assert sorted(moved[:, 0].tolist()) == values[:, 0].tolist()
    assert not (moved == values).any()


def test_distance_by_hand() -> None:
    first, second = torch.tensor([[1.0, -1.0], [0.0, 0.0]]), torch.tensor([[0.0, 2.0], [4.0, 0.0]])
    assert distance(first, second, "sum").item() == pytest.approx((4 + 4) / 2)
    assert distance(first, second, "mean").item() == pytest.approx((2 + 2) / 2)


def test_the_adversarial_term_is_a_binary_cross_entropy_with_independent_pairs_as_real() -> None:
    real, fake = torch.randn(2, 12, generator=torch.Generator().manual_seed(2))
    expected = -binary_cross_entropy_with_logits(real, torch.ones(12)) - binary_cross_entropy_with_logits(
        fake, torch.zeros(12)
    )
    assert adversarial(real, fake).item() == pytest.approx(expected.item(), abs=1e-6)
    assert adversarial(torch.zeros(3), torch.zeros(3)).item() == pytest.approx(-2 * math.log(2))
    assert adversarial(torch.full((3,), 20.0), torch.full((3,), -20.0)).item() == pytest.approx(0, abs=1e-6)


def test_either_form_makes_ones_own_pair_look_independent() -> None:
    for form in ("non-saturating", "minimax"):
        fake = torch.tensor([-1.0, 2.0], requires_grad=True)
        deception(torch.zeros(2), fake, form).backward()
        assert (fake.grad < 0).all()  # a step down the gradient raises D's logit


def test_where_the_discriminator_is_sure_only_the_minimax_form_stands_still() -> None:
    gradients = {}
    for form in ("non-saturating", "minimax"):
        fake = torch.tensor([-20.0], requires_grad=True)
        deception(torch.zeros(1), fake, form).backward()
        gradients[form] = fake.grad.abs().item()
    assert gradients["minimax"] < 1e-6
    assert gradients["non-saturating"] > 0.99


def test_the_minimax_form_is_equation_10() -> None:
    real, fake = torch.randn(2, 8, generator=torch.Generator().manual_seed(3))
    assert torch.equal(deception(real, fake, "minimax"), adversarial(real, fake))
    assert deception(real, fake, "non-saturating").item() == pytest.approx(
        binary_cross_entropy_with_logits(fake, torch.ones(8)).item(), abs=1e-6
    )
