"""The rows of the data set: what a worker renders."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2

from ferbench_synthfaces.model import Model, build_model
from ferbench_synthfaces.options import FaceOptions
from ferbench_synthfaces.picture import develop, encode
from ferbench_synthfaces.render import portray
from ferbench_synthfaces.scenes import is_test, make_scene, stream, subject_name
from ferbench_synthfaces.shards import Rows
from ferbench_synthfaces.subjects import ANCESTRIES, Traits, sample_traits

Shot = tuple[int, int]
"""A subject's number and the number of one of its images."""


@dataclass(frozen=True)
class Person:
    """A subject: traits as sampled, and the model to render."""

    traits: Traits
    model: Model


def all_shots(options: FaceOptions) -> list[Shot]:
    """Return every image of a data set, subject by subject."""
    return [(subject, number) for subject in range(options.subjects) for number in range(options.images_of_one())]


@lru_cache(maxsize=2)
def person(domain: str, seed: int, subject: int) -> Person:
    """Build a subject; the last ones are kept, since shots come subject by subject."""
    traits = sample_traits(stream(domain, seed, subject))
    return Person(traits, build_model(traits))


def render_rows(domain: str, options: FaceOptions, shots: Sequence[Shot]) -> Rows:
    """Render shots into columns: a pure function of its arguments, in whichever process and order."""
    test = is_test(domain, options)
    with _one_thread():
        rows = [_row(domain, options, shot, test[shot[0]]) for shot in shots]
    return {name: [row[name] for row in rows] for name in rows[0]}


@contextmanager
def _one_thread() -> Iterator[None]:
    """Keep OpenCV to one thread: workers share the cores by process, and small images gain nothing from threads."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


def _row(domain: str, options: FaceOptions, shot: Shot, test: bool) -> dict[str, Any]:
    subject, number = shot
    scene = make_scene(domain, options, subject, number)
    who = person(domain, options.seed, subject)
    portrait = portray(who.model, scene.expression.weights, scene.view, scene.light, options.resolution)
    return {
        "id": scene.identifier,
        "image": {"bytes": encode(develop(portrait, scene.lens)), "path": None},
        "label": scene.expression.label,
        "split": "test" if test else "train",
        "subject": subject_name(domain, subject),
        "pose": scene.view.yaw,
        "pitch": scene.view.pitch,
        "roll": scene.view.roll,
        "landmarks": portrait.landmarks.tolist(),
        "landmarks_visible": portrait.visible.tolist(),
        "box": list(portrait.box),
        "light_azimuth": scene.light.azimuth,
        "light_elevation": scene.light.elevation,
        "light_strength": scene.light.strength,
        "domain": f"synthfaces-{domain}",
        "intensity": scene.expression.intensity,
        "mixture": list(scene.expression.mixture),
        "sex": "male" if who.traits.sex > 0.5 else "female",
        "age": who.traits.age,
        "ancestry": ANCESTRIES[max(range(3), key=lambda index: who.traits.ancestry[index])],
        "occluder": scene.lens.occluder,
    }
