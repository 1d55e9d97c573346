"""A replica of dSprites: shapes drawn here, in the release's file, of few orientations and places."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from itertools import product

import numpy as np

from ferbench.data.replica import ReplicaSite
from ferbench_controlled import dsprites_file as file
from ferbench_controlled.shapes import SHAPES, drawn

_PLACES = (0, 31)
_TURNS = (0, 2, 4, 6, 8)
"""Within a quarter turn, after which a square is itself again, and far enough apart for small ones to differ."""


def write(site: ReplicaSite) -> Mapping[str, int]:
    """Write a replica: every shape and scale in every corner, at as many orientations as there are to be subjects."""
    # The last orientation shows the same as the first, as in the release.
    turns = (*_TURNS[: site.subjects], file.SIZES[file.ORIENTATION] - 1)
    axes = ((0,), range(file.SIZES[file.SHAPE]), range(file.SIZES[file.SCALE]), turns, _PLACES, _PLACES)
    classes = np.asarray(list(product(*axes)), dtype=np.int64)
    steps = np.asarray([1, 1, 0.1, 2 * np.pi / 39, 1 / 31, 1 / 31])
    values = np.asarray([1, 1, 0.5, 0, 0, 0]) + classes * steps
    images = np.empty((len(classes), file.SIDE, file.SIDE), dtype=np.uint8)
    for number, shape in enumerate(SHAPES):
        chosen = classes[:, file.SHAPE] == number
        factors = {
            "scale": values[chosen, file.SCALE],
            # The last orientation is a whole turn.
            "orientation": np.rad2deg(values[chosen, file.ORIENTATION]) % 360,
            "x": values[chosen, file.X],
            "y": values[chosen, file.Y],
        }
        images[chosen] = drawn(shape, factors, file.SIDE) > 127
    np.savez_compressed(
        site.folder / file.FILE,
        metadata=np.asarray({"title": "a replica of dSprites"}, dtype=object),  # pickled, as in the release
        imgs=images,
        latents_classes=classes,
        latents_values=values,
    )
    counts = Counter(SHAPES[shape] for shape in classes[:, file.SHAPE].tolist())
    return {shape: counts[shape] for shape in SHAPES}
