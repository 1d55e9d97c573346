"""What every preprocessor must do: one uint8 image of one shape for an image, the same each time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ferbench.data.preprocess import NoFace, Prepared, Preprocessor
from ferbench.entries import PreprocessorEntry
from ferbench.testing.configured import Configured
from ferbench.testing.findings import Failed
from ferbench.testing.running import Check

SIDES = ((96, 96), (120, 90), (64, 128))


@dataclass(frozen=True)
class PreprocessorSubject(Configured[PreprocessorEntry]):
    """A preprocessor under test."""

    def build(self) -> Preprocessor:
        """Return it."""
        tool: Preprocessor = self.made()
        return tool

    def finds_faces(self) -> bool:
        """Return whether it prepares any of the kit's images, which are noise: a detector finds no face in them."""
        tool = self.build()
        return any(isinstance(tool(*self.given(*side)), Prepared) for side in SIDES)

    def given(self, height: int, width: int) -> tuple[Any, Any, Any]:
        """Return an image with what the entry needs to know of the face in it."""
        pixels = np.random.default_rng([height, width]).integers(0, 256, (height, width, 3), dtype=np.uint8)
        five = np.asarray([[0.35, 0.4], [0.65, 0.4], [0.5, 0.55], [0.4, 0.7], [0.6, 0.7]], np.float32)
        landmarks = five * np.asarray([width, height], np.float32)
        box = np.asarray([0.2 * width, 0.2 * height, 0.8 * width, 0.8 * height], np.float32)
        return pixels, landmarks, box


def loads(subject: PreprocessorSubject) -> None:
    """Prepare an image, or say that there is no face in it."""
    tool = subject.build()
    shapes = set()
    for height, width in SIDES:
        made = tool(*subject.given(height, width))
        if not isinstance(made, Prepared | NoFace):
            raise Failed(f"it returns a {type(made).__name__}", "return Prepared, or NoFace with the reason")
        if isinstance(made, Prepared):
            shapes.add((made.image.dtype.name, made.image.ndim, made.image.shape))
    wrong = sorted(shape for shape in shapes if shape[0] != "uint8" or shape[1] != 3 or shape[2][2] not in {1, 3})
    if wrong:
        raise Failed(
            f"it gives images {wrong[0]}", "give uint8 (h, w, c) with 1 or 3 channels; whitening is the method's"
        )
    if len(shapes) > 1:
        raise Failed(f"images of {len(shapes)} shapes come out", "give every image the same size: they share one array")


def gives_the_same_twice(subject: PreprocessorSubject) -> None:
    """Give the same bytes for the same image, by another one built alike too."""
    tools = subject.build(), subject.build()
    for height, width in SIDES:
        given = subject.given(height, width)
        first, *others = (tool(*given) for tool in (tools[0], tools[0], tools[1]))
        if not all(_same(first, other) for other in others):
            raise Failed(
                "it gives other images for the same one", "draw nothing at random, keep nothing between images"
            )


def changes_nothing(subject: PreprocessorSubject) -> None:
    """Leave image, landmarks and box as they are."""
    given = subject.given(*SIDES[0])
    before = [array.copy() for array in given]
    subject.build()(*given)
    if not all(np.array_equal(old, new) for old, new in zip(before, given, strict=True)):
        raise Failed("it changes what it is given", "copy what you change")


def gives_sound_points(subject: PreprocessorSubject) -> None:
    """Give landmarks and box of their shape, in finite numbers."""
    made = subject.build()(*subject.given(*SIDES[0]))
    if isinstance(made, NoFace):
        return
    for name, points, shape in (("landmarks", made.landmarks, (5, 2)), ("box", made.box, (4,))):
        if points is not None and (points.shape != shape or not np.isfinite(points).all()):
            raise Failed(
                f"{name} of shape {points.shape}", f"give {name} as {shape} pixels of the prepared image, or None"
            )


def _same(one: Prepared | NoFace, other: Prepared | NoFace) -> bool:
    if isinstance(one, Prepared) and isinstance(other, Prepared):
        pairs = ((one.image, other.image), (one.landmarks, other.landmarks), (one.box, other.box))
        return all(_alike(first, second) for first, second in pairs)
    return type(one) is type(other)


def _alike(one: Any, other: Any) -> bool:  # noqa: ANN401  arrays or None
    return one is other if one is None or other is None else np.array_equal(one, other, equal_nan=True)


PREPROCESSOR_CHECKS: tuple[Check[PreprocessorSubject], ...] = (
    loads,
    gives_the_same_twice,
    changes_nothing,
    gives_sound_points,
)
"""All checks of a preprocessor."""
