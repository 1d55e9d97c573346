"""Metrics of representations against loops that anybody can check, and against cases whose answer is known."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferbench.representation import Measured, NotMeasured, Representations, distances, leakage, retrieval
from ferbench.representation.distances import class_scatter, distance_overlap, intersection_over_union
from ferbench.representation.draws import halves, pairs, partners
from ferbench.representation.leakage import expression_leakage, identity_leakage

Array = npt.NDArray[Any]


def representations(labels: Array, subjects: Array | None = None, seed: int = 0, **features: Array) -> Representations:
    names = {} if subjects is None else {"subject": np.asarray([f"s{number}" for number in subjects])}
    given_ = {name: values.astype(np.float32) for name, values in features.items()}
    return Representations(given_, np.asarray(labels), tuple(f"c{n}" for n in range(int(max(labels)) + 1)), names, seed)


def one_hot(values: Array) -> Array:
    return np.eye(int(values.max()) + 1)[values]


@pytest.fixture
def people() -> tuple[Array, Array, np.random.Generator]:
    """Return labels and subjects of 240 images, 12 subjects × 5 classes × 4, and a generator."""
    labels, subjects, _ = np.meshgrid(np.arange(5), np.arange(12), np.arange(4), indexing="ij")
    return labels.reshape(-1), subjects.reshape(-1), np.random.default_rng(0)


# --- draws -----------------------------------------------------------------------------------------------------------

GROUPS = st.lists(st.integers(0, 5), min_size=1, max_size=40).map(np.asarray)


@given(GROUPS, st.integers(0, 99))
def test_halves_share_out_each_group(groups: Array, seed: int) -> None:
    first, second = halves(groups, np.random.default_rng(seed))
    assert sorted([*first, *second]) == list(range(len(groups)))
    one, other = Counter(groups[first].tolist()), Counter(groups[second].tolist())
    for group, count in Counter(groups.tolist()).items():
        assert (one[group], other[group]) == (math.ceil(count / 2), count // 2)


@given(GROUPS, st.integers(1, 60), st.booleans())
def test_pairs_are_different_pairs_of_the_wanted_kind(groups: Array, most: int, within: bool) -> None:
    every = {frozenset(pair) for pair in combinations(range(len(groups)), 2)}
    wanted = {pair for pair in every if (len({groups[row] for row in pair}) == 1) == within}
    drawn = [
        frozenset(pair)
        for pair in zip(
            *(p.tolist() for p in pairs(groups, most, np.random.default_rng(0), within=within)), strict=True
        )
    ]
    assert len(drawn) == len(set(drawn)) == min(most, len(wanted))
    assert set(drawn) <= wanted


def test_pairs_are_equally_likely() -> None:
    groups = np.asarray([0, 1, 0, 1, 1])
    for within, kinds in ((True, 4), (False, 6)):
        seen = Counter(
            tuple(sorted((int(a[0]), int(b[0]))))
            for a, b in (pairs(groups, 1, np.random.default_rng(seed), within=within) for seed in range(1000))
        )
        assert len(seen) == kinds
        assert max(abs(count - 1000 / kinds) for count in seen.values()) < 5 * math.sqrt(1000 / kinds)


@given(GROUPS, st.integers(0, 9))
def test_partners_are_others_of_the_group_in_the_pool(groups: Array, seed: int) -> None:
    rng = np.random.default_rng(seed)
    pool = np.flatnonzero(rng.random(len(groups)) < 0.7)
    rows = pool[rng.random(len(pool)) < 0.5]
    first, second = partners(groups, rows, pool, 3, rng)
    inside = Counter(groups[pool].tolist())
    assert Counter(first.tolist()) == Counter({int(row): 3 for row in rows if inside[int(groups[row])] > 1})
    assert (groups[first] == groups[second]).all()
    assert (first != second).all()
    assert set(second.tolist()) <= set(pool.tolist())


def test_every_partner_is_found() -> None:
    groups = np.asarray([0, 1, 0, 0, 0, 1])
    first, second = partners(groups, np.asarray([2]), np.arange(6), 300, np.random.default_rng(0))
    counts = Counter(second.tolist())
    assert set(first) == {2}
    assert set(counts) == {0, 3, 4}
    assert min(counts.values()) > 70


# --- probes ----------------------------------------------------------------------------------------------------------


def test_features_that_are_the_subject_leak_it_and_noise_does_not(
    people: tuple[Array, Array, np.random.Generator],
) -> None:
    labels, subjects, rng = people
    # More dimensions than images to learn from: a probe tested on what it learned would name every subject of noise.
    made = representations(labels, subjects, expression=rng.normal(size=(240, 300)), identity=one_hot(subjects))
    found = identity_leakage(made)
    assert found.values["identity/linear"] == found.values["identity/mlp"] == 1.0
    assert found.values["chance"] == pytest.approx(1 / 12, abs=1e-9)
    # 120 images at chance 1/12: more than 4.5 standard deviations above it.
    assert found.values["expression/linear"] < 0.2
    assert found.values["expression/mlp"] < 0.2
    assert found.settings["uniform_chance"] == 1 / 12
    assert (found.settings["images_learned_from"], found.settings["images_tested_on"]) == (120, 120)


def test_the_label_leaks_from_what_holds_it_alone(people: tuple[Array, Array, np.random.Generator]) -> None:
    labels, subjects, _ = people
    made = representations(labels, subjects, expression=one_hot(labels), identity=one_hot(subjects))
    found = expression_leakage(made)
    assert found.values["expression/linear"] == found.values["expression/mlp"] == 1.0
    assert found.values["identity/linear"] < 0.4
    assert found.values["chance"] == pytest.approx(1 / 5)
    assert identity_leakage(made).values["expression/linear"] < 0.2


def test_only_a_probe_that_bends_reads_an_exclusive_or() -> None:
    rng = np.random.default_rng(0)
    corners = rng.integers(0, 2, (800, 2))
    made = representations(corners.sum(axis=1) % 2, expression=2 * corners - 1 + 0.1 * rng.normal(size=(800, 2)))
    found = expression_leakage(made).values
    assert found["expression/linear"] < 0.8  # a line cuts off one corner of the four at best
    assert found["expression/mlp"] > 0.95


def test_subjects_with_a_single_image_are_left_out_and_counted() -> None:
    subjects = np.asarray([0, 0, 0, 1, 1, 2, 3, 3, 3, 3])
    found = identity_leakage(representations(np.zeros(10, dtype=int), subjects, expression=one_hot(subjects)))
    assert found.settings["subjects"] == 3
    assert found.settings["subjects_left_out"] == 1
    assert (found.settings["images_learned_from"], found.settings["images_tested_on"]) == (2 + 1 + 2, 1 + 1 + 2)
    assert found.values["chance"] == 2 / 4


@pytest.mark.parametrize("subjects", [[0, 1, 2, 3], [0, 0, 0, 0], [0, 0, 1, 2]])
def test_without_two_subjects_to_tell_apart_nothing_is_said_of_leakage(subjects: list[int]) -> None:
    made = representations(np.zeros(4, dtype=int), np.asarray(subjects), expression=np.eye(4))
    with pytest.raises(NotMeasured, match="fewer than two test subjects have two images or more"):
        identity_leakage(made)


def test_the_scale_of_a_feature_changes_nothing_of_what_a_probe_reads() -> None:
    rng = np.random.default_rng(1)
    subjects = np.repeat(np.arange(4), 20)
    plain = one_hot(subjects) + 0.8 * rng.normal(size=(80, 4))
    features = {"plain": plain, "scaled": 1000 * plain + 5, "constant": np.ones((80, 3))}
    found = identity_leakage(representations(subjects % 2, subjects, **features)).values
    assert found["plain/linear"] == found["scaled/linear"] > 0.4
    assert found["constant/linear"] == found["constant/mlp"] == 0.25


# --- retrieval -------------------------------------------------------------------------------------------------------


def retrieved_by_hand(made: Representations, depth: int, by: str) -> float | None:
    """Return precision@k with a loop over queries; equals share the room that is left for them."""
    unit = made.features["x"].astype(np.float64)
    unit /= np.maximum(np.linalg.norm(unit, axis=1, keepdims=True), 1e-12)
    groups = made.columns["subject"] if by == "subject" else made.labels
    shares = []
    for query in range(len(unit)):
        others = [other for other in range(len(unit)) if other != query]
        if by == "label-across-subjects":
            others = [o for o in others if made.columns["subject"][o] != made.columns["subject"][query]]
        if len(others) < depth:
            continue
        near = {other: round(float(unit[query] @ unit[other]), 6) for other in others}
        last = sorted(near.values(), reverse=True)[depth - 1]
        share = sum(groups[o] == groups[query] for o in others if near[o] > last)
        level = [o for o in others if near[o] == last]
        room = depth - sum(near[o] > last for o in others)
        share += room * sum(groups[o] == groups[query] for o in level) / len(level)
        shares.append(share / depth)
    return float(np.mean(shares)) if shares else None


@st.composite
def some_images(draw: st.DrawFn) -> Representations:
    """Draw images, many of them with equal features, of which some subjects have all or none of a class."""
    count = draw(st.integers(1, 24))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    features = (
        rng.normal(size=(count, 3))
        if draw(st.booleans())
        else np.asarray([[0, 0, 0], [1, 0, 0], [0, 2, 0], [1, 1, 0], [0, 0, 3]])[rng.integers(0, 5, count)]
    )
    return representations(rng.integers(0, 3, count), rng.integers(0, draw(st.integers(1, 6)), count), x=features)


@given(some_images(), st.sampled_from([1, 7, 512]))
def test_precision_is_that_of_a_loop_over_queries(made: Representations, chunk: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(retrieval, "CHUNK", chunk)
        found = retrieval.retrieval(made).values
    for depth in (1, 5, 10):
        for by in ("label", "subject", "label-across-subjects"):
            by_hand = retrieved_by_hand(made, depth, by)
            if by_hand is None:
                assert f"x/{by}@{depth}" not in found
            else:
                assert found[f"x/{by}@{depth}"] == pytest.approx(by_hand, abs=1e-6)


@given(some_images())
def test_chance_is_the_precision_of_features_that_say_nothing(made: Representations) -> None:
    """All images equally near: the first neighbour is any, each with the same weight."""
    level = representations(made.labels, made.columns["subject"], x=np.zeros((len(made), 2)))
    found = retrieval.retrieval(level).values
    for by in ("label", "subject", "label-across-subjects"):
        chance = found[f"chance/{by}"]
        assert math.isnan(chance) if f"x/{by}@1" not in found else chance == pytest.approx(found[f"x/{by}@1"])


@given(some_images(), st.integers(0, 99))
def test_the_order_of_the_images_decides_nothing(made: Representations, seed: int) -> None:
    mixed = made.take(np.random.default_rng(seed).permutation(len(made)))
    assert retrieval.retrieval(mixed).values == pytest.approx(retrieval.retrieval(made).values, abs=1e-6, nan_ok=True)


def test_finding_ones_own_other_images_is_no_recognition_of_the_class() -> None:
    subjects, labels = np.repeat(np.arange(6), 8), np.tile(np.repeat([0, 1], 4), 6)
    # Images of one subject and class are equal; those of another subject of the class are far away.
    found = retrieval.retrieval(representations(labels, subjects, x=one_hot(2 * subjects + labels))).values
    assert found["x/label@1"] == 1.0
    assert found["x/label-across-subjects@1"] == pytest.approx(0.5)


def test_without_subjects_retrieval_is_by_class_and_says_so() -> None:
    found = retrieval.retrieval(representations(np.asarray([0, 0, 1]), x=np.eye(3)))
    assert set(found.values) == {"x/label@1", "chance/label"}
    assert found.left_out == {"by subject": "the test data have no column subject"}


# --- distances -------------------------------------------------------------------------------------------------------


def test_overlap_of_known_histograms() -> None:
    assert intersection_over_union(np.asarray([3, 1, 4]), np.asarray([3, 1, 4])) == 1.0
    assert intersection_over_union(np.asarray([5, 0]), np.asarray([0, 5])) == 0.0
    assert intersection_over_union(np.asarray([2, 2, 0]), np.asarray([0, 2, 2])) == pytest.approx(2 / 6)


def test_distances_overlap_where_they_say_nothing_of_the_subject(
    people: tuple[Array, Array, np.random.Generator],
) -> None:
    labels, subjects, rng = people
    features = {
        "identity": 5 * one_hot(subjects) + 0.1 * rng.normal(size=(240, 12)),
        "noise": rng.normal(size=(240, 4)),
        "expression": one_hot(labels),
        "dead": np.zeros((240, 4)),
    }
    found = distance_overlap(representations(labels, subjects, **features))
    assert found.values["identity"] == 0.0
    assert found.values["dead"] == 1.0
    assert found.values["noise"] > 0.85
    assert found.values["expression"] > 0.9
    assert found.settings["pairs_of_each_kind"] == 12 * (20 * 19 // 2)
    for counts in found.arrays.values():
        assert np.asarray(counts).sum() == found.settings["pairs_of_each_kind"]


def test_the_histograms_are_those_of_a_loop_over_pairs() -> None:
    rng = np.random.default_rng(3)
    subjects = np.asarray([0, 0, 0, 1, 1, 1])  # six pairs within, nine between: six of the nine are drawn
    features = rng.normal(size=(6, 3)).astype(np.float32)
    found = distance_overlap(representations(subjects * 0, subjects, x=features))
    unit = [
        row / math.sqrt(sum(value * value for value in row)) for row in features.tolist() for row in [np.asarray(row)]
    ]
    bins = [0] * 40
    for a, b in combinations(range(6), 2):
        if subjects[a] == subjects[b]:
            bins[int(math.dist(unit[a], unit[b]) / 0.05)] += 1
    assert found.arrays["x/same"].tolist() == bins  # type: ignore[union-attr]
    assert sum(found.arrays["x/different"]) == 6


def test_as_many_pairs_of_either_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    subjects = np.repeat(np.arange(30), 2)
    made = representations(subjects * 0, subjects, x=np.random.default_rng(0).normal(size=(60, 3)))
    assert distance_overlap(made).settings["pairs_of_each_kind"] == 30
    monkeypatch.setattr(distances, "MOST_PAIRS", 11)
    assert distance_overlap(made).settings["pairs_of_each_kind"] == 11


@pytest.mark.parametrize("subjects", [[0, 0, 0], [0, 1, 2], [0]])
def test_pairs_of_one_kind_have_nothing_to_overlap_with(subjects: list[int]) -> None:
    made = representations(np.zeros(len(subjects), dtype=int), np.asarray(subjects), x=np.eye(len(subjects)))
    with pytest.raises(NotMeasured, match="of one subject, or no subject has two"):
        distance_overlap(made)


@given(some_images())
def test_scatter_is_that_of_a_loop_over_images(made: Representations) -> None:
    present = sorted(set(made.labels.tolist()))
    if len(present) < 2:
        with pytest.raises(NotMeasured, match="of one class"):
            class_scatter(made)
        return
    rows = [np.asarray(row, dtype=np.float64) for row in made.features["x"].tolist()]
    unit = [row / (math.sqrt(float(row @ row)) or 1) for row in rows]
    members = {label: [u for u, own in zip(unit, made.labels, strict=True) if own == label] for label in present}
    centres = {label: sum(images) / len(images) for label, images in members.items()}
    between = [math.dist(centres[a], centres[b]) for a, b in combinations(present, 2)]
    within = [math.dist(u, centres[own]) for u, own in zip(unit, made.labels.tolist(), strict=True)]
    found = class_scatter(made).values["x"]
    if np.mean(within) > 1e-6:
        assert found == pytest.approx(np.mean(between) / np.mean(within), rel=1e-4, abs=1e-6)
    else:
        assert math.isinf(found)


# --- what all have in common -----------------------------------------------------------------------------------------

METRICS: list[Callable[[Representations], Measured]] = [
    identity_leakage, expression_leakage, retrieval.retrieval, distance_overlap, class_scatter,
]  # fmt: skip


@pytest.mark.parametrize("metric", METRICS)
def test_the_same_seed_gives_the_same(
    metric: Callable[[Representations], Measured],
    people: tuple[Array, Array, np.random.Generator],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    labels, subjects, rng = people
    monkeypatch.setattr(leakage, "MOST", 150)
    monkeypatch.setattr(retrieval, "MOST", 150)
    monkeypatch.setattr(distances, "MOST_PAIRS", 500)
    features = {
        "expression": rng.normal(size=(240, 6)),
        "identity": rng.normal(size=(240, 3)) + one_hot(subjects)[:, :3],
    }
    before = [state.copy() for state in np.random.get_state() if isinstance(state, np.ndarray)]
    first, again, other = (metric(representations(labels, subjects, seed, **features)) for seed in (4, 4, 5))
    assert first.values == again.values
    assert {name: list(values) for name, values in first.arrays.items()} == {
        name: list(values) for name, values in again.arrays.items()
    }
    if metric is not class_scatter:  # it draws nothing
        assert first.values != other.values
    assert [(now == then).all() for now, then in zip(np.random.get_state()[1:2], before, strict=True)] == [True]
