"""From portrait to picture: background, things before the face, blur, noise and compression."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from ferbench_synthfaces.assets import Floats
from ferbench_synthfaces.render import Portrait
from ferbench_synthfaces.scenes import Lens

Pixels = NDArray[np.uint8]


def develop(portrait: Portrait, lens: Lens) -> Pixels:
    """Return the finished picture, (size, size, 3) uint8 RGB."""
    size = len(portrait.cover)
    random = np.random.default_rng(lens.seed)
    light = portrait.colour + (1 - portrait.cover[..., None]) * _background(lens.background, size, random)
    display = np.sqrt(np.clip(light, 0, 1))  # the inverse of the square that made colours linear
    if lens.occluder != "none":
        _OCCLUDERS[lens.occluder](display, portrait, random)
    if lens.blur > 0:
        display = cv2.GaussianBlur(display, (0, 0), max(lens.blur * size / 1000, 0.05))
    if lens.gamma != 1:
        display = np.power(display, np.float32(lens.gamma))
    if lens.noise > 0:
        display = display + random.normal(0, lens.noise, display.shape).astype(np.float32)
    picture = np.asarray(np.clip(display * 255 + 0.5, 0, 255), dtype=np.uint8)
    return _compressed(picture, lens.jpeg) if lens.jpeg else picture


def encode(picture: Pixels) -> bytes:
    """Return a picture as PNG, without loss."""
    _, buffer = cv2.imencode(".png", picture[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 1])
    return bytes(buffer.tobytes())


def _compressed(picture: Pixels, quality: int) -> Pixels:
    _, buffer = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(buffer, cv2.IMREAD_COLOR_RGB), dtype=np.uint8)


def _background(kind: str, size: int, random: Generator) -> Floats:
    """Return linear RGB (size, size, 3)."""
    base = np.full((size, size, 3), random.uniform(0.15, 0.6), dtype=np.float32)
    if kind == "plain":
        return base
    ends = np.stack([[_muted(random) for _ in range(2)] for _ in range(2)])
    gradient = cv2.resize(ends, (size, size), interpolation=cv2.INTER_LINEAR)
    if kind == "gradient":
        return np.asarray(gradient, dtype=np.float32)
    return _clutter(np.asarray(gradient, dtype=np.float32), random)


def _muted(random: Generator) -> Floats:
    """Draw a linear RGB colour (3,) as rooms and streets have them: seldom saturated."""
    grey, tint = random.uniform(0, 0.9) ** 1.5, random.uniform(-0.5, 0.5, size=3)
    return np.asarray(grey * (1 + tint * random.uniform(0, 1)), dtype=np.float32)


def _clutter(canvas: Floats, random: Generator) -> Floats:
    """Draw boxes and discs, as shelves, windows and lamps would be, then put them out of focus."""
    size = len(canvas)
    for _ in range(12):
        colour = tuple(float(value) for value in _muted(random))
        x, y, width, height = (int(value) for value in random.uniform(0, size, size=4))
        if random.random() < 0.6:
            cv2.rectangle(canvas, (x, y), (x + width // 2, y + height // 2), colour, -1)
        else:
            cv2.circle(canvas, (x, y), width // 5 + 1, colour, -1, cv2.LINE_AA)
    return np.asarray(cv2.GaussianBlur(canvas, (0, 0), size * random.uniform(0.008, 0.04)), dtype=np.float32)


def _mix(display: Floats, mask: Pixels, colour: NDArray[np.float64], opacity: float) -> None:
    """Lay a display colour (3,) over the picture, in place, where the mask (size, size) says."""
    cover = mask.astype(np.float32)[..., None] * (opacity / 255)
    display += (colour.astype(np.float32) - display) * cover


def _mask_of(size: int) -> Pixels:
    return np.zeros((size, size), dtype=np.uint8)


def _point(at: Floats) -> tuple[int, int]:
    return round(float(at[0])), round(float(at[1]))


def _sunglasses(display: Floats, portrait: Portrait, random: Generator) -> None:
    mask = _mask_of(len(display))
    face = portrait.box[3] - portrait.box[1]
    tilt = portrait.landmarks[1] - portrait.landmarks[0]
    angle = float(np.degrees(np.arctan2(tilt[1], tilt[0])))
    eyes = [_point(eye) for eye, seen in zip(portrait.landmarks[:2], portrait.visible[:2], strict=True) if seen]
    for eye in eyes:
        axes = (max(round(face * 0.15), 1), max(round(face * 0.11), 1))
        cv2.ellipse(mask, eye, axes, angle, 0, 360, 255, -1, cv2.LINE_AA)
    if len(eyes) == 2:
        cv2.line(mask, eyes[0], eyes[1], 255, max(round(face * 0.025), 1), cv2.LINE_AA)
    _mix(display, mask, random.uniform(0, 0.15, size=3), float(random.uniform(0.7, 0.97)))


def _hand(display: Floats, portrait: Portrait, random: Generator) -> None:
    """Draw a hand as four fingers held before one side of the face."""
    mask = _mask_of(len(display))
    left, top, right, bottom = portrait.box
    width = max(round((right - left) * 0.13), 1)
    side, high = random.uniform(-0.1, 0.9), random.uniform(0.35, 0.8)
    for finger in range(4):
        x = round(left + (right - left) * side) + finger * round(width * 1.05)
        tip = round(top + (bottom - top) * (high + 0.05 * abs(finger - 1.5)))
        cv2.line(mask, (x, tip), (x + width // 2, len(display) + width), 255, width, cv2.LINE_AA)
    _mix(display, mask, np.array((0.72, 0.52, 0.42)) * random.uniform(0.5, 1.25), 1.0)


def _scarf(display: Floats, portrait: Portrait, random: Generator) -> None:
    """Draw a scarf up to somewhere between chin and nose."""
    mask = _mask_of(len(display))
    left, _, right, bottom = portrait.box
    nose = float(portrait.landmarks[2, 1])
    edge = bottom - (bottom - nose) * random.uniform(0.2, 0.9)
    middle = (round((left + right) / 2), round(edge + (right - left) * 0.9))
    cv2.ellipse(
        mask, middle, (round((right - left) * 1.0), round((right - left) * 0.9)), 0, 0, 360, 255, -1, cv2.LINE_AA
    )
    _mix(display, mask, random.uniform(0.1, 0.9, size=3), 1.0)


def _bar(display: Floats, portrait: Portrait, random: Generator) -> None:
    """Draw a blurred post somewhere before the picture."""
    del portrait
    size = len(display)
    mask = _mask_of(size)
    x = random.uniform(0.1, 0.9) * size
    lean = random.uniform(-0.4, 0.4) * size
    ends = (round(x), -size // 4), (round(x + lean), size + size // 4)
    cv2.line(mask, *ends, 255, max(round(size * random.uniform(0.05, 0.14)), 1), cv2.LINE_AA)
    _mix(display, mask, random.uniform(0, 0.8, size=3), 1.0)


_OCCLUDERS = {"sunglasses": _sunglasses, "hand": _hand, "scarf": _scarf, "bar": _bar}
