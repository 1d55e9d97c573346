"""Painting a subject's texture atlas: skin, lips, brows, hair, beard, eyes, teeth, cloth; no photograph is used."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import cv2
import numpy as np
from numpy.random import Generator

from ferbench_synthfaces.assets import Floats
from ferbench_synthfaces.canvas import Canvas, fixed_stroke, load_canvas, spot, stroke
from ferbench_synthfaces.hair import scalp
from ferbench_synthfaces.head import ATLAS, PANELS
from ferbench_synthfaces.subjects import Look

_BROW_INNER, _BROW_PEAK, _BROW_OUTER = (0.135, 7.46), (0.37, 7.50), (0.55, 7.43)
"""(x, y) of the left brow on the template, decimetres: where the shapes `browInnerUp`, `browDown` and `browOuterUp`
have their centres."""


def paint(look: Look) -> Floats:
    """Paint the atlas of a subject: (ATLAS, ATLAS, 3) linear RGB."""
    canvas = load_canvas()
    random = np.random.default_rng(look.noise_seed)
    atlas = np.zeros((ATLAS, ATLAS, 3), dtype=np.float32)
    skin = _skin(canvas, look, random)
    _beard(skin, canvas, look, random)
    _eyes_and_mouth(skin, canvas, look)
    _brows(skin, canvas, look, random)
    _scalp_hair(skin, canvas, look, random)
    atlas[PANELS["head"].slices()] = skin
    atlas[PANELS["eye"].slices()] = _eye(look)
    atlas[PANELS["teeth"].slices()] = _teeth()
    atlas[PANELS["tongue"].slices()] = (0.24, 0.06, 0.06)
    atlas[PANELS["mouth"].slices()] = (0.06, 0.012, 0.012)
    atlas[PANELS["torso"].slices()] = _torso(look)
    atlas[PANELS["hair"].slices()] = _locks(look, random)
    return atlas


def blend(under: Floats, colour: Floats, cover: Floats) -> None:
    """Lay a colour (3,) or (h, w, 3) over `under` (h, w, 3), in place, as far as `cover` (h, w) says."""
    where = _extent(cover)
    patch = under[where]
    patch += ((colour if colour.ndim == 1 else colour[where]) - patch) * cover[where][..., None]


def _extent(cover: Floats) -> tuple[slice, slice]:
    """Return the rows and columns that hold all of `cover` (h, w): lips and lashes fill little of the panel."""
    rows = np.flatnonzero(cover.max(axis=1) > _INVISIBLE)
    columns = np.flatnonzero(cover.max(axis=0) > _INVISIBLE)
    if not len(rows):
        return slice(0, 0), slice(0, 0)
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


_INVISIBLE = 1 / 512
"""A cover of less than half a step of an 8-bit image."""


def noise(random: Generator, shape: tuple[int, int], grain: tuple[float, float]) -> Floats:
    """Return smooth noise of mean 0 and standard deviation 1.

    Args:
        random: where it comes from.
        shape: rows and columns.
        grain: size of its spots in texels, along columns and rows.
    """
    coarse = (max(int(shape[0] / grain[1]), 2), max(int(shape[1] / grain[0]), 2))
    spots = random.standard_normal(coarse, dtype=np.float32)
    return np.asarray(cv2.resize(spots, shape[::-1], interpolation=cv2.INTER_CUBIC), dtype=np.float32)


def _skin(canvas: Canvas, look: Look, random: Generator) -> Floats:
    shape = canvas.x.shape
    mottled = 1 + 0.025 * noise(random, shape, (12, 12)) + 0.03 * noise(random, shape, (2.5, 2.5))
    skin = np.asarray(look.skin * mottled[..., None], dtype=np.float32)
    flush = spot((0.42, 6.95), (0.16, 0.14)) + 0.8 * spot((0.0, 6.92), (0.10, 0.08)) + 0.4 * canvas.ears
    skin *= 1 - (0.28 * look.redness) * np.clip(flush, 0, 1)[..., None] * np.array((0.15, 1.0, 0.9), dtype=np.float32)
    socket = spot((0.31, 7.33), (0.20, 0.09))
    skin *= 1 - 0.22 * socket[..., None]
    if look.freckles > 0:
        spots = np.clip(noise(random, shape, (3, 3)) - 1.2, 0, 1) * spot((0.25, 7.0), (0.3, 0.2))
        blend(skin, look.skin * np.array((0.6, 0.45, 0.35), dtype=np.float32), np.clip(spots * look.freckles, 0, 0.7))
    for name, at_rest in (("forehead", 0.35), ("nasolabial", 0.5), ("crow", 0.4), ("frown", 0.2)):
        skin *= 1 - at_rest * look.creases * crease_maps()[name][..., None]
    return skin


def _eyes_and_mouth(skin: Floats, canvas: Canvas, look: Look) -> None:
    blend(skin, look.skin * np.array((0.80, 0.70, 0.68), dtype=np.float32), 0.7 * canvas.eyelids)
    lash = fixed_stroke(((0.185, 7.255), (0.23, 7.305), (0.31, 7.335), (0.39, 7.325), (0.47, 7.275)), 0.013)
    blend(skin, np.full(3, 0.015, dtype=np.float32), np.clip(1.1 * lash, 0, 0.9))
    blend(skin, look.lips, 0.85 * canvas.lips)
    parting = fixed_stroke(((0.0, 6.635), (0.14, 6.63), (0.28, 6.645)), 0.012)
    skin *= 1 - 0.6 * parting[..., None]
    nostrils = spot((0.085, 6.845), (0.035, 0.018))
    skin *= 1 - 0.75 * nostrils[..., None]


def _brows(skin: Floats, canvas: Canvas, look: Look, random: Generator) -> None:
    peak = (_BROW_PEAK[0], _BROW_PEAK[1] + look.brow_arch - 0.03)
    body = stroke((_BROW_INNER, peak), look.brow_width)
    tail = stroke((peak, _BROW_OUTER), 0.75 * look.brow_width)
    hairs = 0.85 + 0.15 * noise(random, canvas.x.shape, (4, 1.5))
    blend(skin, 0.5 * look.hair, np.clip(1.35 * np.maximum(body, tail) * hairs, 0, 0.93))


def _beard(skin: Floats, canvas: Canvas, look: Look, random: Generator) -> None:
    if look.beard <= 0:
        return
    jaw = np.clip(
        np.minimum((6.86 - canvas.y) / 0.18, (canvas.y - 6.15) / 0.1) + 0.9 * (np.abs(canvas.x) - 0.42) / 0.3, 0, 1
    ) * np.clip((canvas.z - 0.45) / 0.35, 0, 1)
    moustache = spot((0.12, 6.765), (0.13, 0.035))
    bare = spot((0.0, 6.53), (0.16, 0.03))
    area = np.clip(np.maximum(jaw, moustache) - 0.8 * bare, 0, 1) * (1 - canvas.lips) * (1 - canvas.ears)
    grain = np.clip(0.75 + 0.25 * noise(random, canvas.x.shape, (2, 2)), 0, 1)
    blend(skin, 0.7 * look.hair, area * grain * min(0.25 + 0.7 * look.beard, 0.9) * (look.beard > 0.1))


def _scalp_hair(skin: Floats, canvas: Canvas, look: Look, random: Generator) -> None:
    cover = scalp(np.stack([canvas.x, canvas.y, canvas.z], axis=-1), look) * (1 - canvas.ears)
    strands = 1 + 0.22 * noise(random, canvas.x.shape, (24, 2.0)) + 0.12 * noise(random, canvas.x.shape, (8, 1.5))
    colour = look.hair * np.clip(strands, 0.4, 1.8)[..., None]
    blend(skin, colour, cover * (0.55 if look.hair_style == "shaved" else 0.97))


def _locks(look: Look, random: Generator) -> Floats:
    shape = (PANELS["hair"].height, PANELS["hair"].width)
    strands = 1 + 0.25 * noise(random, shape, (2.0, 40)) + 0.12 * noise(random, shape, (1.2, 12))
    return np.asarray(look.hair * np.clip(strands, 0.4, 1.8)[..., None], dtype=np.float32)


def _eye(look: Look) -> Floats:
    panel = PANELS["eye"]
    rows, columns = np.mgrid[: panel.height, : panel.width].astype(np.float32)
    across = (columns + 0.5) / panel.width - 0.5
    down = (rows + 0.5) / panel.height - 0.5
    radius = np.hypot(across, down)
    eye = np.empty((panel.height, panel.width, 3), dtype=np.float32)
    eye[:] = (0.80, 0.77, 0.74)
    eye *= (1 - 0.55 * np.clip(np.abs(across) * 2.4 - 0.35, 0, 1))[..., None]
    ring = 1 - 0.5 * np.clip((radius - 0.17) / 0.05, 0, 1)
    blend(eye, look.iris * ring[..., None], np.clip((0.235 - radius) / 0.02, 0, 1))
    blend(eye, np.full(3, 0.004, dtype=np.float32), np.clip((0.095 - radius) / 0.02, 0, 1))
    glint = np.hypot(across + 0.07, down + 0.08)
    blend(eye, np.full(3, 1.3, dtype=np.float32), np.clip((0.05 - glint) / 0.015, 0, 1))
    return eye


def _teeth() -> Floats:
    panel = PANELS["teeth"]
    across = (np.arange(panel.width, dtype=np.float32) + 0.5) / panel.width
    gaps = np.exp(-0.5 * (((across * 12) % 1 - 0.5) / 0.10) ** 2)
    teeth = np.empty((panel.height, panel.width, 3), dtype=np.float32)
    teeth[:] = (0.74, 0.70, 0.60)
    teeth *= (1 - 0.3 * gaps)[None, :, None]
    return teeth


def _torso(look: Look) -> Floats:
    panel = PANELS["torso"]
    rows, columns = np.mgrid[: panel.height, : panel.width].astype(np.float32)
    torso = np.empty((panel.height, panel.width, 3), dtype=np.float32)
    torso[:] = look.skin * 0.92
    across = np.abs((columns + 0.5) / panel.width - 0.5)
    collar = (rows / panel.height - 0.44 - 0.10 * np.exp(-((across / 0.08) ** 2))) / 0.015
    blend(torso, look.cloth, np.clip(collar, 0, 1))
    return torso


@lru_cache(maxsize=1)
def crease_maps() -> Mapping[str, Floats]:
    """Return where the skin folds: name → (h, w) map of the head's panel, 0 to 1 (darkest)."""
    canvas = load_canvas()
    lines = [stroke(((0.0, y), (0.25, y + 0.015), (0.48, y - 0.03)), 0.017) for y in (7.65, 7.74, 7.83)]
    bridge = [stroke(((0.0, y), (0.09, y + 0.03)), 0.012) for y in (7.22, 7.29, 7.36)]
    feet = [stroke(((0.54, 7.27), (0.64, 7.27 + rise)), 0.010) for rise in (0.06, 0.0, -0.06)]
    return {
        "forehead": np.maximum.reduce(lines) * np.exp(-0.5 * (canvas.x / 0.25) ** 2),
        "frown": stroke(((0.055, 7.38), (0.065, 7.58)), 0.014),
        "nose": np.maximum.reduce(bridge),
        "crow": np.maximum.reduce(feet),
        "nasolabial": stroke(((0.17, 6.97), (0.28, 6.83), (0.385, 6.62)), 0.020),
        "chin": stroke(((0.0, 6.475), (0.12, 6.46)), 0.022),
    }


