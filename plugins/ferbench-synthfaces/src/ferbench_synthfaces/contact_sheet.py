"""Drawing contact sheets: `python -m ferbench_synthfaces.contact_sheet OUT.png --domain studio`.

The studio's columns are expressions and its rows subjects and yaws; the other domains show random images with the
label below each, and for a mixture both labels with their shares.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from ferbench_synthfaces.options import FaceOptions, IdentityOptions, StudioOptions, WildOptions
from ferbench_synthfaces.picture import Pixels, develop
from ferbench_synthfaces.recipes import EXPRESSIONS
from ferbench_synthfaces.render import portray
from ferbench_synthfaces.rows import Shot, person
from ferbench_synthfaces.scenes import make_scene

_MARGIN = 78
_CAPTION = 16
_INK = (40, 40, 40)


def draw_studio(size: int, seed: int) -> Pixels:
    """Draw three subjects at frontal and turned poses: (rows, columns, 3) uint8 RGB."""
    options = StudioOptions(resolution=size, seed=seed)
    chosen = [(0, 2), (1, 2), (2, 2), (3, 1), (4, 3), (5, 0), (6, 4)]  # (subject, yaw step)
    strips = [_caption_row([name.capitalize() for name in EXPRESSIONS], size)]
    for subject, step in chosen:
        shots = [(subject, 7 * step + label) for label in range(7)]
        label = _text(_MARGIN, size, [f"subject {subject:03d}", f"yaw {options.yaws[step]:+g}"])
        strips.append(np.hstack([label, *(_shoot("studio", options, shot)[0] for shot in shots)]))
    return np.vstack(strips)


def draw_random(domain: str, size: int, seed: int, rows: int = 5, columns: int = 8) -> Pixels:
    """Draw images of a domain, each of another subject, with its label: (rows, columns, 3) uint8 RGB."""
    kind = WildOptions if domain == "wild" else IdentityOptions
    options = kind(resolution=size, seed=seed)
    strips = []
    for row in range(rows):
        # The identity domain shows a subject in each row, to let one see that it stays the same person.
        shots = [(row, number) if domain == "identity" else (row * columns + number, 0) for number in range(columns)]
        cells = [_shoot(domain, options, shot) for shot in shots]
        strips.append(np.hstack([np.vstack([image, _text(size, _CAPTION, [caption])]) for image, caption in cells]))
    return np.vstack(strips)


def _shoot(domain: str, options: FaceOptions, shot: Shot) -> tuple[Pixels, str]:
    scene = make_scene(domain, options, *shot)
    who = person(domain, options.seed, shot[0])
    portrait = portray(who.model, scene.expression.weights, scene.view, scene.light, options.resolution)
    parts = sorted(zip(scene.expression.mixture, EXPRESSIONS, strict=True), reverse=True)
    shares = [f"{name} {share:.0%}" if share < 1 else name for share, name in parts if share > 0]
    return develop(portrait, scene.lens), " ".join(shares)


def _text(width: int, height: int, lines: Sequence[str]) -> Pixels:
    board = np.full((height, width, 3), 255, dtype=np.uint8)
    scale = 0.36
    for number, line in enumerate(lines):
        (wide, _), _ = cv2.getTextSize(line, cv2.FONT_HERSHEY_SIMPLEX, scale, 1)
        fitted = scale * min(1, (width - 2) / max(wide, 1))
        base = height // 2 + 4 + round(15 * (number - (len(lines) - 1) / 2))
        cv2.putText(board, line, (3, base), cv2.FONT_HERSHEY_SIMPLEX, fitted, _INK, 1, cv2.LINE_AA)
    return board


def _caption_row(names: Sequence[str], size: int) -> Pixels:
    return np.hstack([_text(_MARGIN, _CAPTION, [""]), *(_text(size, _CAPTION, [name]) for name in names)])


def save(sheet: Pixels, path: Path) -> None:
    """Write a sheet as a PNG of 256 colours: a third of the bytes, and nobody measures anything on it."""
    Image.fromarray(sheet).quantize(256, dither=Image.Dither.FLOYDSTEINBERG).save(path, optimize=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the command line and write the sheet."""
    parser = argparse.ArgumentParser(prog="python -m ferbench_synthfaces.contact_sheet", description=__doc__)
    parser.add_argument("out", type=Path, help="the PNG file to write")
    parser.add_argument("--domain", choices=("studio", "wild", "identity"), default="studio")
    parser.add_argument("--size", type=int, default=88, help="side of each face, pixels")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args(arguments)
    if chosen.domain == "studio":
        sheet = draw_studio(chosen.size, chosen.seed)
    else:
        sheet = draw_random(chosen.domain, chosen.size, chosen.seed)
    save(sheet, chosen.out)


if __name__ == "__main__":
    main()
