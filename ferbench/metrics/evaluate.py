"""Evaluate all installed metrics on predictions."""

from __future__ import annotations

from collections.abc import Mapping

from ferbench.plugins import Registry, import_factory
from ferbench.predictions import Predictions


def evaluate(predictions: Predictions, registry: Registry) -> dict[str, float]:
    """Return every metric whose columns or extras there are; one that returns a mapping becomes `metric.part`.

    Args:
        predictions: what the method said and what was true.
        registry: installed metrics.
    """
    values: dict[str, float] = {}
    for name, provided in sorted(registry.all("metrics").items()):
        if not provided.entry.needs <= {*predictions.columns, *predictions.extras}:
            continue
        result = import_factory(provided)(predictions)
        if isinstance(result, Mapping):
            values.update({f"{name}.{part}": float(value) for part, value in result.items()})
        else:
            values[name] = float(result)
    return values
