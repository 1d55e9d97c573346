"""Label noise: the stated rate, other classes uniformly, the same on every machine, nested in the rate."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from ferbench.protocols import Samples
from ferbench.protocols.standard import LabelNoise, LabelNoiseOptions, noisy_labels


def ids(count: int, prefix: str = "image") -> npt.NDArray[np.str_]:
    return np.asarray([f"{prefix}-{number}.jpg" for number in range(count)])


@given(rate=st.sampled_from([0.1, 0.2, 0.3, 0.5]), classes=st.integers(2, 8), seed=st.integers(0, 10**9))
def test_the_share_of_changed_labels_is_the_rate(rate: float, classes: int, seed: int) -> None:
    labels = np.arange(4000) % classes
    changed = int((noisy_labels(ids(4000), labels, classes, rate, seed) != labels).sum())
    low, high = stats.binom.interval(1 - 1e-9, 4000, rate)
    assert low <= changed <= high


@given(rate=st.floats(0.01, 0.99), classes=st.integers(2, 9), seed=st.integers(0, 10**9))
def test_labels_stay_classes(rate: float, classes: int, seed: int) -> None:
    labels = np.arange(300) % classes
    noisy = noisy_labels(ids(300), labels, classes, rate, seed)
    assert noisy.min() >= 0
    assert noisy.max() < classes


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("true", [0, 3, 6])
def test_changed_labels_are_uniform_over_the_other_classes(true: int, seed: int) -> None:
    labels = np.full(12_000, true)
    noisy = noisy_labels(ids(12_000), labels, 7, 0.3, seed)
    counts = np.bincount(noisy[noisy != true], minlength=7)
    assert counts[true] == 0
    assert stats.chisquare(np.delete(counts, true)).pvalue > 1e-4


@given(low=st.floats(0.02, 0.5), more=st.floats(0.0, 0.45), seed=st.integers(0, 10**6))
def test_a_label_changed_at_a_low_rate_is_changed_alike_at_a_higher_one(low: float, more: float, seed: int) -> None:
    labels = np.arange(500) % 7
    few = noisy_labels(ids(500), labels, 7, low, seed)
    many = noisy_labels(ids(500), labels, 7, low + more, seed)
    changed = few != labels
    assert (many[changed] == few[changed]).all()
    assert (many != labels).sum() >= changed.sum()


@given(seed=st.integers(0, 10**6), order=st.permutations(range(120)), left_out=st.integers(1, 100))
def test_a_draw_depends_on_no_other_sample_and_on_no_order(seed: int, order: list[int], left_out: int) -> None:
    names, labels = ids(120), np.arange(120) % 5
    whole = noisy_labels(names, labels, 5, 0.4, seed)
    rows = np.asarray(order[left_out:], dtype=np.int64)
    assert (noisy_labels(names[rows], labels[rows], 5, 0.4, seed) == whole[rows]).all()


def test_draws_depend_on_seed_and_sample() -> None:
    labels = np.zeros(2000, dtype=np.int64)
    base = noisy_labels(ids(2000), labels, 7, 0.3, 0)
    for other in (noisy_labels(ids(2000), labels, 7, 0.3, 1), noisy_labels(ids(2000, "photo"), labels, 7, 0.3, 0)):
        both = ((base != 0) & (other != 0)).mean()
        assert both == pytest.approx(0.09, abs=0.03), "independent draws: 0.3 × 0.3 of the labels change in both"


def test_the_input_is_left_alone() -> None:
    labels = np.zeros(100, dtype=np.int64)
    noisy_labels(ids(100), labels, 4, 0.9, 0)
    assert (labels == 0).all()


def faces(own_validation: bool) -> Samples:
    parts = np.asarray((["train"] * 6 + ["validation"] + ["test"] * 3) * 100)
    if not own_validation:
        parts[parts == "validation"] = "train"
    return Samples(ids(1000), np.arange(1000) % 4, ("a", "b", "c", "d"), None, parts)


def noise(**options: object) -> LabelNoise:
    return LabelNoise(LabelNoiseOptions.model_validate({"rate": 0.3, **options}))


@pytest.mark.parametrize("own_validation", [True, False])
def test_training_and_validation_labels_are_noisy_and_test_labels_are_not(own_validation: bool) -> None:
    samples = faces(own_validation)
    fold = noise().split(samples, 0, seed=0)
    assert 0.2 < (fold.train_labels != samples.labels[fold.train]).mean() < 0.4
    assert 0.1 < (fold.validation_labels != samples.labels[fold.validation]).mean() < 0.5
    assert (fold.test_labels == samples.labels[fold.test]).all()
    assert len(fold.test) == 300
    assert fold.notes["labels_changed"] == (fold.train_labels != samples.labels[fold.train]).sum()


def test_a_clean_validation_part_is_clean_and_named() -> None:
    samples = faces(own_validation=False)
    protocol = noise(clean_validation=True)
    fold, noisy = protocol.split(samples, 0, seed=0), noise().split(samples, 0, seed=0)
    assert (fold.validation_labels == samples.labels[fold.validation]).all()
    assert (fold.train_labels == noisy.train_labels).all()
    assert protocol.label == "noise-30-clean-validation"
    assert [noise(rate=rate).label for rate in (0.1, 0.2, 0.3)] == ["noise-10", "noise-20", "noise-30"]


def test_the_division_is_the_same_at_every_rate_and_seed() -> None:
    samples = faces(own_validation=False)
    first, other = noise(rate=0.1).split(samples, 0, seed=0), noise(rate=0.3).split(samples, 0, seed=5)
    assert (first.train == other.train).all()
    assert (first.validation == other.validation).all()
