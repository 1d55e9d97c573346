"""The head: a sub-mesh of the base mesh, its texture atlas, and the blending of shapes into vertices."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ferbench_synthfaces import assets
from ferbench_synthfaces.assets import BaseMesh, Floats, Ints, Target

ATLAS = 512
"""Side of the square texture atlas, in texels."""

SHOULDER_HEIGHT = 4.7
SHOULDER_WIDTH = 2.3
"""Below this height, or beyond this distance from the midline (decimetres), the body is cut off: out of every frame."""


@dataclass(frozen=True)
class Panel:
    """A rectangle of the atlas.

    Attributes:
        left: first column.
        top: first row.
        width: columns.
        height: rows.
    """

    left: int
    top: int
    width: int
    height: int

    def place(self, fraction: Floats) -> Floats:
        """Map fractions (n, 2) of the panel (right, down) to texels, half a texel clear of its border."""
        size = np.array([self.width - 2, self.height - 2], dtype=np.float32)
        corner = np.array([self.left + 0.5, self.top + 0.5], dtype=np.float32)
        return (np.clip(fraction, 0, 1) * size + corner).astype(np.float32)

    def slices(self) -> tuple[slice, slice]:
        """Return the rows and columns, to index an array of the atlas's shape."""
        return slice(self.top, self.top + self.height), slice(self.left, self.left + self.width)


PANELS = {
    "head": Panel(0, 0, 440, 512),
    "eye": Panel(448, 0, 64, 64),
    "teeth": Panel(448, 72, 64, 32),
    "tongue": Panel(448, 112, 64, 32),
    "mouth": Panel(448, 152, 64, 32),
    "torso": Panel(448, 192, 64, 128),
    "hair": Panel(448, 328, 64, 128),
}

_HEAD_UV = ((0.635, 0.860), (1.0, 0.130))
"""Left-top and right-bottom of the head's island in the base mesh's texture coordinates."""

_INSIDE_MOUTH_UV = (0.745, 0.14)
"""The island of the mouth's inside lies right of and below this point of texture space."""

_FACE_BAND_U = ((0.0, 0.28, 0.97, 1.0), (0.0, 0.15, 0.98, 1.0))
_FACE_BAND_V = ((0.0, 0.33, 0.70, 1.0), (0.0, 0.14, 0.86, 1.0))
"""Piecewise-linear stretch of the island (from, to): most texels go to the face, few to the scalp."""


def warp_head_uv(uv: Floats) -> Floats:
    """Map texture coordinates (n, 2) of the base mesh to fractions (n, 2) of the head's panel (right, down)."""
    (left, top), (right, bottom) = _HEAD_UV
    across = np.interp((uv[:, 0] - left) / (right - left), *_FACE_BAND_U)
    down = np.interp((top - uv[:, 1]) / (top - bottom), *_FACE_BAND_V)
    return np.stack([across, down], axis=1).astype(np.float32)


@dataclass(frozen=True)
class Head:
    """The head's mesh. A *corner* is a vertex with its place in the atlas; seams make several of one vertex.

    Attributes:
        vertices: (V, 3) the template, decimetres.
        kept: (V,) the base mesh's number of each vertex.
        position: (B,) the head's number of each vertex of the base mesh, or -1.
        corner_vertex: (C,) vertex of each corner.
        corner_panel: (C,) panel of each corner, an index into `PANELS`.
        corner_texel: (C, 2) column and row in the atlas.
        corner_uv: (C, 2) the base mesh's own texture coordinates of each corner.
        triangles: (T, 3) corners.
        quads: (Q, 4) vertices.
        around: (V, 8) quads around each vertex, padded with Q (a quad of no area).
        rungs: (R, 2) vertices of the locks of long hair: a lock is a ladder of quads, a rung its left and right edge.
    """

    vertices: Floats
    kept: Ints
    position: Ints
    corner_vertex: Ints
    corner_panel: Ints
    corner_texel: Floats
    corner_uv: Floats
    triangles: Ints
    quads: Ints
    around: Ints
    rungs: Ints

    def restrict(self, target: Target) -> Target:
        """Return what a target of the base mesh does to this head's vertices."""
        at = self.position[target.index]
        return Target(at[at >= 0], target.offset[at >= 0])

    def normals(self, vertices: Floats) -> Floats:
        """Return smooth unit normals (V, 3) of moved vertices (V, 3): quad normals, weighted by area."""
        corners = vertices[self.quads]
        faces = np.empty((len(self.quads) + 1, 3), dtype=np.float32)
        faces[-1] = 0
        faces[:-1] = np.cross(corners[:, 2] - corners[:, 0], corners[:, 3] - corners[:, 1])
        summed = np.zeros_like(vertices)
        for column in self.around.T:  # eight gathers are faster than one of (V, 8, 3) and its sum
            summed += faces[column]
        length = np.sqrt(np.einsum("ij,ij->i", summed, summed))
        return np.asarray(summed / np.maximum(length, 1e-12)[:, None], dtype=np.float32)


