"""Synthetic faces for replicas: one call, one face, the same pixels for the same shot."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from ferbench_synthfaces.options import FaceOptions

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Shot:
    """What a face is to show.

    Attributes:
        person: number of the person; the same number is the same person in every shot.
        expression: a canonical class name, or one of `OWN`.
        intensity: 0 (neutral) to 1 (full).
        yaw: degrees, positive to the subject's left.
        number: tells shots of the same kind apart: small random differences, the light.
        size: side of the square image, pixels.
        wild: any light, background and quality instead of a studio's.
    """

    person: int
    expression: str
    intensity: float = 1.0
    yaw: float = 0.0
    number: int = 0
    size: int = 128
    wild: bool = False


@dataclass(frozen=True)
class Face:
    """A drawn face.

    Attributes:
        image: (size, size, 3) uint8 RGB.
        landmarks: (5, 2) pixels, as `ferbench.DataSource.load` defines them.
        box: left, top, right, bottom of the face, pixels.
    """

    image: Pixels
    landmarks: npt.NDArray[np.float32]
    box: tuple[float, float, float, float]


CONTEMPT = {"mouthSmileLeft": 0.7, "mouthDimpleLeft": 0.6, "mouthPressLeft": 0.4, "eyeSquintLeft": 0.3}
"""One corner of the mouth raised and tightened (EMFACS: unilateral action units 12 and 14)."""

OWN = {
    "contempt": CONTEMPT,
    "squint": {"eyeSquintLeft": 1.3, "eyeSquintRight": 1.3, "browDownLeft": 0.6, "browDownRight": 0.6},
    "scream": {"jawOpen": 1.1, "eyeSquintLeft": 0.8, "eyeSquintRight": 0.8, "mouthStretchLeft": 0.6}
    | {"mouthStretchRight": 0.6, "mouthUpperUpLeft": 0.5, "mouthUpperUpRight": 0.5},
}
"""Performances that rendered faces have no recipe for: ARKit name → weight."""

_FIRST = 2_000_000
"""People of replicas are numbered from here: none of them is in a data set of rendered faces."""


def draw(shot: Shot, seed: int = 0) -> Face:
    """Draw a face: a pure function of its arguments."""
    from ferbench_synthfaces.picture import develop
    from ferbench_synthfaces.recipes import EXPRESSIONS, add, idle, perform
    from ferbench_synthfaces.render import portray
    from ferbench_synthfaces.rows import person
    from ferbench_synthfaces.scenes import make_scene, stream

    domain = "wild" if shot.wild else "studio"
    subject = _FIRST + shot.person
    kinds = (*EXPRESSIONS, *OWN)
    place = (kinds.index(shot.expression), round(shot.intensity * 100), round(shot.yaw) + 180, shot.number)
    scene = make_scene(domain, _options(domain), subject, place[0] + 8 * shot.number)
    random = stream(domain, seed, subject, *place)
    performed = (
        {name: weight * shot.intensity for name, weight in OWN[shot.expression].items()}
        if shot.expression in OWN
        else perform(shot.expression, 0.0 if shot.expression == "neutral" else shot.intensity, random)
    )
    view = replace(scene.view, yaw=shot.yaw + float(np.clip(random.normal(0, 2), -5, 5)))
    lens = replace(scene.lens, occluder="none")
    who = person("studio", seed, subject)  # one person, be it in a studio or outside
    portrait = portray(who.model, add([(1.0, performed), (1.0, idle(random))]), view, scene.light, shot.size)
    return Face(develop(portrait, lens), np.asarray(portrait.landmarks, dtype=np.float32), portrait.box)


@lru_cache(maxsize=2)
def _options(domain: str) -> FaceOptions:
    from ferbench_synthfaces.options import StudioOptions, WildOptions

    return WildOptions() if domain == "wild" else StudioOptions(yaws=(0.0,))


def encoded(image: Pixels, suffix: str, quality: int = 92) -> bytes:
    """Return an image as the bytes of a file.

    Args:
        image: (h, w, 3) RGB or (h, w) grey, uint8.
        suffix: `.jpg`, `.jpeg`, `.png`, `.bmp` or `.tiff`.
        quality: of a JPEG.
    """
    from PIL import Image

    stream = io.BytesIO()
    kind = {"jpg": "JPEG", "jpeg": "JPEG", "png": "PNG", "bmp": "BMP", "tif": "TIFF", "tiff": "TIFF"}
    name = kind[suffix.lower().lstrip(".")]
    Image.fromarray(image).save(stream, name, **({"quality": quality} if name == "JPEG" else {}))
    return stream.getvalue()


def save(path: Path, image: Pixels) -> None:
    """Write an image, as its name's suffix says; its folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encoded(image, path.suffix))


def grey(image: Pixels) -> Pixels:
    """Return the luma of an RGB image: (h, w, 3) → (h, w)."""
    from PIL import Image

    return np.asarray(Image.fromarray(image).convert("L"), dtype=np.uint8)


def widened(face: Face, width: int, height: int) -> Face:
    """Put a square image in the middle of a larger one, its edges repeated; landmarks and box move along."""
    top, left = (height - face.image.shape[0]) // 2, (width - face.image.shape[1]) // 2
    border = ((top, height - face.image.shape[0] - top), (left, width - face.image.shape[1] - left), (0, 0))
    x0, y0, x1, y1 = face.box
    return Face(
        np.pad(face.image, border, mode="edge"),
        face.landmarks + np.asarray([left, top], dtype=np.float32),
        (x0 + left, y0 + top, x1 + left, y1 + top),
    )
