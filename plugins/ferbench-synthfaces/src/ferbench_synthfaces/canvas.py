"""The texture atlas seen as a canvas: for every texel, which point of the template's surface it paints."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from ferbench_synthfaces import assets
from ferbench_synthfaces.assets import Floats
from ferbench_synthfaces.head import ATLAS, PANELS, Head, load_head


@dataclass(frozen=True)
class Canvas:
    """The head's panel of the atlas, h × w texels.

    Attributes:
        x: (h, w) position on the template's surface, decimetres, positive to the subject's left.
        y: (h, w) upwards.
        z: (h, w) to the front.
        lips: (h, w) 1 on the lips, 0 elsewhere.
        eyelids: (h, w) likewise.
        face: (h, w) likewise, with a soft border.
        ears: (h, w) likewise.
    """

    x: Floats
    y: Floats
    z: Floats
    lips: Floats
    eyelids: Floats
    face: Floats
    ears: Floats


@lru_cache(maxsize=1)
def load_canvas() -> Canvas:
    """Build the canvas (about 0.1 s; once a process)."""
    head = load_head()
    at = PANELS["head"].slices()
    where = unwrap(head, head.vertices[head.corner_vertex])[at]
    texture_uv = unwrap(head, _texture_uv(head))[at]
    masks = {name: _mask(name, texture_uv) for name in ("lips", "eyelids", "face", "ears")}
    x, y, z = (np.ascontiguousarray(where[..., axis]) for axis in range(3))
    return Canvas(x=x, y=y, z=z, **masks)


@lru_cache(maxsize=64)
def spot(at: tuple[float, float], size: tuple[float, float]) -> Floats:
    """Return a Gaussian spot and its mirror image, seen from the front: (h, w), not to be written to.

    Args:
        at: x ≥ 0 and y of its middle, decimetres.
        size: its standard deviations along x and y.
    """
    canvas = load_canvas()
    across = (np.abs(canvas.x) - at[0]) / size[0]
    up = (canvas.y - at[1]) / size[1]
    return np.asarray(np.exp(-0.5 * (across**2 + up**2)) * (canvas.z > 0.5), dtype=np.float32)


Line = tuple[tuple[float, float], ...]
"""Points (x, y) of a line on the template seen from the front, x ≥ 0; decimetres."""


def stroke(points: Line, width: float) -> Floats:
    """Return a soft line and its mirror image, seen from the front: (h, w).

    Args:
        points: along it.
        width: standard deviation across it, decimetres.
    """
    canvas = load_canvas()
    across = np.abs(canvas.x)
    nearest = np.full_like(across, np.inf)
    for (x0, y0), (x1, y1) in pairwise(points):
        length = (x1 - x0) ** 2 + (y1 - y0) ** 2
        along = np.clip(((across - x0) * (x1 - x0) + (canvas.y - y0) * (y1 - y0)) / length, 0, 1)
        gap = (across - x0 - along * (x1 - x0)) ** 2 + (canvas.y - y0 - along * (y1 - y0)) ** 2
        nearest = np.minimum(nearest, gap)
    return np.asarray(np.exp(-0.5 * nearest / width**2) * (canvas.z > 0.5), dtype=np.float32)


@lru_cache(maxsize=32)
def fixed_stroke(points: Line, width: float) -> Floats:
    """Return a stroke that every subject has: drawn once a process, not to be written to."""
    return stroke(points, width)


_DISTANCE = 10.0


def unwrap(head: Head, values: Floats) -> Floats:
    """Draw values (C, 3) of the head's corners over the atlas, (ATLAS, ATLAS, 3); beyond an island its edge goes on."""
    texels = head.corner_texel
    vertices = np.empty((len(texels), 1, 3), dtype=np.float32)
    vertices[:, 0, 0] = (texels[:, 0] + 0.5) / ATLAS - 0.5
    vertices[:, 0, 1] = 0.5 - (texels[:, 1] + 0.5) / ATLAS
    vertices[:, 0, 2] = -_DISTANCE  # one flat sheet before the camera: perspective leaves it as it is
    low, high = values.min(axis=0), values.max(axis=0)
    colours = (values - low) / np.maximum(high - low, 1e-9)  # the rasteriser wants [0, 1]
    drawn = np.zeros((ATLAS, ATLAS, 3), dtype=np.float32)
    depth = np.full((ATLAS, ATLAS), 2 * _DISTANCE, dtype=np.float32)
    settings = cv2.TriangleRasterizeSettings()
    settings.setShadingType(cv2.RASTERIZE_SHADING_SHADED)
    settings.setCullingMode(cv2.RASTERIZE_CULLING_NONE)
    cv2.triangleRasterize(
        vertices,
        head.triangles.reshape(-1, 1, 3),
        colours.astype(np.float32).reshape(-1, 1, 3),
        drawn,
        depth,
        np.eye(4, dtype=np.float32),
        2 * float(np.arctan(0.5 / _DISTANCE)),
        1.0,
        2 * _DISTANCE,
        settings,
    )
    filled = _fill(depth < 1.5 * _DISTANCE, drawn)
    return np.asarray(filled * (high - low) + low, dtype=np.float32)


def _fill(drawn: NDArray[np.bool_], values: Floats) -> Floats:
    """Give every empty texel the value of the nearest drawn one: filtering must not mix in what lies off an island."""
    _, labels = cv2.distanceTransformWithLabels(
        (~drawn).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    order = np.zeros(labels.max() + 1, dtype=np.int64)
    order[labels[drawn]] = np.flatnonzero(drawn)
    return np.asarray(values.reshape(-1, values.shape[-1])[order[labels]], dtype=np.float32)


def _texture_uv(head: Head) -> Floats:
    """Return the base mesh's own texture coordinates of each corner, (C, 3) with a third of 0."""
    uv = np.zeros((len(head.corner_uv), 3), dtype=np.float32)
    uv[:, :2] = head.corner_uv
    return uv


def _mask(name: str, texture_uv: Floats) -> Floats:
    image = cv2.imread(str(assets.mask_path(name)), cv2.IMREAD_GRAYSCALE)
    if image is None:
        raise assets.damaged(assets.mask_path(name), "an image that can be decoded")
    height, width = image.shape
    columns = texture_uv[..., 0] * width - 0.5
    rows = (1 - texture_uv[..., 1]) * height - 0.5
    mask = cv2.remap(image, columns.astype(np.float32), rows.astype(np.float32), cv2.INTER_LINEAR)
    return np.asarray(cv2.GaussianBlur(mask.astype(np.float32) / 255, (0, 0), 1.0), dtype=np.float32)
