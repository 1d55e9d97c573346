"""Pictures of what the runs kept of representations: maps of features as SVG, nearest images as PNG."""

from __future__ import annotations

import colorsys
from collections.abc import Callable, Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ferbench.errors import InputError
from ferbench.places import write_atomically
from ferbench.records import Record, RecordStore
from ferbench.report.sheet import Sheet, SheetCell

Images = npt.NDArray[np.uint8]
StoredImages = Callable[[Record], tuple[Images, list[str]]]
"""Finds the prepared images (N, h, w, c) of a record's test data, and their sample ids."""

PANEL, MARGIN, LINE = 300, 24, 18
TILE, GAP = 64, 4
# Told apart by people with any kind of colour vision (Okabe & Ito), then greys.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#999999")
QUERY, SAME, OTHER = (0, 0, 0), (0, 158, 115), (213, 94, 0)
"""Frames of a query, of images of its class and of others."""


def write_pictures(sheet: Sheet, store: RecordStore, out: Path, images: StoredImages) -> Iterator[Path]:
    """Draw what each finished cell of a benchmark kept.

    Args:
        sheet: the benchmark's cells.
        store: its records.
        out: folder.
        images: finds prepared images, for pictures that show some.

    Yields:
        The pictures written.

    Raises:
        InputError: no record kept anything that can be drawn.
    """
    done, found = store.done(), False
    for cell in sheet.cells:
        if cell.id not in done:
            continue
        record = store.read(cell.id)
        metrics = record.content.get("representation", {}).get("metrics", {})
        if "feature-map" in metrics:
            found = True
            path = out / f"{cell.file_stem}-map.svg"
            write_atomically(path, draw_map(_title(sheet, cell), metrics["feature-map"]).encode())
            yield path
        if "neighbours" in metrics:
            found = True
            path = out / f"{cell.file_stem}-neighbours.png"
            write_atomically(path, _encoded(draw_neighbours(record, metrics["neighbours"]["arrays"], images)))
            yield path
    if not found:
        raise InputError(
            expected="finished cells that kept a feature-map or neighbours",
            found="none",
            where=f"the records of {sheet.benchmark}",
            remedy='name them in the benchmark: representation_metrics = ["feature-map", "neighbours"]',
        )


def _title(sheet: Sheet, cell: SheetCell) -> str:
    return f"{sheet.benchmark}: {cell.entry}, {cell.dataset}, {cell.protocol}, fold {cell.fold}, seed {cell.seed}"


def draw_map(title: str, account: Mapping[str, Any]) -> str:
    """Return an SVG: a line for each representation, a panel for each of class, subject and yaw.

    Args:
        title: of the picture.
        account: values, arrays and settings of the metric `feature-map`.
    """
    arrays, classes = account["arrays"], account["settings"]["classes"]
    # Older records keep points under the representation's own name, where one called `yaw` took the column's place.
    places = {name: f"at/{name}" if f"at/{name}" in arrays else name for name in account["values"]}
    kinds = [kind for kind in ("label", "subject", "yaw") if kind in arrays and kind not in places.values()]
    names = list(places)
    width = len(kinds) * (PANEL + MARGIN) + MARGIN
    height = LINE + len(names) * (PANEL + LINE + MARGIN) + LINE * (1 + (len(classes) + 6) // 7)
    parts = [_text(MARGIN, LINE, title, bold=True)]
    for row, name in enumerate(names):
        top = LINE + row * (PANEL + LINE + MARGIN)
        for column, kind in enumerate(kinds):
            left = MARGIN + column * (PANEL + MARGIN)
            parts.append(_text(left, top + LINE + 14, f"{name} by {'class' if kind == 'label' else kind}"))
            parts += _points(arrays[places[name]], _colours(kind, arrays[kind]), left, top + 2 * LINE)
    parts += _key(classes, LINE + len(names) * (PANEL + LINE + MARGIN) + LINE)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" font-family="sans-serif">'
    )
    frame = f'<title>{escape(title)}</title><rect width="{width}" height="{height}" fill="white"/>'
    return "\n".join([head, frame, *parts, "</svg>"]) + "\n"


