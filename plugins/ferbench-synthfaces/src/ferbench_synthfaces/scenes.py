"""Scenes: everything about one image except who is in it, drawn from the seed alone.

A scene is a pure function of (domain, seed, subject, number of the image): no other image, no worker and no order of
rendering has a say in it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.random import Generator, Philox, SeedSequence

from ferbench_synthfaces.camera import Light, View
from ferbench_synthfaces.options import FaceOptions, StudioOptions, WildOptions
from ferbench_synthfaces.recipes import EXPRESSIONS, NEUTRAL, add, idle, perform

_DOMAIN_KEYS = {"studio": 1, "wild": 2, "identity": 3}
"""First word of every seed of a domain: the same seed gives different people in different domains."""


@dataclass(frozen=True)
class Expression:
    """What a face shows.

    Attributes:
        mixture: (7,) share of each of `EXPRESSIONS`; one-hot unless two are mixed.
        intensity: 0 to about 1; 0 for neutral.
        weights: ARKit name → weight.
    """

    mixture: tuple[float, ...]
    intensity: float
    weights: dict[str, float]

    @property
    def label(self) -> int:
        """The class with the greatest share."""
        return int(np.argmax(self.mixture))


@dataclass(frozen=True)
class Lens:
    """What happens to the picture after the face.

    Attributes:
        background: "plain", "gradient" or "clutter".
        occluder: "none", "sunglasses", "hand", "scarf" or "bar".
        blur: standard deviation, in thousandths of the image's side.
        noise: standard deviation of sensor noise, display values (0 to 1).
        gamma: 1 leaves tones as they are.
        jpeg: quality of a compression that the image went through; 0 for none.
        seed: of the background's and occluder's own randomness.
    """

    background: str = "plain"
    occluder: str = "none"
    blur: float = 0.0
    noise: float = 0.0
    gamma: float = 1.0
    jpeg: int = 0
    seed: int = 0


@dataclass(frozen=True)
class Scene:
    """One image to be rendered.

    Attributes:
        identifier: unique and stable name of the image.
        expression: what the face shows.
        view: pose and camera.
        light: the light.
        lens: background, occlusion and picture quality.
    """

    identifier: str
    expression: Expression
    view: View
    light: Light
    lens: Lens = field(default_factory=Lens)


def stream(domain: str, seed: int, *place: int) -> Generator:
    """Return the random stream of a place: (subject,) for its traits, (subject, image) for a scene."""
    return Generator(Philox(SeedSequence(entropy=seed, spawn_key=(_DOMAIN_KEYS[domain], *place))))


def subject_name(domain: str, subject: int) -> str:
    """Return a subject's name, such as `studio-s012`."""
    return f"{domain}-s{subject:03d}"


def make_scene(domain: str, options: FaceOptions, subject: int, number: int) -> Scene:
    """Draw image `number` of a subject."""
    return _MAKERS[domain](options, subject, number, stream(domain, options.seed, subject, number))


def is_test(domain: str, options: FaceOptions) -> list[bool]:
    """Return, for each subject, whether the official split tests on them; subject-disjoint by construction."""
    count = min(max(round(options.test_fraction * options.subjects), 1), options.subjects - 1)
    chosen = set(stream(domain, options.seed).permutation(options.subjects)[:count].tolist())
    return [subject in chosen for subject in range(options.subjects)]


def _studio(options: FaceOptions, subject: int, number: int, random: Generator) -> Scene:
    assert isinstance(options, StudioOptions)
    name, rest = EXPRESSIONS[number % 7], number // 7
    yaw, repeat = options.yaws[rest % len(options.yaws)], rest // len(options.yaws)
    return Scene(
        identifier=f"{subject_name('studio', subject)}-{name}-y{yaw:+g}-{repeat}",
        expression=_pure(EXPRESSIONS.index(name), options, random),
        view=View(
            yaw=float(yaw + np.clip(random.normal(0, 2), -5, 5)),
            pitch=float(random.normal(0, 2)),
            roll=float(random.normal(0, 1.5)),
            span=float(random.uniform(2.5, 2.7)),
            shift=(float(random.normal(0, 0.03)), float(random.normal(0, 0.03))),
        ),
        light=Light(
            azimuth=float(random.uniform(-35, 35)),
            elevation=float(random.uniform(15, 45)),
            strength=float(random.uniform(0.75, 0.95)),
            ambient=float(random.uniform(0.35, 0.5)),
        ),
        lens=Lens(seed=int(random.integers(2**31))),
    )