@lru_cache(maxsize=1)
def load_head() -> Head:
    """Build the head from the assets (about 0.2 s; once a process)."""
    mesh = assets.read_base_mesh()
    faces, panels = _choose_faces(mesh)
    quads, quad_uv = mesh.quads[faces], mesh.quad_uv[faces]
    on_locks = panels == list(PANELS).index("hair")
    kept, inverse = np.unique(quads, return_inverse=True)
    local: Ints = inverse.reshape(quads.shape).astype(np.int32)
    position = np.full(len(mesh.vertices), -1, dtype=np.int32)
    position[kept] = np.arange(len(kept))
    # Where two panels meet (lips and the mouth's inside), a vertex has a corner in each.
    panels = np.repeat(panels, 4)
    keys, inverse = np.unique(np.stack([local.ravel(), quad_uv.ravel(), panels], 1), axis=0, return_inverse=True)
    corner: Ints = inverse.reshape(quads.shape).astype(np.int32)
    vertices = mesh.vertices[kept]
    corner_vertex, corner_uv, corner_panel = keys[:, 0], mesh.uv[keys[:, 1]], keys[:, 2]
    return Head(
        vertices=vertices,
        kept=kept.astype(np.int32),
        position=position,
        corner_vertex=corner_vertex,
        corner_panel=corner_panel,
        corner_texel=_corner_texels(vertices[corner_vertex], corner_uv, corner_panel),
        corner_uv=corner_uv,
        triangles=_triangles(corner, on_locks),
        quads=local,
        around=_quads_around(local, len(kept)),
        rungs=_rungs(local[on_locks]),
    )


def _choose_faces(mesh: BaseMesh) -> tuple[Ints, Ints]:
    """Return the faces to keep and, for each, the index of its panel."""
    names = list(PANELS)
    panel = np.full(len(mesh.quads), -1, dtype=np.int32)
    corners = mesh.vertices[mesh.quads]
    middle_uv = mesh.uv[mesh.quad_uv].mean(axis=1)
    body = mesh.groups == "body"
    near = (corners[..., 1].min(axis=1) > SHOULDER_HEIGHT) & (np.abs(corners[..., 0]).max(axis=1) < SHOULDER_WIDTH)
    panel[body & near] = names.index("torso")
    (left, top), (_, bottom) = _HEAD_UV
    on_head = (middle_uv[:, 0] > left) & (middle_uv[:, 1] < top) & (middle_uv[:, 1] > bottom)
    panel[body & near & on_head] = names.index("head")
    inside = (middle_uv[:, 0] > _INSIDE_MOUTH_UV[0]) & (middle_uv[:, 1] < _INSIDE_MOUTH_UV[1])
    panel[body & near & inside] = names.index("mouth")
    for group, name in (
        ("helper-l-eye", "eye"),
        ("helper-r-eye", "eye"),
        ("helper-upper-teeth", "teeth"),
        ("helper-lower-teeth", "teeth"),
        ("helper-tongue", "tongue"),
    ):
        panel[mesh.groups == group] = names.index(name)
    panel[_long_hair(mesh)] = names.index("hair")
    faces = np.flatnonzero(panel >= 0).astype(np.int32)
    return faces, panel[faces]


