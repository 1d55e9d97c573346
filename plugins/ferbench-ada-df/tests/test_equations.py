"""The paper's equations: golden values worked out by hand, and what must hold for any input."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from ferbench_ada_df import equations as eq
from ferbench_ada_df.method import OFFICIAL_ELSEWHERE

weights_of_a_batch = st.lists(st.floats(0, 1, width=32), min_size=2, max_size=40).map(torch.tensor)


@pytest.mark.parametrize(
    ("beta", "epoch", "first", "second"),
    [
        (3, 1, 1, 0.64118),
        (3, 3, 1, 1),
        (3, 75, 0.39788, 1),
        (5, 1, 1, 0.52729),
        (5, 75, 0.41849, 1),
        (1, 1, 1, 1),
    ],
)
def test_the_ramps_have_the_values_of_equations_15_and_16(beta: int, epoch: int, first: float, second: float) -> None:
    assert eq.ramps(epoch, beta) == pytest.approx((first, second), abs=5e-6)


def test_the_branches_change_places_at_beta() -> None:
    for epoch in range(1, 76):
        first, second = eq.ramps(epoch, 5)
        assert (first == 1) == (epoch <= 5)
        assert (second == 1) == (epoch >= 5)


def test_a_threshold_row_gives_t_to_its_class_and_shares_the_rest() -> None:
    rows = eq.threshold_rows(7, 0.7)
    assert rows.diagonal().tolist() == pytest.approx([0.7] * 7)
    assert rows[0, 1:].tolist() == pytest.approx([0.05] * 6)
    assert rows.sum(dim=1).tolist() == pytest.approx([1] * 7)


@pytest.mark.parametrize(("threshold", "total"), [(0.7, 1.1), (0.5, 0.9)])
def test_the_fallback_rows_of_the_authors_code_are_no_distributions(threshold: float, total: float) -> None:
    rows = eq.threshold_rows(7, threshold, OFFICIAL_ELSEWHERE)
    assert rows.sum(dim=1).tolist() == pytest.approx([total] * 7)


def test_a_class_distribution_below_the_threshold_gives_way_to_its_row() -> None:
    sums = torch.tensor([[1.6, 0.2, 0.2], [0.9, 1.2, 0.9], [0.0, 0.0, 0.0]])
    counts = torch.tensor([2.0, 3.0, 0.0])
    rows = eq.threshold_rows(3, 0.6)
    mined = eq.class_distributions(sums, counts, 0.6, rows)
    assert mined[0].tolist() == pytest.approx([0.8, 0.1, 0.1])  # strong enough: the mean of its samples
    assert torch.equal(mined[1], rows[1])  # 0.4 on its own class
    assert torch.equal(mined[2], rows[2])  # no sample
    assert torch.equal(eq.class_distributions(sums, counts, 0.4, rows)[1], sums[1] / 3)  # d ≥ t, not d > t


def test_rank_regularisation_of_seven_and_three() -> None:
    weights = torch.tensor([0.52] * 7 + [0.50] * 3)[torch.randperm(10)]
    assert eq.rank_regularisation(weights, 7, 3, 0.07).item() == pytest.approx(0.05)
    assert eq.rank_regularisation(torch.tensor([0.9] * 7 + [0.1] * 3), 7, 3, 0.07).item() == 0


def test_rank_regularisation_pulls_the_groups_apart() -> None:
    weights = torch.tensor([0.52] * 7 + [0.50] * 3, requires_grad=True)
    eq.rank_regularisation(weights, 7, 3, 0.07).backward()
    assert weights.grad is not None
    assert (weights.grad[:7] < 0).all()  # a step against the gradient raises them
    assert (weights.grad[7:] > 0).all()


@given(weights_of_a_batch, st.floats(0, 1))
def test_normalised_weights_reach_from_w_min_to_1(weights: Tensor, w_min: float) -> None:
    scaled = eq.normalised(weights, w_min)
    assert scaled.min() >= w_min - 1e-6
    assert scaled.max().item() == pytest.approx(1)
    if weights.max() - weights.min() > 1e-6:
        assert scaled.min().item() == pytest.approx(w_min, abs=1e-6)
        order = weights.argsort()
        assert (scaled[order].diff() >= -1e-6).all()


def test_equal_weights_are_all_1_and_leave_no_nan_in_the_gradient() -> None:
    weights = torch.full((5,), 0.4, requires_grad=True)
    scaled = eq.normalised(weights, 0.2)
    assert scaled.tolist() == [1] * 5
    scaled.sum().backward()
    assert weights.grad is not None
    assert torch.isfinite(weights.grad).all()


@given(st.integers(0, 2**31), st.floats(0, 1))
def test_a_fusion_of_distributions_is_one(seed: int, weight: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    label, of_class = torch.rand(2, 6, 7, generator=generator).mul(5).softmax(dim=2)
    mixed = eq.fused(label, of_class, torch.full((6,), weight))
    assert mixed.sum(dim=1).tolist() == pytest.approx([1] * 6, abs=1e-5)
    assert torch.allclose(eq.fused(label, of_class, torch.ones(6)), of_class)
    assert torch.allclose(eq.fused(label, of_class, torch.zeros(6)), label)


def test_a_fusion_worked_out_by_hand() -> None:
    mixed = eq.fused(torch.tensor([[0.5, 0.5]]), torch.tensor([[0.9, 0.1]]), torch.tensor([0.25]))
    assert mixed[0].tolist() == pytest.approx([0.6, 0.4])


@given(st.integers(0, 2**31))
def test_the_divergence_is_positive_and_torchs(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(6, 7, generator=generator) * 3
    target = (torch.randn(6, 7, generator=generator) * 3).softmax(dim=1)
    value = eq.divergence(target, logits)
    assert value >= -1e-6
    expected = torch.nn.functional.kl_div(logits.log_softmax(dim=1), target, reduction="sum")
    assert value.item() == pytest.approx(expected.item(), abs=1e-4)
    assert eq.divergence(logits.softmax(dim=1), logits).item() == pytest.approx(0, abs=1e-5)


def test_the_divergence_worked_out_by_hand_and_with_a_share_of_zero() -> None:
    target = torch.tensor([[1.0, 0.0]], requires_grad=True)
    value = eq.divergence(target, torch.tensor([[math.log(0.25), math.log(0.75)]]))
    assert value.item() == pytest.approx(math.log(4))
    value.backward()
    assert target.grad is not None
    assert torch.isfinite(target.grad).all()