def _wild(options: FaceOptions, subject: int, number: int, random: Generator) -> Scene:
    assert isinstance(options, WildOptions)
    label = int(random.integers(7))
    mixed, occluded = random.random() < options.mixed, random.random() < options.occluded
    occluder = str(random.choice(("sunglasses", "hand", "scarf", "bar")))
    blurred, squeezed = random.random() < 0.3, random.random() < 0.5
    return Scene(
        identifier=f"{subject_name('wild', subject)}-{number:04d}",
        expression=_mixed(label, options, random) if mixed else _pure(label, options, random),
        view=_random_view(random, yaw_spread=24, tilt_spread=8),
        light=Light(
            azimuth=float(random.uniform(-80, 80)),
            elevation=float(random.uniform(-15, 70)),
            strength=float(random.uniform(0.6, 1.4)),
            ambient=float(random.uniform(0.2, 0.5)),
            warmth=float(random.uniform(-1, 1)),
        ),
        lens=Lens(
            background=str(random.choice(("gradient", "clutter"), p=(0.3, 0.7))),
            occluder=occluder if occluded else "none",
            blur=float(random.uniform(3, 11)) if blurred else 0.0,
            noise=float(abs(random.normal(0, 0.02))),
            gamma=float(random.uniform(0.75, 1.35)),
            jpeg=int(random.integers(30, 90)) if squeezed else 0,
            seed=int(random.integers(2**31)),
        ),
    )


def _identity(options: FaceOptions, subject: int, number: int, random: Generator) -> Scene:
    return Scene(
        identifier=f"{subject_name('identity', subject)}-{number:04d}",
        expression=_pure(int(random.integers(7)), options, random),
        view=_random_view(random, yaw_spread=25, tilt_spread=7),
        light=Light(
            azimuth=float(random.uniform(-70, 70)),
            elevation=float(random.uniform(-10, 60)),
            strength=float(random.uniform(0.6, 1.1)),
            ambient=float(random.uniform(0.2, 0.5)),
            warmth=float(random.uniform(-0.7, 0.7)),
        ),
        lens=Lens(
            background=str(random.choice(("plain", "gradient", "clutter"))),
            blur=float(random.uniform(0, 6)),
            noise=float(abs(random.normal(0, 0.01))),
            seed=int(random.integers(2**31)),
        ),
    )


_MAKERS: dict[str, Callable[[FaceOptions, int, int, Generator], Scene]] = {
    "studio": _studio,
    "wild": _wild,
    "identity": _identity,
}


def _random_view(random: Generator, yaw_spread: float, tilt_spread: float) -> View:
    return View(
        yaw=float(np.clip(random.normal(0, yaw_spread), -75, 75)),
        pitch=float(np.clip(random.normal(0, tilt_spread), -30, 30)),
        roll=float(np.clip(random.normal(0, tilt_spread), -30, 30)),
        span=float(random.uniform(2.15, 2.75)),
        shift=(float(random.normal(0, 0.06)), float(random.normal(0, 0.06))),
        distance=float(random.uniform(7, 18)),
    )


def _draw_intensity(options: FaceOptions, random: Generator) -> float:
    return float(random.uniform(options.intensity_low, max(options.intensity_low, options.intensity_high)))


def _pure(label: int, options: FaceOptions, random: Generator) -> Expression:
    intensity = 0.0 if label == NEUTRAL else _draw_intensity(options, random)
    weights = add([(1.0, perform(EXPRESSIONS[label], intensity, random)), (1.0, idle(random))])
    return Expression(tuple(float(name == EXPRESSIONS[label]) for name in EXPRESSIONS), intensity, weights)


def _mixed(label: int, options: FaceOptions, random: Generator) -> Expression:
    """Mix two expressions, `label` with the greater share: truly ambiguous when that is little more than a half."""
    other = (label + 1 + int(random.integers(6))) % 7
    share = float(random.uniform(0.52, 0.85))
    intensity = _draw_intensity(options, random)
    parts = [(share, label), (1 - share, other)]
    performed = [(part, perform(EXPRESSIONS[which], intensity, random)) for part, which in parts]
    mixture = [0.0] * 7
    for part, which in parts:
        mixture[which] = part
    return Expression(tuple(mixture), intensity, add([*performed, (1.0, idle(random))]))
