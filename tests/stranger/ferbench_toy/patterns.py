"""Sixteen-pixel patterns, one orientation a class, in random colours under noise: learned in seconds, not by chance."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ferbench import DataSource, Site
from ferbench.canonical import source_digest
from ferbench_toy.options import PatternOptions
from ferbench_toy.plugin import CLASSES

if TYPE_CHECKING:
    import datasets

SIZE = 16
HERE = Path(__file__)


class Patterns(DataSource[PatternOptions]):
    """Horizontal, vertical, diagonal stripes and a checkerboard. Subjects differ in colour, poses in phase.

    With FERBENCH_TOY_SLOW_DATA set, each image takes that many seconds, so that preparation can be interrupted.
    """

    def identity(self) -> Mapping[str, Any]:
        """Return the options and the source of this file."""
        return {"options": self.options.model_dump(mode="json"), "source": source_digest(HERE.parent, [HERE])}

    def columns(self) -> frozenset[str]:
        """Return all columns but the omitted ones."""
        return frozenset({"id", "image", "label", "subject", "pose", "landmarks", "split"} - set(self.options.omit))

    def load(self, site: Site) -> datasets.Dataset:
        """Draw the images."""
        import datasets as hf

        rows = []
        wait = float(os.environ.get("FERBENCH_TOY_SLOW_DATA", "0"))
        with site.progress("drawing patterns", self.options.images) as advance:
            for number in range(self.options.images):
                rows.append(self._row(number))
                time.sleep(wait)
                advance()
        table = {name: [row[name] for row in rows] for name in rows[0] if name not in self.options.omit}
        classes = list(CLASSES[: self.options.classes])
        data = hf.Dataset.from_dict(table)
        return data.cast_column("image", hf.Image()).cast_column("label", hf.ClassLabel(names=classes))

    def _row(self, number: int) -> dict[str, Any]:
        options = self.options
        rng = np.random.default_rng([options.seed, number])
        label = number % options.classes
        subject = (number // options.classes) % options.subjects
        test = subject >= options.subjects - max(1, options.subjects // 4)
        pose = float(rng.integers(-3, 4) * 15)
        y, x = np.mgrid[:SIZE, :SIZE] + int(rng.integers(4))
        wave = [y // 2 % 2, x // 2 % 2, (x + y) // 2 % 2, (x // 2 + y // 2) % 2][label]
        colour = np.random.default_rng([options.seed, 1000 + subject]).uniform(0.4, 1, 3)
        pixels = wave[..., None] * colour + rng.normal(0, options.noise, (SIZE, SIZE, 3))
        points = np.asarray([[5, 6], [11, 6], [8, 9], [6, 12], [10, 12]], dtype=float) + rng.normal(0, 0.2, (5, 2))
        return {
            "id": f"{options.seed}-{number:04d}",
            "image": _png((pixels.clip(0, 1) * 255).astype(np.uint8)),
            "label": label,
            "subject": f"s{subject:02d}",
            "pose": pose,
            "landmarks": points.tolist(),
            "split": "test" if test else "train",
        }


def _png(pixels: np.ndarray) -> dict[str, Any]:
    import io

    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, format="PNG")
    return {"bytes": stream.getvalue(), "path": None}
