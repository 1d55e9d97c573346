"""What every data set must do: load alike each time, as its card says, with subjects on one side of its split."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections import defaultdict
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ferbench.canonical import canonical_json
from ferbench.data.verify import verify
from ferbench.datasource import DataSource, Site
from ferbench.entries import DatasetEntry
from ferbench.options import Options
from ferbench.testing.configured import Configured
from ferbench.testing.findings import Failed
from ferbench.testing.running import Check

if TYPE_CHECKING:
    import datasets

REQUIRED = ("id", "image", "label")
SHAPES = {"landmarks": (5, 2), "box": (4,)}


@dataclass(frozen=True)
class DatasetSubject(Configured[DatasetEntry]):
    """A data set under test; few images are enough.

    Attributes:
        root: the user's folder of it, where it needs one.
    """

    root: Path | None = None

    def source(self) -> DataSource[Options]:
        """Return it, made anew."""
        source: DataSource[Options] = self.made(self.root if self.provided.entry.needs_root else None)
        return source

    def load(self) -> datasets.Dataset:
        """Load it into an empty cache, which is there as long as this process is."""
        return self.source().load(Site(Path(tempfile.mkdtemp(dir=_scratch()))))

    @cached_property
    def loaded(self) -> datasets.Dataset:
        """It, loaded once for all checks."""
        return self.load()


@cache
def _scratch() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="ferbench-check-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def loads(subject: DatasetSubject) -> None:
    """Give images with a label that has class names, and an id of its own for each."""
    data = subject.loaded
    missing = [name for name in REQUIRED if name not in data.column_names]
    if missing or len(data) == 0:
        raise Failed(f"{len(data)} images, without {', '.join(missing) or 'anything'}", "give id, image and label")
    if not hasattr(data.features["label"], "names"):
        raise Failed("its label has no class names", "make it a datasets.ClassLabel: classes are names, never integers")
    ids = data["id"]
    if len(set(ids)) != len(ids):
        raise Failed(f"{len(ids) - len(set(ids))} ids are repeated", "give every image an id of its own")


def is_as_its_card_says(subject: DatasetSubject) -> None:
    """Have the classes of its card, in order, and say who may use it."""
    card = subject.provided.entry.card
    names = tuple(subject.loaded.features["label"].names)
    if card.classes is not None and names != card.classes:
        raise Failed(
            f"its classes are {', '.join(names)}", f"the card says {', '.join(card.classes)}: correct one of them"
        )
    if not card.licence:
        raise Failed("its card names no licence", "state the terms of use in a few words")


def gives_the_columns_it_announces(subject: DatasetSubject) -> None:
    """Load the columns that `columns()` names, and no others."""
    announced, given = set(subject.source().columns()), set(subject.loaded.column_names)
    if announced != given:
        told = [f"announced and not there: {', '.join(sorted(announced - given))}" if announced - given else ""]
        told += [f"there and not announced: {', '.join(sorted(given - announced))}" if given - announced else ""]
        raise Failed("; ".join(filter(None, told)), "let columns() name what load() gives: plans are made from it")


def gives_columns_in_their_form(subject: DatasetSubject) -> None:
    """Have a split of three names, a yaw in degrees, five landmarks, a box of four numbers."""
    data = subject.loaded
    if "split" in data.column_names:
        strange = sorted({str(name) for name in data["split"]} - {"train", "validation", "test"})
        if strange:
            raise Failed(f"its split has {', '.join(strange[:5])}", "call the parts train, validation and test")
    if "pose" in data.column_names:
        yaws = np.asarray([value for value in data["pose"] if value is not None], dtype=float)
        if np.nanmax(np.abs(yaws), initial=0) > 180:
            raise Failed("its pose is beyond 180 degrees", "give the yaw in degrees, positive to the subject's left")
    for name, shape in SHAPES.items():
        if name in data.column_names:
            found = {np.shape(value) for value in data[name] if value is not None}
            if found - {shape}:
                raise Failed(f"its {name} have the shape {min(found - {shape})}", f"give {shape}, in pixels")


def keeps_subjects_on_one_side(subject: DatasetSubject) -> None:
    """Show nobody in training who is in the test."""
    data = subject.loaded
    if not {"split", "subject"} <= set(data.column_names):
        return
    sides: dict[str, set[str]] = defaultdict(set)
    for person, side in zip(data["subject"], data["split"], strict=True):
        sides[str(person)].add("test" if side == "test" else "training")
    both = sorted(person for person, found in sides.items() if len(found) > 1)
    if both:
        raise Failed(
            f"{len(both)} subjects stand on both sides of its split, such as {both[0]!r}",
            "divide by subject; where the release does not, leave the column subject out and say so in the card",
        )


def loads_the_same_twice(subject: DatasetSubject) -> None:
    """Be the same data when it is loaded again elsewhere: same ids, labels, images and identity."""
    one, other = subject.loaded, subject.load()
    some = range(0, len(one), max(1, len(one) // 16))
    pixels = [[np.asarray(data[row]["image"]).tobytes() for row in some if row < len(data)] for data in (one, other)]
    if one["id"] != other["id"] or one["label"] != other["label"] or pixels[0] != pixels[1]:
        raise Failed("two loads differ", "sort files by name; draw from a generator made of the options' seed")
    first, second = (canonical_json(subject.source().identity()) for _ in range(2))
    if first != second:
        raise Failed("identity() differs from call to call", "let it name what decides the content, and nothing else")


def verifies(subject: DatasetSubject) -> None:
    """Pass `ferbench data verify`: every image readable, none twice on two sides, boxes inside, counts as stated."""
    with tempfile.TemporaryDirectory(prefix="ferbench-check-") as cache:
        found = verify(subject.source(), subject.provided.entry.name, site=Site(Path(cache))).findings
    if found:
        one = found[0]
        raise Failed(
            f"{len(found)} differences; {one.check}: expected {one.expected}, found {one.found}, in {one.where}",
            f"'ferbench data verify {subject.provided.entry.name}' lists them all",
        )


DATASET_CHECKS: tuple[Check[DatasetSubject], ...] = (
    loads,
    is_as_its_card_says,
    gives_the_columns_it_announces,
    gives_columns_in_their_form,
    keeps_subjects_on_one_side,
    loads_the_same_twice,
    verifies,
)
"""All checks of a data set."""
