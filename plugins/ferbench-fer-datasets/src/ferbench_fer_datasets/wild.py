"""Replicas of data sets in the wild: who is in which image, and the drawing of them person by person."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ferbench.data.replica import ReplicaSite
from ferbench.labels import EXPRESSIONS
from ferbench_fer_datasets.faces import Face, Shot, draw

Parts = Mapping[str, Mapping[str, int]]
"""How many images to draw of each class, by part of the division."""


@dataclass(frozen=True)
class Role:
    """One image of a replica.

    Attributes:
        part: of the division (`train`).
        number: of the image within its part, from 1.
        label: what the annotation will say.
        person: number of the person.
    """

    part: str
    number: int
    label: str
    person: int


def scaled(classes: Sequence[str], numbers: Sequence[int], scale: float) -> dict[str, int]:
    """Return a release's numbers at a scale, but enough of each class, and not the same of all small ones.

    >>> scaled(["happiness", "fear", "disgust"], [500, 20, 10], 0.01)
    {'happiness': 5, 'fear': 3, 'disgust': 4}
    """
    return {
        label: max(2 + place % 4, round(number * scale))
        for place, (label, number) in enumerate(zip(classes, numbers, strict=True))
    }


def cast(parts: Parts, people: int, seed: int) -> list[Role]:
    """Deal out people to images: nobody is in two parts, everybody shows several expressions, in order of person."""
    roles: list[Role] = []
    total = sum(sum(sizes.values()) for sizes in parts.values())
    first = 0
    for place, (part, sizes) in enumerate(parts.items()):
        labels = [label for label, size in sizes.items() for _ in range(size)]
        np.random.default_rng([seed, place]).shuffle(labels)
        share = max(1, round(people * len(labels) / total))
        roles += [
            Role(part, number, label, first + (number - 1) * share // len(labels))
            for number, label in enumerate(labels, start=1)
        ]
        first += share
    return roles


def shoot(site: ReplicaSite, name: str, parts: Parts, size: int) -> Iterator[tuple[Role, Face]]:
    """Draw the images of a replica, under a progress bar. What is no expression is drawn as a neutral face.

    Args:
        site: of the replica.
        name: of the data set.
        parts: how many images of which class.
        size: side of the square images, pixels.
    """
    roles = cast(parts, site.subjects, site.seed)
    with site.progress(f"drawing {name}", len(roles)) as advance:
        for role in roles:
            expression = role.label if role.label in EXPRESSIONS else "neutral"
            yield role, draw(Shot(role.person, expression, number=role.number, size=size, wild=True), site.seed)
            advance()


def whole_box(face: Face) -> tuple[int, int, int, int]:
    """Return a face's box in whole pixels, within its image: left, top, right, bottom."""
    height, width = face.image.shape[:2]
    left, top, right, bottom = (round(value) for value in face.box)
    return max(left, 0), max(top, 0), min(right, width), min(bottom, height)


def put(folder: Path, file: str, content: bytes) -> None:
    """Write a file below a folder, with the folders it lies in."""
    path = folder / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
