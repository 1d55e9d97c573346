"""The estimate of mutual information against Gaussians, of which it is known."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from ferbench.representation import NotMeasured, Representations
from ferbench.representation.mutual_information import Paired, Samples, _parts, bound, bound_of, mutual_information_gap
from ferbench.representation.options import MutualInformationOptions

CHEAP = MutualInformationOptions(hidden=(32, 32), steps=120, batch_size=256, lr=5e-3)
KNOWN = [(0.5, 0.1438), (0.8, 0.5108), (0.9, 0.8304)]


def gaussians(correlation: float, count: int, seed: int) -> Paired:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(count, 1))
    y = correlation * x + math.sqrt(1 - correlation**2) * rng.normal(size=(count, 1))
    return Paired(x.astype(np.float32), y.astype(np.float32))


def samples(correlation: float) -> Samples:
    return Samples(*(gaussians(correlation, count, count) for count in (3000, 800, 3001)))


@pytest.mark.parametrize(("correlation", "nats"), KNOWN)
def test_the_bound_with_the_best_critic_is_the_mutual_information(correlation: float, nats: float) -> None:
    """log p(x, y) / (p(x) p(y)), the density ratio itself, on 200,000 pairs."""
    assert -0.5 * math.log(1 - correlation**2) == pytest.approx(nats, abs=1e-4)

    def ratio(x: Tensor, y: Tensor) -> Tensor:
        square = correlation**2 * (x**2 + y**2) - 2 * correlation * x * y
        return (-square / (2 * (1 - correlation**2)) - 0.5 * math.log(1 - correlation**2))[:, 0]

    pairs = gaussians(correlation, 200_000, 1)
    exact = bound(ratio, pairs, np.random.default_rng(0))
    assert exact == pytest.approx(nats, abs=0.02)
    for constant in (-300.0, 40.0, 1000.0):  # e^1000 is no number: the bound must not need it
        moved = bound(lambda x, y, c=constant: ratio(x, y).double() + c, pairs, np.random.default_rng(0))  # type: ignore[misc]
        assert moved == pytest.approx(exact, abs=1e-6)


@pytest.mark.parametrize(("correlation", "nats"), [*KNOWN, (0.0, 0.0)])
def test_a_trained_critic_comes_near_from_below(correlation: float, nats: float) -> None:
    """Within 0.06 nats with a budget of seconds, on pairs that the critic has not seen."""
    found, _ = bound_of(samples(correlation), CHEAP, seed=0)
    assert nats - 0.06 < found < nats + 0.03


def test_a_critic_cannot_learn_the_images_it_is_tested_on_by_heart() -> None:
    rng = np.random.default_rng(0)
    noise = [Paired(*rng.normal(size=(2, count, 100)).astype(np.float32)) for count in (64, 32, 64)]
    long = MutualInformationOptions(steps=120, batch_size=64)
    learned, step = bound_of(Samples(noise[0], noise[0], noise[0]), long, seed=0)
    assert learned > 1, "on what it has learned it says what is not so"
    assert step > 0
    unseen, _ = bound_of(Samples(*noise), long, seed=0)
    assert unseen < 0.1


def faces(count: int, *, shared: bool, seed: int = 0) -> Representations:
    """Return images whose `expression` tells the class, and whose `identity` tells it too if `shared`."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 4, count)
    noise = 0.2 * rng.normal(size=(2, count, 4)).astype(np.float32)
    told = np.eye(4, dtype=np.float32)[labels]
    identity = told if shared else np.eye(4, dtype=np.float32)[rng.integers(0, 4, count)]
    return Representations(
        {"expression": told + noise[0], "identity": identity + noise[1]}, labels, tuple("abcd"), {}, seed
    )


QUICK = MutualInformationOptions(hidden=(64,), steps=150, batch_size=128, lr=5e-3, check_every=15)


def test_what_two_images_of_a_class_share_is_the_class() -> None:
    """At most the entropy of the class, ln 4 = 1.386 nats."""
    apart = mutual_information_gap(faces(480, shared=False), QUICK)
    assert 1.0 < apart.values["expression-expression"] < 1.42
    assert -0.1 < apart.values["expression-identity"] < 0.05
    shared = max(0.0, apart.values["expression-identity"])  # a bound below 0 is worse than none: nothing to subtract
    assert apart.values["gap"] == apart.values["expression-expression"] - shared
    assert apart.settings["steps"] == 150
    assert apart.settings["unit"] == "nats"
    mixed = mutual_information_gap(faces(480, shared=True), QUICK)
    assert abs(mixed.values["gap"]) < 0.3 < apart.values["gap"] - mixed.values["gap"]


def test_the_same_seed_gives_the_same_and_torch_is_left_as_it_was() -> None:
    before = torch.get_rng_state().clone()
    budget = QUICK.model_copy(update={"steps": 20})
    made = faces(200, shared=False)
    first, again = (mutual_information_gap(made, budget) for _ in range(2))
    assert first.values == again.values
    assert torch.equal(torch.get_rng_state(), before)
    with torch.no_grad():  # as a caller that has just predicted may leave it
        assert mutual_information_gap(made, budget).values == first.values


def test_no_image_of_the_evaluation_is_learned_from_or_chooses() -> None:
    made = faces(173, shared=False)
    taught, chooser, test = (set(np.concatenate(part).tolist()) for part in _parts(made))
    assert test.isdisjoint(taught | chooser)
    firsts = [set(first.tolist()) for first, _ in _parts(made)]
    assert sum(len(part) for part in firsts) == 173
    assert firsts[1].isdisjoint(taught)
    for first, second in _parts(made):
        assert (made.labels[first] == made.labels[second]).all()
        assert (first != second).all()


def test_a_handful_of_images_says_nothing() -> None:
    with pytest.raises(NotMeasured, match="fewer than 8 images in some part"):
        mutual_information_gap(faces(40, shared=False), QUICK)


@pytest.mark.parametrize("wrong", [{"steps": 0}, {"lr": 0.0}, {"batch_size": 4}, {"check_every": 0}])
def test_a_budget_that_is_none_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        MutualInformationOptions(**wrong)
