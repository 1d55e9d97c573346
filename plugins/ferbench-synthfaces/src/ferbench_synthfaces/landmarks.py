"""Where on the head the five landmarks and the face's box are."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from ferbench_synthfaces import assets
from ferbench_synthfaces.assets import Floats, Ints
from ferbench_synthfaces.camera import View
from ferbench_synthfaces.head import PANELS, Head, load_head


@dataclass(frozen=True)
class Anatomy:
    """Landmarks as detectors mean them (eye centres, nose tip, mouth corners), in terms of vertices.

    Attributes:
        eyes: (2, n) vertices of the right and of the left eyeball.
        nose_tip: vertex.
        mouth_corners: (2,) vertices, right and left.
        face: (m,) vertices of the face, from hairline to chin.
        upper_lip: vertices of the upper lip's inner edge, beside the midline.
        lower_lip: of the lower one's.
        upper_teeth: vertices of the upper teeth.
        lower_teeth: vertices of the lower teeth and of the tongue.
        eye_radius: of the eyeball, decimetres.
    """

    eyes: Ints
    nose_tip: int
    mouth_corners: Ints
    face: Ints
    upper_lip: Ints
    lower_lip: Ints
    upper_teeth: Ints
    lower_teeth: Ints
    eye_radius: float

    def points(self, seen: Floats, view: View) -> Floats:
        """Return the landmarks (5, 3) in the camera's frame, from vertices (V, 3) in it.

        An eye's landmark is the front of its eyeball, whichever way it looks and however far it is closed.
        """
        forward = view.rotation()[:, 2] * np.float32(self.eye_radius)
        eyes = seen[self.eyes].mean(axis=1) + forward
        return np.concatenate([eyes, seen[[self.nose_tip]], seen[self.mouth_corners]])

    def frame(self, vertices: Floats) -> tuple[Floats, float]:
        """Return the middle (3,) between eyes and mouth of a head at rest (V, 3), and their distance; decimetres."""
        eyes, mouth = vertices[self.eyes].mean(axis=(0, 1)), vertices[self.mouth_corners].mean(axis=0)
        return np.asarray((eyes + mouth) / 2, dtype=np.float32), float(eyes[1] - mouth[1])

    def box(self, pixels: Floats) -> tuple[float, float, float, float]:
        """Return the face's box (left, top, right, bottom) from all vertices in pixels (V, 2)."""
        low, high = pixels[self.face].min(axis=0), pixels[self.face].max(axis=0)
        return float(low[0]), float(low[1]), float(high[0]), float(high[1])


@lru_cache(maxsize=1)
def load_anatomy() -> Anatomy:
    """Find the landmarks on the template (once a process)."""
    head = load_head()
    x, y, z = head.vertices.T
    eyes = _vertices_of(head, "eye")
    skin = _vertices_of(head, "head")
    right, left = eyes[x[eyes] < 0], eyes[x[eyes] > 0]
    # The lips' inner edge is where the skin's panel meets the mouth's inside; its ends are the mouth's corners.
    edge = np.intersect1d(skin, _vertices_of(head, "mouth"))
    edge = edge[z[edge] > 1.2]
    middle = edge[np.abs(x[edge]) < 0.12]
    upper = y[middle] > (y[middle].min() + y[middle].max()) / 2
    teeth = _vertices_of(head, "teeth")
    # The rows' numbers tell them apart: the base mesh lists the lower teeth first.
    lower_teeth, upper_teeth = np.array_split(teeth, 2)
    return Anatomy(
        eyes=np.stack([right, left]),
        nose_tip=int(skin[np.argmax(z[skin])]),
        mouth_corners=np.array([edge[np.argmin(x[edge])], edge[np.argmax(x[edge])]]),
        face=_face_vertices(head),
        upper_lip=middle[upper],
        lower_lip=middle[~upper],
        upper_teeth=upper_teeth,
        lower_teeth=np.union1d(lower_teeth, _vertices_of(head, "tongue")),
        eye_radius=float(z[eyes].max() - z[eyes].mean()),
    )


def _vertices_of(head: Head, panel: str) -> Ints:
    return np.unique(head.corner_vertex[head.corner_panel == list(PANELS).index(panel)])


def _face_vertices(head: Head) -> Ints:
    mask = cv2.imread(str(assets.mask_path("face")), cv2.IMREAD_GRAYSCALE)
    if mask is None:
        raise assets.damaged(assets.mask_path("face"), "an image that can be decoded")
    height, width = mask.shape
    at = head.corner_uv * (width - 1, height - 1)
    inside = mask[height - 1 - at[:, 1].astype(np.intp), at[:, 0].astype(np.intp)] > 127
    return np.unique(head.corner_vertex[inside & (head.corner_panel == list(PANELS).index("head"))])
