"""Subjects: who a face belongs to. Shape, skin, hair and eyes are drawn once for all of a subject's images."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from ferbench_synthfaces import assets
from ferbench_synthfaces.assets import Floats, Target
from ferbench_synthfaces.head import load_head

ANCESTRIES = ("african", "asian", "caucasian")
"""The names of the base mesh's ancestry targets; a subject is a mixture of them."""

HAIR_STYLES = ("shaved", "short", "full", "receding", "long")


@dataclass(frozen=True)
class Traits:
    """What is random about a subject, before any geometry.

    Attributes:
        sex: 0 female to 1 male.
        age: years.
        ancestry: (3,) mixture over `ANCESTRIES`, sums to 1.
        weight: -1 lean to 1 heavy.
        details: strength of each identity detail, −1 to 1, by the name of its axis.
        look: colours and hair.
    """

    sex: float
    age: float
    ancestry: tuple[float, float, float]
    weight: float
    details: dict[str, float]
    look: Look


@dataclass(frozen=True)
class Look:
    """Colours (linear RGB, 0 to 1) and what is painted on the skin.

    Attributes:
        skin: base colour.
        lips: colour of the lips.
        hair: colour of the hair, brows a little darker.
        iris: colour of the iris.
        cloth: colour of what is worn.
        redness: of cheeks and nose, 0 to 1.
        freckles: 0 to 1.
        creases: lines at rest, 0 (young) to 1 (old).
        brow_width: half thickness of the brows, decimetres.
        brow_arch: how far the brow's peak lies above its inner end, decimetres.
        hairline: height of the hairline over its usual place, decimetres.
        hair_style: one of `HAIR_STYLES`.
        hair_volume: thickness of the hair, decimetres.
        beard: density of the beard, 0 (none) to 1 (full).
        noise_seed: of the skin's and hair's texture.
    """

    skin: Floats
    lips: Floats
    hair: Floats
    iris: Floats
    cloth: Floats
    redness: float
    freckles: float
    creases: float
    brow_width: float
    brow_arch: float
    hairline: float
    hair_style: str
    hair_volume: float
    beard: float
    noise_seed: int


_SKIN = {  # sRGB, dark and light end of each ancestry's range
    "african": ((0.30, 0.19, 0.13), (0.58, 0.40, 0.29)),
    "asian": ((0.74, 0.55, 0.40), (0.93, 0.77, 0.63)),
    "caucasian": ((0.80, 0.60, 0.48), (0.97, 0.83, 0.75)),
}
_HAIR = ((0.05, 0.04, 0.04), (0.16, 0.10, 0.07), (0.30, 0.19, 0.11), (0.58, 0.42, 0.22), (0.45, 0.18, 0.08))
_IRIS = ((0.20, 0.11, 0.06), (0.34, 0.21, 0.10), (0.30, 0.42, 0.55), (0.33, 0.42, 0.28), (0.45, 0.48, 0.50))
_GREY = (0.62, 0.61, 0.60)


def linear(srgb: NDArray[np.floating[Any]]) -> Floats:
    """Map display values to light; a square is near enough to sRGB's curve and cheap to invert."""
    return np.square(srgb.astype(np.float32))


def sample_traits(random: Generator) -> Traits:
    """Draw a subject."""
    sex = float(np.clip(random.choice((0.0, 1.0)) + random.normal(0, 0.12), 0, 1))
    age = float(random.uniform(18, 75))
    ancestry = random.dirichlet((0.35, 0.35, 0.35))
    return Traits(
        sex=sex,
        age=age,
        ancestry=(float(ancestry[0]), float(ancestry[1]), float(ancestry[2])),
        weight=float(np.clip(random.normal(0, 0.5), -1, 1)),
        details={name: float(np.clip(random.normal(0, size), -1, 1)) for name, size in _detail_sizes().items()},
        look=_sample_look(sex, age, ancestry.astype(np.float32), random),
    )


