"""Measure the representations of a finished cell: the method as it was at the selected epoch, on its test images."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ferbench.options import Options
from ferbench.plugins import Registry
from ferbench.representation.evaluate import evaluate
from ferbench.representation.representations import Representations
from ferbench.spec import TrainingSpec
from ferbench.train.method import Method

FEATURES = "features"
"""Under this name stands what kept the features themselves from being had."""


def measured(
    method: Method[Options],
    state: Mapping[str, Any],
    represented: Callable[[], Representations],
    spec: TrainingSpec,
    registry: Registry,
    alive: Callable[[], None],
) -> dict[str, Any]:
    """Return what the record says of the cell's representations. What fails is part of the answer, never an error.

    Args:
        method: trained; it is left in `state`.
        state: its whole state at the selected epoch.
        represented: takes the features of the method as it is and joins them with what is true of the test images.
        spec: names the metrics and the seed.
        registry: installed metrics.
        alive: called before each metric; raises to stop.
    """
    try:
        method.load_state_dict(state)
        given = represented()
    except Exception as error:  # noqa: BLE001  a method's features may raise anything; its predictions are not lost
        failed = {FEATURES: f"{type(error).__name__}: {error}"}
        return {"images": 0, "widths": {}, "seed": spec.seed, "metrics": {}, "left_out": {}, "failed": failed}
    return {
        "images": len(given),
        "widths": {name: values.shape[1] for name, values in given.features.items()},
        "seed": spec.seed,
        **evaluate(given, spec.representation_metrics, registry, alive),
    }
