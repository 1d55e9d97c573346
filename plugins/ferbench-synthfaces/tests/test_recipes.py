"""Recipes name shapes that exist, and are drawn as documented."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferbench_synthfaces import assets
from ferbench_synthfaces.paint import CREASED_BY
from ferbench_synthfaces.recipes import EXPRESSIONS, RECIPES, add, idle, perform, recipe_weights

seeds = st.integers(min_value=0, max_value=2**32 - 1)


def test_assets_hold_arkits_52_shapes() -> None:
    assert len(assets.expression_names()) == 52


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_recipes_use_only_shapes_that_the_assets_hold(expression: str) -> None:
    assert set(recipe_weights(expression)) <= set(assets.expression_names())


def test_idle_motion_and_folds_use_only_shapes_that_the_assets_hold() -> None:
    used = set(idle(np.random.default_rng(0))) | {shape for causes in CREASED_BY.values() for shape, _ in causes}
    assert used <= set(assets.expression_names())


def test_recipes_cover_the_classes_and_differ() -> None:
    assert tuple(sorted(RECIPES)) == tuple(sorted(EXPRESSIONS))
    assert len({tuple(sorted(recipe_weights(name).items())) for name in EXPRESSIONS}) == len(EXPRESSIONS)


@given(expression=st.sampled_from(EXPRESSIONS), intensity=st.floats(0, 1.5), seed=seeds)
def test_a_performance_never_exceeds_its_recipe_by_far(expression: str, intensity: float, seed: int) -> None:
    full = recipe_weights(expression)
    drawn = perform(expression, intensity, np.random.default_rng(seed))
    assert set(drawn) <= set(full)
    assert all(0 <= weight <= 2.5 * intensity * full[name] for name, weight in drawn.items())


@given(expression=st.sampled_from(EXPRESSIONS), seed=seeds)
def test_only_one_side_of_a_performance_is_weaker(expression: str, seed: int) -> None:
    drawn = perform(expression, 1.0, np.random.default_rng(seed))
    pairs = [(drawn[name], drawn[name.replace("Left", "Right")]) for name in drawn if name.endswith("Left")]
    assert all(left <= right for left, right in pairs) or all(left >= right for left, right in pairs)
    assert all(min(pair) >= 0.74 * max(pair) for pair in pairs)


def test_adding_performances_weighs_them() -> None:
    assert add([(0.5, {"jawOpen": 1.0}), (2.0, {"jawOpen": 0.25, "mouthSmileLeft": 1.0})]) == {
        "jawOpen": 1.0,
        "mouthSmileLeft": 2.0,
    }


def readme_row(expression: str) -> str:
    actions = [
        f"{action.units} {action.shape} {action.strength:g}" + (f" ({action.chance:.0%})" if action.chance < 1 else "")
        for action in RECIPES[expression]
    ]
    return f"| {expression} | {' · '.join(actions)} |"


@pytest.mark.parametrize("expression", [name for name in EXPRESSIONS if RECIPES[name]])
def test_readme_prints_the_recipes_as_they_are(expression: str) -> None:
    readme = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    assert readme_row(expression) in readme