def _sample_look(sex: float, age: float, ancestry: Floats, random: Generator) -> Look:
    tone = random.uniform(0, 1)
    ends = np.array([_SKIN[name] for name in ANCESTRIES], dtype=np.float32)
    skin = np.einsum("a,ac->c", ancestry, ends[:, 0] * (1 - tone) + ends[:, 1] * tone)
    light_eyed = random.random() < 0.6 * ancestry[2]
    hair = _HAIR[random.choice(5, p=(0.2, 0.25, 0.25, 0.2, 0.1))] if ancestry[2] > 0.5 else _HAIR[random.choice(2)]
    grey = float(np.clip((age - 45) / 35 + random.normal(0, 0.25), 0, 1))
    male = sex > 0.5
    styles = (0.15, 0.5, 0.17, 0.15, 0.03) if male else (0.02, 0.18, 0.25, 0.0, 0.55)
    lips = skin * (0.92, 0.70, 0.70) if male else skin * (0.92, 0.56, 0.58)
    return Look(
        skin=linear(skin),
        lips=linear(np.clip(lips + random.normal(0, 0.02, 3), 0.05, 1)),
        hair=linear(np.array(hair) * (1 - grey) + np.array(_GREY) * grey),
        iris=linear(np.array(_IRIS[2 + random.choice(3)] if light_eyed else _IRIS[random.choice(2)])),
        cloth=linear(random.uniform(0.05, 0.9, size=3)),
        redness=float(random.uniform(0.2, 1)),
        freckles=float(max(random.normal(-0.3, 0.5), 0) * ancestry[2]),
        creases=float(np.clip((age - 35) / 40, 0, 1)),
        brow_width=float(random.uniform(0.024, 0.040) if male else random.uniform(0.016, 0.028)),
        brow_arch=float(random.uniform(0.01, 0.05) if male else random.uniform(0.03, 0.08)),
        hairline=float(random.normal(0, 0.07)),
        hair_style=str(random.choice(HAIR_STYLES, p=styles)),
        hair_volume=float(random.uniform(0.05, 0.16) if male else random.uniform(0.1, 0.28)),
        beard=float(np.clip(random.normal(0.15, 0.5), 0, 1) if male else 0.0),
        noise_seed=int(random.integers(2**31)),
    )


_OPPOSITES = {"incr": "decr", "up": "down", "out": "in", "forward": "backward", "convex": "concave"}
_OPPOSITES |= {"uncompress": "compress"}

_LEFT_OUT = re.compile(
    r"head/head-(trans|angle|age)|neck/(neck-trans|neck-scale-vert|measure-neck-height)|mouth-angles"
)
"""They move the whole head, or make at rest what an expression makes."""

_SIZES = (
    (re.compile(r"nubian"), 0.08),
    (re.compile(r"forehead-|head-back|head-scale|head/head"), 0.18),
    (re.compile(r"eyebrows|eye-eyefold|eye-height|eye-corner|laugh|dimples"), 0.25),
    (re.compile(r"mouth/mouth-(?!trans-out)"), 0.22),
    (re.compile(r"(mouth|nose)-trans-out|ear-shape|ear-trans|ear-rot"), 0.15),
)
"""Standard deviations of axes that are stronger, or nearer to an expression, than the rest; the others have 0.35."""


@lru_cache(maxsize=1)
def detail_axes() -> dict[str, tuple[tuple[str, ...], tuple[str, ...]]]:
    """Return the identity axes: name → (targets of its positive end, targets of its negative end).

    Left and right targets belong to one axis; an axis whose negative end has no targets goes one way only.
    """
    names = [name for name in assets.detail_names() if not _LEFT_OUT.search(name)]
    axes: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {}
    for name in names:
        stem, _, end = name.rpartition("-")
        axis = re.sub(r"/[lr]-", "/", f"{stem}-{next((k for k, v in _OPPOSITES.items() if v == end), end)}")
        positive, negative = axes.get(axis, ((), ()))
        axes[axis] = (positive, (*negative, name)) if end in _OPPOSITES.values() else ((*positive, name), negative)
    return axes


@lru_cache(maxsize=1)
def _detail_sizes() -> dict[str, float]:
    return {axis: next((size for rule, size in _SIZES if rule.search(axis)), 0.35) for axis in sorted(detail_axes())}


def shape(traits: Traits) -> Floats:
    """Return the subject's face at rest: (V, 3) vertices of the head, decimetres."""
    vertices = load_head().vertices.copy()
    for name, weight in _macro_weights(traits).items():
        if weight > 1e-3:
            _move(vertices, _macro(name), weight)
    for axis, strength in traits.details.items():
        for name in detail_axes()[axis][0 if strength > 0 else 1]:
            _move(vertices, _detail(name), abs(strength))
    return vertices


def _macro_weights(traits: Traits) -> dict[str, float]:
    """Return the weight of each macro target: products over ancestry, sex, age and weight, as MakeHuman blends them."""
    old = float(np.clip((traits.age - 25) / 55, 0, 1))
    heavy = {"minweight": max(-traits.weight, 0), "averageweight": 1 - abs(traits.weight)}
    heavy["maxweight"] = max(traits.weight, 0)
    weights: dict[str, float] = {}
    for sex, sex_share in (("female", 1 - traits.sex), ("male", traits.sex)):
        for age, age_share in (("young", 1 - old), ("old", old)):
            for ancestry, share in zip(ANCESTRIES, traits.ancestry, strict=True):
                weights[f"{ancestry}-{sex}-{age}"] = sex_share * age_share * share
            for weight, share in heavy.items():
                weights[f"universal-{sex}-{age}-averagemuscle-{weight}"] = sex_share * age_share * share
    return weights


@lru_cache(maxsize=64)
def _macro(name: str) -> Target:
    return load_head().restrict(assets.macro(name))


@lru_cache(maxsize=512)
def _detail(name: str) -> Target:
    return load_head().restrict(assets.detail(name))


def _move(vertices: Floats, target: Target, strength: float) -> None:
    vertices[target.index] += np.float32(strength) * target.offset
