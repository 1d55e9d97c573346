"""Heat maps of class distributions, as the paper's Fig. 4 shows them, drawn with OpenCV."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from ferbench.places import write_atomically

Pixels = npt.NDArray[np.uint8]
CELL, MARGIN, GAP = 52, 92, 16
FONT, INK = cv2.FONT_HERSHEY_SIMPLEX, (40, 40, 40)


def draw(maps: Mapping[str, npt.NDArray[np.float64]], classes: Sequence[str]) -> Pixels:
    """Draw the class distributions of several protocols side by side.

    Args:
        maps: (K, K) shares by title; row c is the distribution of class c.
        classes: K names.

    Returns:
        (h, w, 3) BGR.
    """
    panels = [_panel(title, shares, classes) for title, shares in maps.items()]
    gap = np.full((panels[0].shape[0], GAP, 3), 255, dtype=np.uint8)
    return np.hstack([part for panel in panels for part in (panel, gap)][:-1])


def _panel(title: str, shares: npt.NDArray[np.float64], classes: Sequence[str]) -> Pixels:
    side = CELL * len(classes)
    panel = np.full((side + 2 * 24, side + MARGIN, 3), 255, dtype=np.uint8)
    _write(panel, title, (MARGIN, 16), 0.5, side)
    for row, name in enumerate(classes):
        top = 48 + row * CELL
        _write(panel, name, (4, top + CELL // 2 + 4), 0.42, MARGIN - 8)
        _write(panel, name, (MARGIN + row * CELL + 2, 40), 0.36, CELL - 4)
        for column, share in enumerate(shares[row]):
            left = MARGIN + column * CELL
            shade = int(255 - 200 * min(1.0, float(share)))
            cv2.rectangle(panel, (left, top), (left + CELL - 2, top + CELL - 2), (255, shade, shade), -1)
            _write(panel, f"{share * 100:.1f}", (left + 8, top + CELL // 2 + 4), 0.4, CELL - 12)
    return panel


def _write(panel: Pixels, text: str, at: tuple[int, int], scale: float, width: int) -> None:
    """Write text, smaller where it would be wider than `width` pixels."""
    (wide, _), _ = cv2.getTextSize(text, FONT, scale, 1)
    cv2.putText(panel, text, at, FONT, scale * min(1.0, width / max(1, wide)), INK, 1, cv2.LINE_AA)


def save(picture: Pixels, path: Path) -> None:
    """Write a PNG."""
    _, coded = cv2.imencode(".png", picture)
    write_atomically(path, coded.tobytes())
