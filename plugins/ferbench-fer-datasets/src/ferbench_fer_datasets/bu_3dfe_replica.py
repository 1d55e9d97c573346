"""A replica of BU-3DFE: rendered faces as frontal pictures, and the same heads as textured VRML models."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from ferbench.data.replica import ReplicaSite
from ferbench_fer_datasets.bu_3dfe import EXPRESSIONS, Name
from ferbench_fer_datasets.faces import encoded
from ferbench_fer_datasets.vrml import Mesh
from ferbench_synthfaces.camera import PIVOT, Light, View
from ferbench_synthfaces.head import ATLAS, PANELS, load_head
from ferbench_synthfaces.model import Model, express
from ferbench_synthfaces.paint import fold_shade
from ferbench_synthfaces.picture import develop
from ferbench_synthfaces.recipes import perform
from ferbench_synthfaces.render import portray
from ferbench_synthfaces.rows import person
from ferbench_synthfaces.scenes import Lens, stream

Pixels = npt.NDArray[np.uint8]

SIZE, TEXTURE = 128, 192
"""Sides of the frontal pictures and of the textures, pixels; the release's are larger."""

SPAN = 2.4
"""Height of the frontal pictures at the head, decimetres."""

_LEVELS = (1, 3)
_MOST_PEOPLE = 8
_ETHNICITIES = ("WH", "AE", "BL", "LA", "IN", "AM")
_FIRST = 2_500_000
"""People of this replica are numbered from here."""

_LOW, _HIGH, _FRONT = 5.8, 8.0, 0.6
"""What a scanner before the face sees of the head: heights and depth, decimetres."""

_MILLIMETRES = 100.0
_FAR_OFF = 60.0
"""From the camera to the head, decimetres: as good as no perspective, as in the views that are rendered."""

_LIGHT = Light(azimuth=0, elevation=15, strength=0.5, ambient=0.6)


@dataclass(frozen=True)
class Pose:
    """A person who shows something.

    Attributes:
        model: the person.
        weights: ARKit name → weight.
    """

    model: Model
    weights: Mapping[str, float]


def pose(name: Name, seed: int) -> Pose:
    """Return who and what a model's name stands for: a pure function of its arguments."""
    subject = _FIRST + 2 * name.person + (name.sex == "M")
    random = stream("studio", seed, subject, tuple(EXPRESSIONS).index(name.expression), name.level)
    label = EXPRESSIONS[name.expression]
    return Pose(
        person("studio", seed, subject).model, perform(label, 0.3 + 0.2 * name.level if name.level else 0, random)
    )


def frontal(who: Pose, yaw: float = 0.0) -> Pixels:
    """Draw a picture of a person before a plain background, (SIZE, SIZE, 3) uint8 RGB."""
    return develop(portray(who.model, who.weights, View(yaw, 0, 0, span=SPAN, distance=_FAR_OFF), _LIGHT, SIZE), Lens())


def mesh(who: Pose, texture: str) -> Mesh:
    """Return the front of a person's head in millimetres, as a scanner would give it."""
    head, (triangles, corners) = load_head(), _front()
    vertices = express(who.model, who.weights)
    vertices = (vertices + head.normals(vertices) * who.model.lift[:, None] - PIVOT) * _MILLIMETRES
    used, points = np.unique(head.corner_vertex[corners], return_inverse=True)
    places = (head.corner_texel[corners] + 0.5) / ATLAS
    return Mesh(
        points=vertices[used].astype(np.float32),
        triangles=points[triangles].astype(np.int64),
        places=np.stack([places[:, 0], 1 - places[:, 1]], axis=1).astype(np.float32),
        place_triangles=triangles,
        texture=texture,
    )


def texture(who: Pose) -> Pixels:
    """Return a person's skin as unwrapped, (TEXTURE, TEXTURE, 3) uint8 RGB."""
    painted = np.sqrt(np.clip(who.model.atlas * fold_shade(who.weights)[..., None], 0, 1)) * 255
    small = cv2.resize(painted.astype(np.float32), (TEXTURE, TEXTURE), interpolation=cv2.INTER_AREA)
    return np.asarray(small + 0.5, dtype=np.uint8)


@lru_cache(maxsize=1)
def _front() -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return triangles (T, 3) of corners counted anew, and which corners of the head they are."""
    head = load_head()
    panels = [list(PANELS).index(name) for name in ("head", "eye", "teeth", "tongue", "mouth")]
    _, y, z = head.vertices[head.corner_vertex].T
    kept = np.isin(head.corner_panel, panels) & (y > _LOW) & (y < _HIGH) & (z > _FRONT)
    triangles = head.triangles[kept[head.triangles].all(axis=1)]
    corners, anew = np.unique(triangles, return_inverse=True)
    return anew.reshape(-1, 3).astype(np.int64), corners.astype(np.int64)


def as_vrml(surface: Mesh) -> str:
    """Return the text of a VRML 2.0 file."""
    return _VRML.format(
        texture=surface.texture,
        points=_lines(surface.points, "%.2f %.2f %.2f"),
        triangles=_lines(surface.triangles, "%d, %d, %d, -1"),
        places=_lines(surface.places, "%.4f %.4f"),
        place_triangles=_lines(surface.place_triangles, "%d, %d, %d, -1"),
    )


def _lines(rows: npt.NDArray[np.generic], form: str) -> str:
    return ",\n".join([form] * len(rows)) % tuple(rows.ravel().tolist())


_VRML = """#VRML V2.0 utf8
# a replica, not a scan
Shape {{
  appearance Appearance {{
    material Material {{ diffuseColor 1 1 1 }}
    texture ImageTexture {{ url "{texture}" }}
  }}
  geometry IndexedFaceSet {{
    solid FALSE
    coord Coordinate {{ point [
{points} ] }}
    coordIndex [
{triangles} ]
    texCoord TextureCoordinate {{ point [
{places} ] }}
    texCoordIndex [
{place_triangles} ]
  }}
}}
"""


def write(site: ReplicaSite) -> Mapping[str, int]:
    """Write a replica: up to eight people, the expressions at two levels and neutral, each a picture and a model."""
    names = list(_names(min(site.subjects, _MOST_PEOPLE)))
    counts = Counter(models=len(names), subjects=len({name.subject for name in names}))
    with site.progress("drawing bu-3dfe", len(names)) as advance:
        for name in names:
            _write_model(site.folder / name.subject, name, pose(name, site.seed))
            counts[EXPRESSIONS[name.expression]] += 1
            advance()
    return counts


def _names(people: int) -> Iterable[Name]:
    for number in range(people):
        sex, ethnicity = "FM"[number % 2], _ETHNICITIES[number % len(_ETHNICITIES)]
        for expression in EXPRESSIONS:
            for level in (0,) if expression == "NE" else _LEVELS:
                yield Name(sex, number // 2 + 1, expression, level, ethnicity)


def _write_model(folder: Path, name: Name, who: Pose) -> None:
    folder.mkdir(exist_ok=True)
    bitmap = f"{name.stem}_F3D.bmp"
    (folder / f"{name.stem}_F2D.bmp").write_bytes(encoded(frontal(who), ".bmp"))
    (folder / bitmap).write_bytes(encoded(texture(who), ".bmp"))
    (folder / f"{name.stem}_F3D.wrl").write_text(as_vrml(mesh(who, bitmap)))
