"""What every metric must do: one value for one set of predictions, whatever their order, and nothing changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ferbench.entries import MetricEntry
from ferbench.plugins import Provided, import_factory
from ferbench.predictions import Predictions
from ferbench.testing.findings import Failed
from ferbench.testing.running import Check

Value = float | Mapping[str, float]
SAMPLES = 60


@dataclass(frozen=True)
class MetricSubject:
    """A metric under test.

    Attributes:
        provided: its entry, and the distribution that lists it.
        columns: (60, …) values of columns or extras that it needs, where random numbers between 0 and 1 will not do.
    """

    provided: Provided[MetricEntry]
    columns: Mapping[str, npt.NDArray[Any]] | None = None

    def taken(self, made: Predictions) -> Value:
        """Return its value."""
        function: Callable[[Predictions], Value] = import_factory(self.provided)
        return function(made)

    def predictions(self, classes: int, seed: int = 0) -> Predictions:
        """Return predictions of 60 images, right more often than by chance, with the columns it needs."""
        rng = np.random.default_rng([seed, classes])
        labels = np.arange(SAMPLES) % classes
        scores = rng.normal(size=(SAMPLES, classes)) + 2.0 * np.eye(classes)[labels]
        shares = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
        known = {
            "subject": np.asarray([f"person-{number % 7}" for number in range(SAMPLES)]),
            "pose": np.asarray([-45.0, 0.0, 45.0])[np.arange(SAMPLES) % 3],
            "mixture": rng.dirichlet(np.ones(classes), SAMPLES),
            "label_distribution": rng.dirichlet(np.ones(classes), SAMPLES),
            "pose_probabilities": rng.dirichlet(np.ones(3), SAMPLES),
            "pose_yaws": np.tile([-45.0, 0.0, 45.0], (SAMPLES, 1)),
            **(self.columns or {}),
        }
        needed = {name: known.get(name, rng.random(SAMPLES)) for name in self.provided.entry.needs}
        names = tuple(f"class-{number}" for number in range(classes))
        ids = np.asarray([f"sample-{number}" for number in range(SAMPLES)])
        # What it needs may be the data's or the method's; it reads one of the two.
        return Predictions(ids, shares.astype(np.float32), labels, names, needed, dict(needed))


def loads(subject: MetricSubject) -> None:
    """Give a number, or numbers by name."""
    for classes in (2, 3, 7):
        value = subject.taken(subject.predictions(classes))
        parts = dict(value) if isinstance(value, Mapping) else {"": value}
        if not parts or not all(isinstance(part, float | int | np.floating) for part in parts.values()):
            raise Failed(f"it gives {value!r} on {classes} classes", "return a float, or floats by name")


def gives_the_same_twice(subject: MetricSubject) -> None:
    """Give the same for the same predictions."""
    made = subject.predictions(3)
    if not _same(subject.taken(made), subject.taken(made)):
        raise Failed("two calls on the same predictions differ", "draw nothing at random; a leaderboard is made again")


def does_not_depend_on_the_order(subject: MetricSubject) -> None:
    """Give the same for the same images in another order."""
    made = subject.predictions(4)
    order = np.random.default_rng(1).permutation(SAMPLES)
    turned = Predictions(
        made.ids[order],
        made.probabilities[order],
        made.labels[order],
        made.classes,
        {name: values[order] for name, values in made.columns.items()},
        {name: values[order] for name, values in made.extras.items()},
    )
    if not _same(subject.taken(made), subject.taken(turned), tolerance=1e-6):
        raise Failed("it depends on the order of the images", "treat the rows as a set")


def changes_nothing(subject: MetricSubject) -> None:
    """Leave the predictions as they are."""
    made = subject.predictions(3)
    arrays: list[npt.NDArray[Any]] = [made.probabilities, made.labels, *made.columns.values()]
    before = [array.copy() for array in arrays]
    subject.taken(made)
    if not all(np.array_equal(old, new) for old, new in zip(before, arrays, strict=True)):
        raise Failed("it changes the predictions it is given", "copy what you change: the next metric reads the same")


def _same(one: Value, other: Value, tolerance: float = 0.0) -> bool:
    first, second = (dict(value) if isinstance(value, Mapping) else {"": value} for value in (one, other))
    return first.keys() == second.keys() and all(
        np.isclose(first[name], second[name], rtol=tolerance, atol=tolerance, equal_nan=True) for name in first
    )


METRIC_CHECKS: tuple[Check[MetricSubject], ...] = (
    loads,
    gives_the_same_twice,
    does_not_depend_on_the_order,
    changes_nothing,
)
"""All checks of a metric."""
