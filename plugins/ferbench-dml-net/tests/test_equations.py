"""The paper's equations: golden values, and brute force beside them."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from ferbench_dml_net.equations import hardest, loss_falls, squared_distances, task_weights, triplet_loss
from ferbench_dml_net.loss_weights import LossWeights

FALLS = torch.tensor([1.0, 0.5, 0.8])


@pytest.mark.parametrize(("weight_sum", "expected"), [(2.0, (0.7453, 0.5804, 0.6743)), (3.0, (1.1179, 0.8706, 1.0115))])
def test_weights_have_the_golden_values(weight_sum: float, expected: tuple[float, ...]) -> None:
    found = task_weights(FALLS, weight_sum, temperature=2.0)
    assert found.tolist() == pytest.approx(expected, abs=5e-5)
    assert float(found.sum()) == pytest.approx(weight_sum)


def test_a_high_temperature_levels_the_weights_and_a_low_one_gives_all_to_the_slowest_loss() -> None:
    assert task_weights(FALLS, 3.0, 1e6).tolist() == pytest.approx([1, 1, 1], abs=1e-5)
    assert task_weights(FALLS, 3.0, 0.01).tolist() == pytest.approx([3, 0, 0], abs=1e-5)


def test_a_loss_that_was_zero_counts_as_unchanged() -> None:
    before, after = torch.tensor([0.0, 2.0, 0.0]), torch.tensor([0.0, 1.0, 5.0])
    assert loss_falls(before, after).tolist() == [1.0, 0.5, 1.0]


def losses(batches: int) -> Tensor:
    return torch.rand(batches, 3, generator=torch.Generator().manual_seed(0)) + 0.1


def test_weights_follow_the_means_of_two_windows_written_out() -> None:
    window, seen = 5, losses(14)
    weights = LossWeights(3, weight_sum=2.0, temperature=2.0, window=window)
    for number, row in enumerate(seen):
        if number < 2 * window:
            assert weights().tolist() == pytest.approx([2 / 3] * 3)
        else:
            falls = [
                sum(seen[number - window : number, task].tolist())
                / sum(seen[number - 2 * window : number - window, task].tolist())
                for task in range(3)
            ]
            powers = [math.exp(fall / 2.0) for fall in falls]
            assert weights().tolist() == pytest.approx([2 * power / sum(powers) for power in powers], rel=1e-5)
        weights.note(row)


def test_weights_go_on_exactly_from_their_state() -> None:
    first, second = (LossWeights(3, 2.0, 2.0, window=2) for _ in range(2))
    for row in losses(7):
        first.note(row)
    second.load_state_dict(first.state_dict())
    assert torch.equal(first(), second())
    assert not torch.equal(first(), LossWeights(3, 2.0, 2.0, window=2)())


Batch = tuple[Tensor, list[int], list[int]]


@st.composite
def batches(draw: st.DrawFn) -> Batch:
    count = draw(st.integers(2, 15))
    kinds = st.lists(st.integers(0, 2), min_size=count, max_size=count)
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))
    return torch.randn(count, 4, generator=generator), draw(kinds), draw(kinds)


@settings(max_examples=60, deadline=None)
@given(batches(), st.booleans())
def test_batch_hard_equals_brute_force(batch: Batch, hinge: bool) -> None:
    points, labels, poses = batch
    expected = 0.0
    for i, anchor in enumerate(points):
        apart = [float((anchor - other).square().sum()) for other in points]
        positive = [d for j, d in enumerate(apart) if labels[j] == labels[i] and poses[j] != poses[i]]
        negative = [d for j, d in enumerate(apart) if labels[j] != labels[i] and poses[j] == poses[i]]
        if positive and negative:
            term = 0.2 + max(positive) - min(negative)
            expected += max(term, 0) if hinge else term
    label, pose = torch.tensor(labels), torch.tensor(poses)
    alike, same = label[:, None] == label, pose[:, None] == pose
    found = hardest(squared_distances(points), alike & ~same, ~alike & same)
    assert float(triplet_loss(found, 0.2, hinge=hinge)) == pytest.approx(expected, rel=1e-4, abs=1e-4)


def test_gradients_pass_through_anchors_with_both_kinds_only() -> None:
    points = torch.randn(4, 3, generator=torch.Generator().manual_seed(1)).requires_grad_()
    positive = torch.tensor([[False, True, False, False], [False] * 4, [False] * 4, [False] * 4])
    negative = torch.tensor([[False, False, True, False], [False, False, False, True], [False] * 4, [False] * 4])
    triplet_loss(hardest(squared_distances(points), positive, negative), 100.0).backward()
    assert points.grad is not None
    assert torch.isfinite(points.grad).all()
    moved = points.grad.abs().sum(dim=1)
    assert (moved[:3] > 0).all()
    assert moved[3] == 0, "its only anchor has no positive sample"
