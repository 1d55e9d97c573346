"""A subject made ready for rendering, and its vertices under an expression."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ferbench_synthfaces import assets
from ferbench_synthfaces.assets import Floats, Target
from ferbench_synthfaces.hair import arrange_locks, stand_off
from ferbench_synthfaces.head import load_head
from ferbench_synthfaces.landmarks import load_anatomy
from ferbench_synthfaces.paint import paint
from ferbench_synthfaces.subjects import Traits, shape


@dataclass(frozen=True)
class Model:
    """A subject made ready for rendering.

    Attributes:
        rest: (V, 3) vertices at rest.
        lift: (V,) how far the hair lifts each vertex along its normal, decimetres.
        atlas: the painted atlas.
    """

    rest: Floats
    lift: Floats
    atlas: Floats


def build_model(traits: Traits) -> Model:
    """Shape and paint a subject (tens of milliseconds; once a subject)."""
    return Model(
        rest=arrange_locks(_centred(_with_teeth(shape(traits))), traits.look),
        lift=stand_off(load_head().vertices, traits.look),
        atlas=paint(traits.look),
    )


def _with_teeth(rest: Floats) -> Floats:
    """Move teeth and tongue with the lips: identity targets shape the skin, and forget what is behind it."""
    anatomy, moved = load_anatomy(), rest - load_head().vertices
    for inner, lip in ((anatomy.upper_teeth, anatomy.upper_lip), (anatomy.lower_teeth, anatomy.lower_lip)):
        rest[inner] += moved[lip].mean(axis=0) - moved[inner].mean(axis=0)
    return rest


def _centred(rest: Floats) -> Floats:
    """Bring eyes and mouth to the template's place and distance, so that one camera frames every subject."""
    anatomy = load_anatomy()
    middle, size = anatomy.frame(rest)
    usual_middle, usual_size = anatomy.frame(load_head().vertices)
    return np.asarray((rest - middle) * np.float32(usual_size / size) + usual_middle, dtype=np.float32)


@lru_cache(maxsize=64)
def _expression(name: str) -> Target:
    return load_head().restrict(assets.expression(name))


def express(model: Model, weights: Mapping[str, float]) -> Floats:
    """Return the subject's vertices (V, 3) under an expression (ARKit name → weight)."""
    vertices = model.rest.copy()
    for name in sorted(weights):
        if abs(weights[name]) > 1e-3:
            target = _expression(name)
            vertices[target.index] += np.float32(weights[name]) * target.offset
    return vertices
