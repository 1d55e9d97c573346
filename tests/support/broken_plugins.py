"""Metrics, preprocessors, protocols and data sets that each break one promise of the contract."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import datasets
import numpy as np

from ferbench import DatasetCard, Options
from ferbench.data.preprocess import Image, NoFace, Points, Prepared
from ferbench.datasource import DataSource, Site
from ferbench.metrics.classification import accuracy
from ferbench.predictions import Predictions
from ferbench.protocols import Fold, Protocol, ProtocolOptions, Samples
from ferbench.protocols.division import carve_validation

_COUNTER = itertools.count()


# ---- metrics


def wordy(predictions: Predictions) -> str:
    """Return no number."""
    return f"{accuracy(predictions):.1%}"


def moody(predictions: Predictions) -> float:
    """Return another number each time."""
    return accuracy(predictions) + next(_COUNTER) / 1000


def serial(predictions: Predictions) -> float:
    """Return a number that depends on who comes first."""
    return float(predictions.probabilities[0, predictions.labels[0]])


def greedy(predictions: Predictions) -> float:
    """Round the probabilities for everybody."""
    np.round(predictions.probabilities, 1, out=predictions.probabilities)
    return accuracy(predictions)


# ---- preprocessors


class Sound:
    """Cut out the middle; the base of the broken ones."""

    def __init__(self, options: Options) -> None:
        self.options = options

    def __call__(self, image: Image, landmarks: Points | None, box: Points | None) -> Any:
        return Prepared(image[:32, :32].copy(), landmarks, box)


class Bare(Sound):
    """Returns the array alone."""

    def __call__(self, image: Image, landmarks: Points | None, box: Points | None) -> Any:
        return image[:32, :32]


class White(Sound):
    """Whitens."""

    def __call__(self, image: Image, landmarks: Points | None, box: Points | None) -> Any:
        return Prepared(((image[:32, :32] - 128.0) / 50).astype(np.float32), landmarks, box)  # type: ignore[arg-type]


class AsItComes(Sound):
    """Leaves the size as it is."""

    def __call__(self, image: Image, landmarks: Points | None, box: Points | None) -> Any:
        return Prepared(image.copy(), landmarks, box)


class Noisy(Sound):
    """Adds noise."""

    def __call__(self, image: Image, landmarks: Points | None, box: Points | None) -> Any:
        noise = np.random.default_rng().integers(0, 9, (32, 32, 3), dtype=np.uint8)
        return Prepared(image[:32, :32] // 2 + noise, landmarks, box)


class Trembling(Sound):
    """Moves the points at random."""

    def __call__(self, image: Image, landmarks: Points | None, box: Points | None) -> Any:
        moved = (
            None if landmarks is None else landmarks + np.random.default_rng().normal(size=(5, 2)).astype(np.float32)
        )
        return Prepared(image[:32, :32].copy(), moved, box)


class Blind(Sound):
    """Finds no face in anything."""

    def __call__(self, image: Image, landmarks: Points | None, box: Points | None) -> Any:
        return NoFace("it is dark")


class Painting(Sound):
    """Paints on what it was given."""

    def __call__(self, image: Image, landmarks: Points | None, box: Points | None) -> Any:
        image[:4] = 0
        return Prepared(image[:32, :32].copy(), landmarks, box)


class Pointless(Sound):
    """Gives points of another shape."""

    def __call__(self, image: Image, landmarks: Points | None, box: Points | None) -> Any:
        return Prepared(image[:32, :32].copy(), None if landmarks is None else landmarks[:2], box)


# ---- protocols


class Divided(Protocol[ProtocolOptions]):
    """Keeps the official test; the base of the broken ones."""

    @property
    def label(self) -> str:
        return "divided"

    def split(self, samples: Samples, fold: int, seed: int, test_samples: Samples | None = None) -> Fold:
        assert samples.split is not None
        return self.parts(samples, np.flatnonzero(samples.split == "train"), np.flatnonzero(samples.split == "test"))

    def parts(self, samples: Samples, rest: Any, test: Any) -> Fold:
        train, validation = carve_validation(samples, rest, 0.1, 0)
        labels = samples.labels
        return Fold(samples.classes, train, labels[train], validation, labels[validation], test, labels[test])


class Nameless(Divided):
    """Has no label."""

    @property
    def label(self) -> str:
        return ""


class Leaking(Divided):
    """Trains on the test too."""

    def parts(self, samples: Samples, rest: Any, test: Any) -> Fold:
        return super().parts(samples, np.arange(len(samples)), test)


class Rolling(Divided):
    """Draws anew each time."""

    def parts(self, samples: Samples, rest: Any, test: Any) -> Fold:
        assert samples.subjects is not None
        names = np.unique(samples.subjects)
        chosen = np.roll(names, next(_COUNTER))[:6]
        tested = np.isin(samples.subjects, chosen)
        return super().parts(samples, np.flatnonzero(~tested), np.flatnonzero(tested))


class InOrder(Divided):
    """Tests on the people who come first."""

    def parts(self, samples: Samples, rest: Any, test: Any) -> Fold:
        assert samples.subjects is not None
        tested = np.isin(samples.subjects, list(dict.fromkeys(samples.subjects.tolist()))[:6])
        return super().parts(samples, np.flatnonzero(~tested), np.flatnonzero(tested))


class Flattering(Divided):
    """Calls every test image the first class."""

    def parts(self, samples: Samples, rest: Any, test: Any) -> Fold:
        made = super().parts(samples, rest, test)
        made.test_labels[:] = 0
        return made


# ---- data sets

CARD = DatasetCard(title="Squares", classes=("dark", "light"), licence="none needed")


class Squares(DataSource[Options]):
    """Grey squares of six people; the base of the broken ones."""

    def identity(self) -> Mapping[str, Any]:
        return {"squares": 1}

    def columns(self) -> frozenset[str]:
        return frozenset({"id", "image", "label", "split", "subject"})

    def load(self, site: Site) -> datasets.Dataset:
        rows = [self.row(number) for number in range(24)]
        features = datasets.Features(self.features())
        return datasets.Dataset.from_list(rows, features=features)

    def features(self) -> dict[str, Any]:
        label = datasets.ClassLabel(names=["dark", "light"])
        text = datasets.Value("string")
        return {"id": text, "image": datasets.Image(), "label": label, "split": text, "subject": text}

    def row(self, number: int) -> dict[str, Any]:
        person, label = number % 6, number // 6 % 2
        pixels = np.full((16, 16, 3), 60 + 120 * label + number, dtype=np.uint8)
        side = "test" if person > 3 else "train"
        return {"id": f"{number}", "image": pixels, "label": label, "split": side, "subject": f"p{person}"}


class Repeating(Squares):
    """Has one id for all."""

    def row(self, number: int) -> dict[str, Any]:
        return {**super().row(number), "id": "me"}


class Numbered(Squares):
    """Has integers for classes."""

    def features(self) -> dict[str, Any]:
        return {**super().features(), "label": datasets.Value("int64")}


class Renamed(Squares):
    """Has other classes than its card."""

    def features(self) -> dict[str, Any]:
        return {**super().features(), "label": datasets.ClassLabel(names=["light", "dark"])}


class Promising(Squares):
    """Announces a pose that it does not have."""

    def columns(self) -> frozenset[str]:
        return super().columns() | {"pose"}


class Parted(Squares):
    """Has a split of its own words."""

    def row(self, number: int) -> dict[str, Any]:
        made = super().row(number)
        return {**made, "split": {"train": "learning", "test": "test"}[made["split"]]}


class Everywhere(Squares):
    """Shows everybody in training and test."""

    def row(self, number: int) -> dict[str, Any]:
        return {**super().row(number), "split": "test" if number < 8 else "train"}


class Restless(Squares):
    """Loads in another order each time."""

    def load(self, site: Site) -> datasets.Dataset:
        data = super().load(site)
        return data.select(np.roll(np.arange(len(data)), next(_COUNTER)))


class Unseeded(Squares):
    """Draws its images anew each time."""

    def row(self, number: int) -> dict[str, Any]:
        noise = np.random.default_rng().integers(0, 9, (16, 16, 3), dtype=np.uint8)
        made = super().row(number)
        return {**made, "image": made["image"] // 2 + noise}


class Fickle(Squares):
    """Is identified otherwise each time."""

    def identity(self) -> Mapping[str, Any]:
        return {"squares": next(_COUNTER)}


class Twins(Squares):
    """Shows one image in training and test."""

    def row(self, number: int) -> dict[str, Any]:
        return {**super().row(number), "image": np.full((16, 16, 3), 99, dtype=np.uint8)}
