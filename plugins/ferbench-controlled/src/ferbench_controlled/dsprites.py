"""dSprites: training and test images drawn from the 737,280 of the release, at 28 × 28."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from ferbench import Site
from ferbench.data.files import FileSource, Index, Kind, Sample
from ferbench.data.findings import Finding
from ferbench.data.replica import REPLICA, read_replica
from ferbench.errors import DataError
from ferbench_controlled import dsprites_file as file
from ferbench_controlled.area import shrunk
from ferbench_controlled.draws import unit
from ferbench_controlled.intervals import Interval, interval_name
from ferbench_controlled.options import DspritesOptions
from ferbench_controlled.shapes import SHAPES
from ferbench_controlled.tables import BATCH, picture_bytes, written

if TYPE_CHECKING:
    import datasets

NAMES = ("dsprites", "dsprites-scale")
"""Both are read from the same file."""

SIDE = 28
IMAGES = 737_280
SCALES = tuple(Interval(scale / 10, scale / 10) for scale in range(5, 11))
SCALE_NAMES = tuple(interval_name(scale, 1) for scale in SCALES)

_RELEASE = f"{file.FILE} as released ({IMAGES:,} images of 64 × 64 with six latents)"

Rows = npt.NDArray[np.int64]


class Dsprites(FileSource[DspritesOptions]):
    """dSprites (Matthey et al., 2017); the shape is the class. An id is the image's row in the release."""

    name = "dsprites"
    target: ClassVar[bool] = False
    """Whether the scale is the class."""

    @property
    def classes(self) -> tuple[str, ...]:
        """The shapes, or the scales in ascending order."""
        return SCALE_NAMES if self.target else SHAPES

    def kinds(self) -> Mapping[str, Kind]:
        """Return split and latents; the one that is the class is called `target`."""
        own: dict[str, Kind] = {"shape": str, "target": ()} if self.target else {"scale": ()}
        return {"split": str, **own, "orientation": (), "x": (), "y": ()}

    def official(self) -> Mapping[str, int]:
        """Return the release's number of images of each shape."""
        return dict.fromkeys(SHAPES, IMAGES // len(SHAPES))

    @cached_property
    def replica(self) -> Mapping[str, Any] | None:
        """What `replica.json` says; a replica of either data set will do."""
        found = read_replica(self.folder)
        if found is not None and found["replica_of"] not in NAMES:
            raise DataError(
                expected=f"{self.name}, or a replica of {', '.join(NAMES)}",
                found=f"a replica of {found['replica_of']}",
                where=str(self.folder / REPLICA),
                remedy="name that data set, or give another folder",
            )
        return found

    def read(self) -> Index:
        """Read the latents, and draw the images."""
        index = Index(annotations=[file.FILE])
        if file.FILE not in self.files:
            index.findings.append(Finding("structure", f"dSprites' data file {file.FILE}", "no such file", file.FILE))
            return index
        try:
            latents = file.read_latents(self.folder / file.FILE)
        except ValueError as error:
            index.findings.append(Finding("structure", _RELEASE, str(error), file.FILE))
            return index
        scales = np.asarray([scale.centre for scale in SCALES])[latents.classes[:, file.SCALE]]
        if not np.allclose(latents.values[:, file.SCALE], scales, atol=1e-6):
            index.findings.append(Finding("annotation", f"the scales {', '.join(SCALE_NAMES)}", "others", file.FILE))
            return index
        counts = np.bincount(latents.classes[:, file.SHAPE], minlength=len(SHAPES))
        index.counts |= {shape: int(count) for shape, count in zip(SHAPES, counts, strict=True)}
        for part, rows in zip(("train", "test"), chosen_rows(latents, self.options), strict=True):
            index.samples += self._samples(latents, rows, part)
        return index

    def _samples(self, latents: file.Latents, rows: Rows, part: str) -> Iterator[Sample]:
        for row in rows.tolist():
            values, classes = latents.values[row].tolist(), latents.classes[row].tolist()
            shape, scale = SHAPES[classes[file.SHAPE]], values[file.SCALE]
            own = {"shape": shape, "target": scale} if self.target else {"scale": scale}
            others = {
                "orientation": float(np.rad2deg(values[file.ORIENTATION])),
                "x": values[file.X],
                "y": values[file.Y],
            }
            label = SCALE_NAMES[classes[file.SCALE]] if self.target else shape
            yield Sample(f"{row:06d}", file.FILE, label, {"split": part, **own, **others})

    @cached_property
    def _images(self) -> Mapping[str, npt.NDArray[np.uint8]]:
        """The (28, 28) images by id, for as long as the source lives: 55 MB of the 3 GB that they are picked from."""
        rows = np.asarray(sorted(int(sample.id) for sample in self.index.samples), dtype=np.int64)
        path = self.folder / file.FILE
        try:
            images = np.concatenate([shrunk(masks, SIDE) for masks in file.chosen_masks(path, rows)])
        except ValueError as error:
            raise DataError(
                expected=_RELEASE, found=str(error), where=str(path), remedy="get the file again: this one is damaged"
            ) from error
        return {f"{row:06d}": image for row, image in zip(rows.tolist(), images, strict=True)}

    def picture(self, sample: Sample) -> dict[str, Any]:
        """Return an image as a file's bytes."""
        return {"path": None, "bytes": picture_bytes(self._images[sample.id])}

    def load(self, site: Site) -> datasets.Dataset:
        """Pick the images out of the file.

        Raises:
            DataError: the file is missing, damaged or not as released, or the cache cannot be written.
        """
        self.refuse_differences()
        return written(site.cache, self.classes, self._all_kinds(), self._batches(site))

    def _batches(self, site: Site) -> Iterator[Mapping[str, Any]]:
        samples, kinds = self.index.samples, self._all_kinds()
        numbers = {label: number for number, label in enumerate(self.classes)}
        with site.progress(f"reading {self.name}", len(samples)) as advance:
            for start in range(0, len(samples), BATCH):
                part = samples[start : start + BATCH]
                yield {
                    "id": [sample.id for sample in part],
                    "image": [self.picture(sample)["bytes"] for sample in part],
                    "label": [numbers[sample.label] for sample in part],
                    **{name: [sample.columns.get(name, "") for sample in part] for name in kinds},
                }
                advance(len(part))


class DspritesScale(Dsprites):
    """The same images; the scale is the class."""

    name = "dsprites-scale"
    target = True


def chosen_rows(latents: file.Latents, options: DspritesOptions) -> tuple[Rows, Rows]:
    """Draw training and test images.

    Each image has a hash of its row and the seed; the test images are those of the smallest hashes, the training
    images those of the greatest: more of one kind leave the other as it is. Orientation 39 is a whole turn and shows
    the same pixels as orientation 0: it is left out, or one picture could stand on both sides.

    Args:
        latents: of the file.
        options: seed and numbers; where the file has fewer images (a replica), all of them in the same proportion.

    Returns:
        The rows of the training and of the test images, in ascending order, without a common one.
    """
    rows = np.flatnonzero(latents.classes[:, file.ORIENTATION] < file.SIZES[file.ORIENTATION] - 1)
    hashes = np.asarray([unit(f"{row:06d}", options.seed, 0, "dsprites") for row in rows.tolist()])
    ordered = rows[np.argsort(hashes, kind="stable")]
    train, test = options.train, options.test
    if train + test > len(ordered):
        test = len(ordered) * test // (train + test)
        train = len(ordered) - test
    return np.sort(ordered[len(ordered) - train :]), np.sort(ordered[:test])
