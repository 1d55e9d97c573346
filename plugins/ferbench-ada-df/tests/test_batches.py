"""Whole batches, and epochs with as many images of each class as the rarest has."""

from __future__ import annotations

import numpy as np
import pytest

from ferbench_ada_df.batches import WholeBatches

LABELS = np.repeat([0, 1, 2], [40, 9, 20])


def test_batches_are_whole_and_hold_no_sample_twice() -> None:
    batches = WholeBatches(16).batches(LABELS, {}, np.random.default_rng(0))
    assert [len(batch) for batch in batches] == [16] * 4
    assert len(set(np.concatenate(batches).tolist())) == 64


def test_a_downsampled_epoch_has_as_many_of_each_class_as_the_rarest() -> None:
    recipe = WholeBatches(27, downsampled=True)
    (batch,) = recipe.batches(LABELS, {}, np.random.default_rng(0))
    assert np.bincount(LABELS[batch]).tolist() == [9, 9, 9]
    assert len(set(batch.tolist())) == 27
    assert LABELS[batch].tolist() != sorted(LABELS[batch].tolist())


@pytest.mark.parametrize("downsampled", [False, True])
def test_epochs_differ_and_one_generator_gives_one_epoch(downsampled: bool) -> None:
    recipe = WholeBatches(9, downsampled)
    first, again, other = (np.concatenate(recipe.batches(LABELS, {}, np.random.default_rng(s))) for s in (0, 0, 1))
    assert first.tolist() == again.tolist()
    assert first.tolist() != other.tolist()
