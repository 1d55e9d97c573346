"""Rendering: one subject, one expression, one camera, one light → a portrait without background."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from ferbench_synthfaces.assets import Floats
from ferbench_synthfaces.camera import Light, View
from ferbench_synthfaces.head import ATLAS, PANELS, load_head
from ferbench_synthfaces.landmarks import load_anatomy
from ferbench_synthfaces.model import Model, express
from ferbench_synthfaces.paint import fold_shade

_NEAR, _FAR = 1.0, 100.0
_SUPERSAMPLING = 2

_GLOSS = {"head": 0.10, "eye": 0.5, "teeth": 0.35, "tongue": 0.3, "mouth": 0.1, "torso": 0.0, "hair": 0.12}
"""How much each panel shines."""


@dataclass(frozen=True)
class Portrait:
    """What a camera sees of a subject, without a background.

    Attributes:
        colour: (size, size, 3) linear RGB, times `cover`.
        cover: (size, size) share of each pixel that the subject fills, 0 to 1.
        landmarks: (5, 2) pixels: right eye, left eye, nose tip, right and left mouth corner (the subject's).
        visible: (5,) False where the head itself hides the landmark.
        box: left, top, right, bottom of the face (forehead to chin), pixels.
    """

    colour: Floats
    cover: Floats
    landmarks: Floats
    visible: NDArray[np.bool_]
    box: tuple[float, float, float, float]


def portray(model: Model, weights: Mapping[str, float], view: View, light: Light, size: int) -> Portrait:
    """Render a subject at `size` × `size` pixels, smoothed from twice that."""
    head = load_head()
    vertices = express(model, weights)
    normals = head.normals(vertices)
    seen = view.to_camera(vertices + normals * model.lift[:, None])
    key, ambient, shine = _shade(np.einsum("vi,ji->vj", normals, view.rotation()), seen, light)
    corner = head.corner_vertex
    places = np.column_stack([(head.corner_texel + 0.5) / ATLAS, key[corner]])
    lights = np.column_stack([ambient[corner], shine[corner] * _corner_gloss(), np.zeros(len(corner))])
    placed, depth = _rasterise(seen[corner], places, view, _SUPERSAMPLING * size)
    lit, _ = _rasterise(seen[corner], lights, view, _SUPERSAMPLING * size)
    colour = _develop((model.atlas, fold_shade(weights)), placed, lit, light)
    inside = (depth < 0.99 * _FAR).astype(np.float32)
    colour *= inside[..., None]
    points = load_anatomy().points(seen, view)
    landmarks = view.project(points, size)
    return Portrait(
        colour=np.asarray(cv2.resize(colour, (size, size), interpolation=cv2.INTER_AREA), dtype=np.float32),
        cover=np.asarray(cv2.resize(inside, (size, size), interpolation=cv2.INTER_AREA), dtype=np.float32),
        landmarks=landmarks,
        visible=_in_sight(points, landmarks, depth),
        box=load_anatomy().box(view.project(seen, size)),
    )


@lru_cache(maxsize=1)
def _corner_gloss() -> Floats:
    return np.array([_GLOSS[name] for name in PANELS], dtype=np.float32)[load_head().corner_panel]


def _shade(normals: Floats, seen: Floats, light: Light) -> tuple[Floats, Floats, Floats]:
    """Return key light, ambient light and shine of each vertex, (V,) each, 0 to 1.

    Lambert's law with a little wrap, since skin scatters light; Blinn and Phong's highlight; a sky above.
    """
    towards = light.direction()
    facing = np.einsum("vi,i->v", normals, towards)
    key = np.clip((facing + 0.15) / 1.15, 0, 1)
    to_camera = -seen / np.sqrt(np.einsum("vi,vi->v", seen, seen))[:, None]
    middle = to_camera + towards
    middle /= np.sqrt(np.einsum("vi,vi->v", middle, middle))[:, None]
    shine = np.clip(np.einsum("vi,vi->v", normals, middle), 0, 1) ** 24 * (facing > 0)
    ambient = 0.72 + 0.28 * normals[:, 1]
    return key.astype(np.float32), ambient.astype(np.float32), shine.astype(np.float32)


def _rasterise(corners: Floats, values: Floats, view: View, size: int) -> tuple[Floats, Floats]:
    """Draw values (C, 3) in [0, 1] of the corners, seen at (C, 3): (size, size, 3), and the depth (size, size)."""
    drawn = np.zeros((size, size, 3), dtype=np.float32)
    depth = np.full((size, size), _FAR, dtype=np.float32)
    cv2.triangleRasterize(
        corners[:, None],
        load_head().triangles[:, None],
        values.astype(np.float32)[:, None],
        drawn,
        depth,
        np.eye(4, dtype=np.float32),
        2 * float(np.arctan(view.span / 2 / view.distance)),
        _NEAR,
        _FAR,
    )
    return drawn, depth


def _develop(layers: tuple[Floats, Floats], placed: Floats, lit: Floats, light: Light) -> Floats:
    """Look up at each pixel what is painted, and how the skin folds there, and light it: linear RGB (h, w, 3)."""
    columns = placed[..., 0] * ATLAS - 0.5
    rows = placed[..., 1] * ATLAS - 0.5
    paint, folds = (
        cv2.remap(layer, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE) for layer in layers
    )
    albedo = paint * folds[..., None]
    colour = albedo * (placed[..., 2:] * light.colour() + lit[..., :1] * np.float32(light.ambient))
    return np.asarray(colour + lit[..., 1:2] * np.float32(light.strength), dtype=np.float32)


def _in_sight(points: Floats, landmarks: Floats, depth: Floats) -> NDArray[np.bool_]:
    """Return which landmarks (5,) nothing of the head hides, by the depth drawn at their pixels."""
    pixels = np.clip(np.rint(landmarks * _SUPERSAMPLING), 0, len(depth) - 1).astype(np.intp)
    return np.asarray(depth[pixels[:, 1], pixels[:, 0]] > -points[:, 2] - _TOLERANCE)


_TOLERANCE = 0.25
"""A closed lid or a lip may lie this far (decimetres) before its landmark without hiding it."""
