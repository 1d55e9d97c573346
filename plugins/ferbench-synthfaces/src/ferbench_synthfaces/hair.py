"""Hair: where it grows on the template's head, and how far it stands off."""

from __future__ import annotations

import numpy as np

from ferbench_synthfaces.assets import Floats
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


def stand_off(points: Floats, look: Look) -> Floats:
    """Return how far the hair lifts the surface at points (V, 3) of the template: (V,) decimetres."""
    if look.hair_style == "shaved":
        return np.zeros(len(points), dtype=np.float32)
    x, y, z = points[:, 0], points[:, 1], points[:, 2]
    line = np.interp(z, _LINE_Z, _LINE_Y)
    if look.hair_style == "receding":
        line = line + np.interp(z, _RECEDE_Z, _RECEDE_Y)
    rise = np.clip((y - line) / 0.25, 0, 1)
    volume = look.hair_volume * (1.0 if look.hair_style == "full" else 0.6)
    waves = 1 + 0.18 * np.sin(9 * x + look.noise_seed % 7) * np.sin(8 * z + look.noise_seed % 5)
    return np.asarray(volume * rise * waves, dtype=np.float32)
