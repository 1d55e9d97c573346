"""Views of a textured mesh: turned by a yaw, seen from far away, as its texture has it and without further light."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from ferbench.errors import DataError
from ferbench_fer_datasets.vrml import Mesh, read_mesh

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]

_MARGIN = 1.08
"""Side of the picture, in terms of what must fit into it."""

_DISTANCE = 20.0
"""From the camera to the mesh, in sides of the picture: so far that perspective shortens nothing one could see."""

_SUPERSAMPLING = 2


@dataclass(frozen=True)
class Scan:
    """A mesh made ready for rendering.

    Attributes:
        corners: (3 T, 3) the triangles' corners, one triangle after the other; x to the subject's left, y up, z to
            the front; the middle of the frontal view's box is the origin.
        places: (3 T, 2) their columns and rows in the texture, as fractions of its width and height.
        texture: (h, w, 3) uint8 RGB.
        side: of the picture, in the mesh's unit; the same for every yaw.
    """

    corners: Floats
    places: Floats
    texture: Pixels
    side: float


@lru_cache(maxsize=1)  # the views of a model follow one another
def read_scan(path: Path) -> Scan:
    """Read a mesh and its texture.

    Args:
        path: a `.wrl` file, `<model>_F3D.wrl`, whose texture, `<model>_….bmp`, lies beside it.

    Raises:
        DataError: one of them cannot be read, or the texture is named after something else than the model.
    """
    mesh = read_mesh(path)
    model = path.name.removesuffix("F3D.wrl")
    if not mesh.texture.startswith(model):  # what is not named after the model is in no hash of its files
        raise DataError(
            expected=f"a texture {model}…",
            found=f"{mesh.texture!r}, which {path.name} names",
            where=str(path),
            remedy="copy the model and its texture from the release, with the names they have there",
        )
    beside = path.with_name(mesh.texture)
    texture = cv2.imread(str(beside), cv2.IMREAD_COLOR_RGB) if beside.is_file() else None
    if texture is None:
        raise DataError(
            expected=f"the texture {mesh.texture} that {path.name} names",
            found="a file that cannot be decoded" if beside.is_file() else "no such file",
            where=str(beside),
            remedy="copy it from the release, beside the .wrl file",
        )
    return as_scan(mesh, np.asarray(texture, dtype=np.uint8))


def as_scan(mesh: Mesh, texture: Pixels) -> Scan:
    """Centre a mesh and find the frame in which all its views fit.

    Args:
        mesh: the surface.
        texture: (h, w, 3) uint8 RGB.
    """
    corners = mesh.points[mesh.triangles.ravel()]
    low, high = corners.min(axis=0), corners.max(axis=0)
    width, height, depth = (high - low).tolist()
    places = mesh.places[mesh.place_triangles.ravel()]
    return Scan(
        corners=np.asarray(corners - (low + high) / 2, dtype=np.float32),
        places=np.stack([places[:, 0], 1 - places[:, 1]], axis=1),
        texture=texture,
        side=_MARGIN * max(height, float(np.hypot(width, depth))),
    )


def render(scan: Scan, yaw: float, size: int) -> Pixels:
    """Render a view before black.

    Args:
        scan: the surface.
        yaw: degrees, positive to the subject's left: the nose moves to the right of the picture.
        size: side of the picture, pixels.

    Returns:
        (size, size, 3) uint8 RGB; the surface's box is in its middle.
    """
    placed, inside = _rasterise(scan, _seen(scan, yaw), _SUPERSAMPLING * size)
    height, width = scan.texture.shape[:2]
    colour = cv2.remap(
        scan.texture,
        placed[..., 0] * width - 0.5,
        placed[..., 1] * height - 0.5,
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    colour[~inside] = 0
    return np.asarray(cv2.resize(colour, (size, size), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _seen(scan: Scan, yaw: float) -> Floats:
    """Return the corners (3 T, 3) about the origin, turned, their box's middle at x = 0."""
    turn = np.radians(yaw)
    rotation = np.array([[np.cos(turn), 0, np.sin(turn)], [0, 1, 0], [-np.sin(turn), 0, np.cos(turn)]])
    seen: Floats = (scan.corners @ rotation.T).astype(np.float32)
    seen[:, 0] -= (seen[:, 0].min() + seen[:, 0].max()) / 2
    return seen


def _rasterise(scan: Scan, seen: Floats, size: int) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Return the place in the texture at each pixel (size, size, 3), and whether there is any (size, size)."""
    distance = _DISTANCE * scan.side
    near, far = distance - 2 * scan.side, distance + 2 * scan.side
    placed = np.zeros((size, size, 3), dtype=np.float32)
    reach = np.full((size, size), far, dtype=np.float32)
    cv2.triangleRasterize(
        (seen - np.array([0, 0, distance], dtype=np.float32))[:, None],
        np.arange(len(seen), dtype=np.int32).reshape(-1, 1, 3),
        np.column_stack([scan.places, np.zeros(len(seen))]).astype(np.float32)[:, None],
        placed,
        reach,
        np.eye(4, dtype=np.float32),
        2 * float(np.arctan(0.5 / _DISTANCE)),
        near,
        far,
    )
    return placed, np.asarray(reach < distance + scan.side)