def _points(points: Sequence[Sequence[float]], colours: Sequence[str], left: int, top: int) -> list[str]:
    return [
        f'<circle cx="{left + x * PANEL:.1f}" cy="{top + (1 - y) * PANEL:.1f}" r="2.5" fill="{colour}"/>'
        for (x, y), colour in zip(points, colours, strict=True)
    ]


def _colours(kind: str, values: Sequence[Any]) -> list[str]:
    """Return colours: classes apart, subjects around the circle of hues, yaws from blue over grey to red."""
    if kind == "label":
        return [COLOURS[int(value) % len(COLOURS)] for value in values]
    if kind == "subject":
        count = int(max(values)) + 1
        return [_hex(*colorsys.hsv_to_rgb(value / count, 0.8, 0.75 + 0.2 * (value % 2))) for value in values]
    share = [0.0 if value is None else max(-1.0, min(1.0, value / 90)) for value in values]
    return [_hex(0.55 + 0.45 * s, 0.55 - 0.4 * abs(s), 0.55 - 0.45 * s) for s in share]


def _hex(red: float, green: float, blue: float) -> str:
    return "#" + "".join(f"{round(255 * max(0.0, min(1.0, part))):02x}" for part in (red, green, blue))


def _key(classes: Sequence[str], top: int) -> list[str]:
    parts = []
    for place, name in enumerate(classes):
        x, y = MARGIN + place % 7 * 130, top + place // 7 * LINE
        parts.append(f'<circle cx="{x}" cy="{y - 4}" r="5" fill="{COLOURS[place % len(COLOURS)]}"/>')
        parts.append(_text(x + 10, y, name))
    return parts


def _text(x: float, y: float, text: str, *, bold: bool = False) -> str:
    weight = ' font-weight="bold"' if bold else ""
    return f'<text x="{x}" y="{y}" font-size="13"{weight}>{escape(text)}</text>'


def draw_neighbours(record: Record, arrays: Mapping[str, Any], images: StoredImages) -> Images:
    """Return a picture (h, w, 3): a line a query and representation, the query first; framed green: of its class.

    Args:
        record: of the cell.
        arrays: of the metric `neighbours`.
        images: finds the prepared images.
    """
    pixels, ids = images(record)
    rows = {identity: row for row, identity in enumerate(ids)}
    predictions = record.predictions("validation")
    labels = dict(zip(predictions.ids.tolist(), predictions.labels.tolist(), strict=True))
    lines: list[Images] = []
    for place, query in enumerate(arrays["queries"]):
        for found in (arrays[name][place] for name in arrays if name != "queries"):
            tiles = [_tile(pixels[rows[query]], QUERY)]
            tiles += [_tile(pixels[rows[one]], SAME if labels[one] == labels[query] else OTHER) for one in found]
            lines.append(np.concatenate(tiles, axis=1))
        lines.append(np.full((GAP, *lines[-1].shape[1:]), 255, dtype=np.uint8))
    return np.concatenate(lines[:-1])


def _tile(image: Images, frame: tuple[int, int, int]) -> Images:
    import cv2

    colour = image if image.shape[2] == 3 else np.repeat(image, 3, axis=2)
    scaled = cv2.resize(colour, (TILE, TILE), interpolation=cv2.INTER_AREA)
    framed = cv2.copyMakeBorder(scaled, GAP, GAP, GAP, GAP, cv2.BORDER_CONSTANT, value=frame)
    return np.asarray(framed, dtype=np.uint8)


def _encoded(image: Images) -> bytes:
    import cv2

    return bytes(cv2.imencode(".png", image[..., ::-1])[1].tobytes())
