"""The most typical test images of each node of the tree (the paper's Fig. 10), as a picture.

    python -m ferbench_thin.nodes RESULTS --out DIR

writes DIR/<benchmark>-<entry>-<data set>-<protocol>-<fold>-<seed>-nodes.png for each finished cell of THIN that
stored its gate (`record_gate = true`). The images come from the prepared store, so the data must still be prepared on
this machine.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from ferbench.data.recorded import images_of
from ferbench.errors import InputError
from ferbench.places import write_atomically
from ferbench.records import Record, RecordStore
from ferbench.report.command import write_from_records
from ferbench.report.sheet import load_sheet

METHODS = ("thin",)
UNGATED = ("baseline", "ensemble")
Images = npt.NDArray[np.uint8]
SHOWN, ACROSS, TILE, GAP = 8, 4, 48, 6


def reached(gate: npt.NDArray[np.floating[Any]]) -> list[npt.NDArray[np.float64]]:
    """Return the probability with which each image reaches each node, level by level from the root's children.

    Args:
        gate: (N, L) probabilities of the leaves, L a power of two.

    Returns:
        D arrays; array d is (N, 2^(d + 1)), a node's probability being the sum of its leaves'.
    """
    leaves = gate.astype(np.float64)
    levels = [leaves]
    while levels[0].shape[1] > 2:
        levels.insert(0, levels[0].reshape(len(leaves), -1, 2).sum(axis=2))
    return levels


def typical(gate: npt.NDArray[np.floating[Any]], count: int = SHOWN) -> list[npt.NDArray[np.int64]]:
    """Return the positions of the images that most surely reach each node.

    Returns:
        D arrays; array d is (2^(d + 1), count), surest first.
    """
    return [np.argsort(-level, axis=0, kind="stable")[:count].T for level in reached(gate)]


def draw(images: Images, gate: npt.NDArray[np.floating[Any]]) -> Images:
    """Draw the tree: a row a level, each node as its most typical images.

    Args:
        images: (N, h, w, c) uint8 RGB or grey.
        gate: (N, L).

    Returns:
        (H, W, 3) BGR.
    """
    levels = typical(gate)
    deepest = len(levels[-1])
    block = ACROSS * TILE + GAP
    rows = []
    for nodes in levels:
        row = np.full((SHOWN // ACROSS * TILE + GAP, deepest * block, 3), 255, dtype=np.uint8)
        width = row.shape[1] // len(nodes)
        for number, members in enumerate(nodes):
            left = number * width + (width - block) // 2
            for place, position in enumerate(members):
                y, x = divmod(place, ACROSS)
                tile = _tile(images[position])
                row[y * TILE : (y + 1) * TILE, left + x * TILE : left + (x + 1) * TILE] = tile
        rows.append(row)
    return np.vstack(rows)


def _tile(image: Images) -> Images:
    colour = image if image.shape[2] == 3 else np.repeat(image, 3, axis=2)
    return np.asarray(cv2.resize(colour, (TILE, TILE), interpolation=cv2.INTER_AREA)[..., ::-1], dtype=np.uint8)


def picture_of(record: Record, selection: str) -> Images:
    """Draw the tree of a finished cell.

    Args:
        record: of the cell.
        selection: which epoch: the one that its leaderboard shows.

    Raises:
        InputError: the record holds no gate.
        DataError: the data are no longer prepared here, or hold other images.
    """
    predictions = record.predictions(selection)
    if "gate" not in predictions.extras:
        raise InputError(
            expected="a record of THIN with the weights of its ensemble",
            found="none",
            where=str(record.folder),
            remedy="run the entry with options = { record_gate = true }",
        )
    images, ids = images_of(record)
    rows = {name: row for row, name in enumerate(ids)}
    return draw(images[[rows[name] for name in predictions.ids.tolist()]], predictions.extras["gate"])


def write_pictures(results: Path, out: Path) -> Iterator[Path]:
    """Write a picture for each finished cell that stored its gate.

    Yields:
        The pictures.

    Raises:
        FerbenchError: there is none, a record was altered, images are gone.
    """
    store, found = RecordStore(results), False
    done = store.done()
    for sheet in sorted((results / "sheets").glob("*.json")):
        planned = load_sheet(results, sheet.stem)
        for cell in planned.cells:
            if cell.method not in METHODS or cell.id not in done:
                continue
            record = store.read(cell.id)
            options = record.content["spec"]["options"]
            if not options.get("record_gate") or options["architecture"] in UNGATED:
                continue
            found = True
            path = out / f"{sheet.stem}-{cell.file_stem}-nodes.png"
            write_atomically(path, cv2.imencode(".png", picture_of(record, planned.rank_by))[1].tobytes())
            yield path
    if not found:
        raise InputError(
            expected="a results folder with finished cells of the method thin that stored their gate",
            found="none",
            where=str(results),
            remedy="run an entry with options = { record_gate = true }",
        )


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the command line and write the pictures."""
    write_from_records(
        "ferbench_thin.nodes", "Show the most typical images of each node of THIN's tree.", write_pictures, arguments
    )


if __name__ == "__main__":
    main()