CREASED_BY = {
    "forehead": (("browInnerUp", 0.16), ("browOuterUpLeft", 0.12), ("browOuterUpRight", 0.12)),
    "frown": (("browDownLeft", 0.22), ("browDownRight", 0.22)),
    "nose": (("noseSneerLeft", 0.28), ("noseSneerRight", 0.28)),
    "crow": (("cheekSquintLeft", 0.25), ("cheekSquintRight", 0.25)),
    "nasolabial": (
        ("mouthSmileLeft", 0.2),
        ("mouthSmileRight", 0.2),
        ("noseSneerLeft", 0.15),
        ("noseSneerRight", 0.15),
    ),
    "chin": (("mouthShrugLower", 0.6),),
}
"""How much each ARKit shape at full strength darkens each fold: the mesh is too coarse to fold by itself."""


def fold_shade(weights: Mapping[str, float]) -> Floats:
    """Return what the folds of an expression (ARKit name → weight) leave of the light: (ATLAS, ATLAS), 0.2 to 1."""
    shade = np.ones((ATLAS, ATLAS), dtype=np.float32)
    where = _creased_part()
    part = shade[PANELS["head"].slices()][where]
    for name, causes in CREASED_BY.items():
        depth = min(sum(share * weights.get(shape, 0.0) for shape, share in causes), 0.6)
        if depth > 0.02:
            part -= np.float32(depth) * crease_maps()[name][where]
    np.maximum(part, 0.2, out=part)
    return shade


@lru_cache(maxsize=1)
def _creased_part() -> tuple[slice, slice]:
    """Return the rows and columns of the head's panel that hold every fold: the rest need not be touched."""
    return _extent(np.maximum.reduce(list(crease_maps().values())))
