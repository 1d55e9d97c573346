"""The equations against numbers worked out by hand, and against their definitions."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ferbench_thin.equations import absolute_cosine, leaf_probabilities, mixed, one_hot_bins


def test_the_leaves_of_a_tree_of_depth_two() -> None:
    leaves = leaf_probabilities(torch.tensor([[0.2, 0.7, 0.4]]))
    assert leaves.tolist()[0] == pytest.approx([0.14, 0.06, 0.32, 0.48])


@given(depth=st.integers(1, 6), seed=st.integers(0, 2**16))
def test_leaves_are_the_product_of_the_decisions_on_their_path(depth: int, seed: int) -> None:
    decisions = torch.rand(3, 2**depth - 1, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    leaves = leaf_probabilities(decisions)
    assert torch.allclose(leaves.sum(dim=1), torch.ones(3, dtype=torch.float64))
    for leaf in range(2**depth):
        product, node = torch.ones(3, dtype=torch.float64), 0
        for level in reversed(range(depth)):
            right = (leaf >> level) & 1
            product = product * ((1 - decisions[:, node]) if right else decisions[:, node])
            node = 2 * node + 1 + right
        assert torch.allclose(leaves[:, leaf], product)


def test_an_even_gate_is_the_mean_of_the_ensemble() -> None:
    logits = torch.randn(5, 8, 3, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(mixed(logits, torch.full((5, 8), 1 / 8)), mixed(logits, None), atol=1e-6)
    assert torch.allclose(mixed(logits, None), logits.mean(dim=1))


def test_a_gate_that_chooses_one_classifier_gives_its_logits() -> None:
    logits = torch.randn(4, 3, 2)
    gate = torch.eye(3)[[2, 0, 1, 1]]
    assert torch.equal(mixed(logits, gate), torch.stack([logits[0, 2], logits[1, 0], logits[2, 1], logits[3, 1]]))


def test_absolute_cosine_of_known_angles() -> None:
    one = torch.tensor([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [2.0, 0.0]])
    other = torch.tensor([[0.0, 3.0], [-1.0, 0.0], [1.0, 1.0], [5.0, 0.0]])
    assert absolute_cosine(one, other).tolist() == pytest.approx([0, 1, math.sqrt(0.5), 1])


@given(seed=st.integers(0, 2**16), scale=st.floats(1e-3, 1e3))
def test_absolute_cosine_lies_between_0_and_1_and_knows_no_scale(seed: int, scale: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    one, other = torch.randn(6, 4, generator=generator), torch.randn(6, 4, generator=generator)
    values = absolute_cosine(one, other)
    assert bool(((values >= 0) & (values <= 1)).all())
    assert torch.allclose(values, absolute_cosine(-scale * one, other), atol=1e-4)


def test_bins_of_the_true_variable() -> None:
    angles = torch.tensor([-90.0, -80.1, -80.0, 0.0, 89.9, 90.0])
    bins = one_hot_bins(angles, -90, 90, 18)
    assert bins.argmax(dim=1).tolist() == [0, 0, 1, 9, 17, 17]
    assert bins.sum(dim=1).tolist() == [1] * 6
    assert one_hot_bins(torch.tensor([0.5, 0.56, 0.999]), 0.5, 1, 10).argmax(dim=1).tolist() == [0, 1, 9]
