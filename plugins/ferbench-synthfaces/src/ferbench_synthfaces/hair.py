"""Hair: where it grows on the template's head, and how far it stands off."""

from __future__ import annotations

import numpy as np

from ferbench_synthfaces.assets import Floats
from ferbench_synthfaces.head import load_head
from ferbench_synthfaces.subjects import Look

_LINE_Z = (-0.5, -0.1, 0.25, 0.45, 0.66, 0.80, 0.95, 1.15, 1.45)
_LINE_Y = (6.55, 6.65, 6.95, 7.25, 7.05, 7.15, 7.62, 7.86, 7.99)
"""The hairline seen from the side, nape to forehead: the height (decimetres) above which hair grows, for each z."""

_RECEDE_Z = (0.0, 0.7, 0.95, 1.15, 1.45)
_RECEDE_Y = (0.0, 0.0, 0.35, 0.42, 0.30)
"""How much higher the hairline lies on a receding head."""


def scalp(points: Floats, look: Look) -> Floats:
    """Return how densely hair covers points (…, 3) of the template, 0 to 1."""
    x, y, z = points[..., 0], points[..., 1], points[..., 2]
    line = np.interp(z, _LINE_Z, _LINE_Y) + look.hairline * (z > 0.8)
    if look.hair_style == "receding":
        line = line + np.interp(z, _RECEDE_Z, _RECEDE_Y)
    # A forehead is bare in the middle and hair comes lower at the temples: seen from the front, an arch.
    line = line - 0.5 * np.clip(np.abs(x) - 0.45, 0, 0.4) * (z > 0.9)
    return np.asarray(np.clip((y - line) / 0.06, 0, 1), dtype=np.float32)


_FULLNESS = {"short": 0.6, "receding": 0.5, "full": 1.0, "long": 0.3}
"""Of the hair's volume, how much lies on the scalp; long hair's is in its locks."""


def stand_off(points: Floats, look: Look) -> Floats:
    """Return how far the hair lifts the surface at points (V, 3) of the template: (V,) decimetres."""
    if look.hair_style == "shaved":
        return np.zeros(len(points), dtype=np.float32)
    x, y, z = points[:, 0], points[:, 1], points[:, 2]
    line = np.interp(z, _LINE_Z, _LINE_Y)
    if look.hair_style == "receding":
        line = line + np.interp(z, _RECEDE_Z, _RECEDE_Y)
    rise = np.clip((y - line) / 0.25, 0, 1)
    volume = look.hair_volume * _FULLNESS[look.hair_style]
    waves = 1 + 0.18 * np.sin(9 * x + look.noise_seed % 7) * np.sin(8 * z + look.noise_seed % 5)
    return np.asarray(volume * rise * waves, dtype=np.float32)


def arrange_locks(rest: Floats, look: Look) -> Floats:
    """Return a head at rest (V, 3) with its locks let down, or hidden where the subject has no long hair.

    The triangles are the same for every subject; locks drawn into one point inside the head have no area.
    """
    rest = rest.copy()
    rungs = load_head().rungs
    if look.hair_style != "long":
        rest[rungs] = (0.0, 7.3, 0.3)
        return rest
    middle = rest[rungs].mean(axis=1, keepdims=True)
    rest[rungs] = middle * (1 + look.hair_volume / 2, 1, 1) + (rest[rungs] - middle) * _LOCK_WIDTH
    return rest


_LOCK_WIDTH = 1.35
"""Locks are widened, so that neighbours overlap and leave no gap."""
