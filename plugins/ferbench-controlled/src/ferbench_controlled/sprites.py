"""Sprites: squares, ellipses and hearts of any scale, orientation and place, drawn here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ferbench import DataSource, Site
from ferbench.data.files import Kind
from ferbench.sources import package_source
from ferbench_controlled.factors import ORIENTATION, SCALE, X, Y
from ferbench_controlled.intervals import bin_of
from ferbench_controlled.options import SpriteOptions
from ferbench_controlled.shapes import SHAPES, drawn
from ferbench_controlled.tables import BATCH, picture_bytes, written

if TYPE_CHECKING:
    import datasets

SIDE = 28
FACTORS = (SCALE, ORIENTATION, X, Y)


class Sprites(DataSource[SpriteOptions]):
    """The shape is the class."""

    name: ClassVar[str] = "sprites"
    classes: ClassVar[tuple[str, ...]] = SHAPES

    def kinds(self) -> Mapping[str, Kind]:
        """Return what each column besides id, image and label holds."""
        return {"split": str, **{factor.name: () for factor in FACTORS}}

    def identity(self) -> Mapping[str, Any]:
        """Return what decides the images: the options and the code that draws."""
        options = self.options.model_dump(mode="json")
        return {"generator": "ferbench-controlled", "options": options, "source": package_source("ferbench_controlled")}

    def columns(self) -> frozenset[str]:
        """Return the names of the columns."""
        return frozenset({"id", "image", "label", *self.kinds()})

    def origin(self) -> str:
        """Return the same for both data sets: the images of one seed are the same whatever their classes are."""
        return f"{__name__} seed {self.options.seed}"

    def load(self, site: Site) -> datasets.Dataset:
        """Draw all sprites."""
        return written(site.cache, self.classes, self.kinds(), self._batches(site))

    def _batches(self, site: Site) -> Iterator[Mapping[str, Any]]:
        parts = {"train": self.options.train, "test": self.options.test}
        with site.progress(f"drawing {self.name}", sum(parts.values())) as advance:
            for part, count in parts.items():
                for start in range(0, count, BATCH):
                    numbers = range(start, min(start + BATCH, count))
                    yield self.rows(part, numbers)
                    advance(len(numbers))

    def rows(self, part: str, numbers: range) -> dict[str, Any]:
        """Return some rows: each a pure function of part, number and seed.

        Args:
            part: `train` or `test`.
            numbers: N numbers within the part.

        Returns:
            N values of each column; the image as bytes, the label as a number.
        """
        names = [f"{part}-{number:07d}" for number in numbers]
        values = {factor.name: factor.draw(names, self.options.seed, 0) for factor in FACTORS}
        # In turn, so that even a few images show every shape; preparation shuffles them.
        shapes = np.asarray(numbers, dtype=np.int64) % len(SHAPES)
        images = np.empty((len(names), SIDE, SIDE), dtype=np.uint8)
        for number, shape in enumerate(SHAPES):
            chosen = shapes == number
            images[chosen] = drawn(shape, {name: drawn_[chosen] for name, drawn_ in values.items()}, SIDE)
        known = {"id": names, "image": [picture_bytes(image) for image in images], "split": [part] * len(names)}
        return {**known, "label": shapes.tolist(), **{name: drawn_.tolist() for name, drawn_ in values.items()}}


class SpritesScale(Sprites):
    """The same images; the scale is the class."""

    name = "sprites-scale"
    classes = SCALE.classes

    def kinds(self) -> Mapping[str, Kind]:
        """Return what each column besides id, image and label holds."""
        others = {factor.name: () for factor in FACTORS if factor is not SCALE}
        return {"split": str, "shape": str, "target": (), **others}

    def rows(self, part: str, numbers: range) -> dict[str, Any]:
        """Return some rows, the bin of the scale in place of the shape."""
        rows = super().rows(part, numbers)
        scale = rows.pop(SCALE.name)
        shapes = [SHAPES[label] for label in rows["label"]]
        return {**rows, "label": bin_of(scale, SCALE.intervals).tolist(), "target": scale, "shape": shapes}
