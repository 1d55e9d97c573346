"""What a run gives: the three selections, followed epoch by epoch, and all that goes into the record."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from ferbench.metrics.classification import accuracy
from ferbench.predictions import Predictions
from ferbench.protocols.base import Fold
from ferbench.train.task import Array


@dataclass
class Outcome:
    """What training and testing a spec gave.

    Attributes:
        fold: the division used.
        classes: class names.
        epochs: test predictions of the epochs that were selected, by epoch.
        selected: epoch by selection (`validation`, `last`, `oracle`).
        validation: validation accuracy by evaluated epoch.
        history: means of what was logged, by epoch.
        diagnostics: values recorded for training samples.
        kept: arrays the method wants stored.
        training_ids: (N,) ids of the training samples.
        clean_labels: (N,) names of their classes before the protocol changed any.
        cost: parameters, FLOPs, seconds, images/s, memory.
        state: the method's whole state at the epoch chosen on validation data, when asked for.
        representation: what was measured of the method's representations at that epoch; empty when nothing was asked.
        normalisation: mean and std of the input.
    """

    fold: Fold
    classes: tuple[str, ...]
    epochs: dict[int, Predictions] = field(default_factory=dict)
    selected: dict[str, int] = field(default_factory=dict)
    validation: list[float] = field(default_factory=list)
    history: list[dict[str, Any]] = field(default_factory=list)
    diagnostics: dict[str, dict[int, list[float]]] = field(default_factory=dict)
    kept: dict[str, list[object]] = field(default_factory=dict)
    training_ids: npt.NDArray[np.str_] | None = None
    clean_labels: npt.NDArray[np.str_] | None = None
    cost: dict[str, float] = field(default_factory=dict)
    state: dict[str, Any] | None = None
    representation: dict[str, Any] = field(default_factory=dict)
    normalisation: tuple[tuple[float, ...], tuple[float, ...]] | None = None


@dataclass
class Selection:
    """Follows the evaluated epochs and keeps what the three selections need.

    Attributes:
        outcome: where the choice is written.
        evaluate: gives validation accuracy, validation loss and test predictions of the current epoch.
        state: gives a copy of the method's state, when that of the selected epoch is to be kept.
        best: validation accuracy and negative loss of the chosen epoch.
        best_test: test accuracy of the oracle.
    """

    outcome: Outcome
    evaluate: Callable[[], tuple[float, float, Predictions]]
    state: Callable[[], dict[str, Any]] | None
    best: tuple[float, float] = (-1.0, 0.0)
    best_test: float = -1.0

    def __call__(self, epoch: int) -> None:
        """Evaluate an epoch and choose."""
        validation, loss, predictions = self.evaluate()
        outcome = self.outcome
        outcome.validation.append(validation)
        outcome.selected["last"] = epoch
        # Equal accuracy: the lower validation loss, then the earlier epoch.
        if (validation, -loss) > self.best:
            self.best = (validation, -loss)
            outcome.selected["validation"] = epoch
            if self.state is not None:
                outcome.state = self.state()
        tested = accuracy(predictions) if len(predictions.ids) else 0.0
        if tested > self.best_test:
            self.best_test = tested
            outcome.selected["oracle"] = epoch
        outcome.epochs[epoch] = predictions
        for old in set(outcome.epochs) - set(outcome.selected.values()):
            del outcome.epochs[old]

    def saved(self) -> dict[str, Any]:
        """Return what a checkpoint needs of it."""
        outcome = self.outcome
        return {
            "best": self.best,
            "best_test": self.best_test,
            "selected": outcome.selected,
            "validation": outcome.validation,
            "predicted": {epoch: (made.probabilities, made.extras) for epoch, made in outcome.epochs.items()},
            "state": outcome.state,
        }

    def restore(self, saved: Mapping[str, Any], like: Callable[[Array, Mapping[str, Array]], Predictions]) -> None:
        """Go on from a checkpoint; `like` joins stored probabilities with the test data again."""
        self.best, self.best_test = saved["best"], saved["best_test"]
        self.outcome.selected, self.outcome.validation = saved["selected"], saved["validation"]
        self.outcome.epochs = {epoch: like(*made) for epoch, made in saved["predicted"].items()}
        self.outcome.state = saved["state"]


def prediction_digest(outcome: Outcome) -> str:
    """Return the SHA-256 of the selected predictions, for comparing two runs at a glance."""
    total = hashlib.sha256()
    for epoch in sorted(outcome.epochs):
        total.update(np.ascontiguousarray(outcome.epochs[epoch].probabilities).tobytes())
    return total.hexdigest()