def _triangles(corner: Ints, two_sided: NDArray[np.bool_]) -> Ints:
    """Split quads (Q, 4) into triangles (T, 3); a lock of hair is a sheet and is seen from both sides."""
    back = corner[two_sided][:, ::-1]
    quads = np.concatenate([corner, back])
    return np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]]).astype(np.int32)


def _rungs(quads: Ints) -> Ints:
    """Return the rungs (R, 2) of ladders of quads (Q, 4) that follow one another, ladder after ladder."""
    rungs: list[tuple[int, ...]] = []
    for quad, following in zip(quads, [*quads[1:], quads[:0]], strict=True):
        shared = set(quad.tolist()) & set(following.tolist())
        known = set(rungs[-1]) if rungs and set(rungs[-1]) <= set(quad.tolist()) else set()
        if not known:  # the first quad of a ladder begins with a rung that no other quad shares
            known = set(quad.tolist()) - shared
            rungs.append(tuple(sorted(known)))
        rungs.append(tuple(sorted(shared or set(quad.tolist()) - known)))
    return np.array(rungs, dtype=np.int32)


def _long_hair(mesh: BaseMesh) -> NDArray[np.bool_]:
    """Return which faces (F,) are locks of long hair: of the base mesh's locks, those that do not hang over the face.

    Faces of one lock follow one another in the mesh, and a new lock begins where no vertex is shared.
    """
    faces = np.flatnonzero(mesh.groups == "helper-hair")
    chosen = np.zeros(len(mesh.quads), dtype=bool)
    starts = [0] + [k for k in range(1, len(faces)) if not np.isin(mesh.quads[faces[k]], mesh.quads[faces[:k]]).any()]
    for lock in np.split(faces, starts[1:]):
        corners = mesh.vertices[mesh.quads[lock]].reshape(-1, 3)
        beside_face = corners[(corners[:, 1] > 6.2) & (corners[:, 1] < 7.6)]
        if len(beside_face) and beside_face[:, 2].max() < LOCKS_BEHIND:
            chosen[lock] = True
    return chosen


LOCKS_BEHIND = 0.95
"""Long hair hangs behind this z (decimetres): the ears' front edge."""


def _corner_texels(vertices: Floats, uv: Floats, panels: Ints) -> Floats:
    texels = np.zeros((len(vertices), 2), dtype=np.float32)
    for number, (name, panel) in enumerate(PANELS.items()):
        chosen = panels == number
        texels[chosen] = panel.place(_fractions(name, vertices[chosen], uv[chosen]))
    return texels


def _fractions(name: str, vertices: Floats, uv: Floats) -> Floats:
    """Return where in its panel each corner lies: the head by its own unwrapping, the rest seen from the front."""
    if name == "head":
        return warp_head_uv(uv)
    front = vertices[:, :2].copy()
    if name == "eye":  # both eyes share one panel; the gap between the lids shows only their front halves
        left = front[:, 0] > 0
        for side in (left, ~left):
            middle = (front[side].max(axis=0) + front[side].min(axis=0)) / 2
            front[side] = (front[side] - middle) / (2 * EYE_RADIUS) + 0.5
        return np.stack([front[:, 0], 1 - front[:, 1]], axis=1).astype(np.float32)
    low, high = front.min(axis=0), front.max(axis=0)
    fraction = (front - low) / (high - low)
    return np.stack([fraction[:, 0], 1 - fraction[:, 1]], axis=1).astype(np.float32)


EYE_RADIUS = 0.139
"""Of the template's eyeball, in decimetres."""


def _quads_around(quads: Ints, count: int) -> Ints:
    """Return, for each of `count` vertices, up to eight quads that meet there, padded with `len(quads)`."""
    vertex = quads.ravel()
    order = np.argsort(vertex, kind="stable")
    first = np.searchsorted(vertex[order], np.arange(count))
    rank = np.arange(len(order)) - first[vertex[order]]
    around = np.full((count, 8), len(quads), dtype=np.int32)
    around[vertex[order], np.minimum(rank, 7)] = order // 4
    return around
