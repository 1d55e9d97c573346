"""Evaluate all installed metrics on predictions."""

from __future__ import annotations

import math
from collections.abc import Mapping

from ferbench.plugins import Registry, import_factory
from ferbench.predictions import Predictions
from ferbench.sources import metric_source


def evaluate(predictions: Predictions, registry: Registry) -> dict[str, float | None]:
    """Return every metric whose columns or extras there are; one that returns a mapping becomes `metric.part`.

    A metric without a value on these predictions (NaN) is None.

    Args:
        predictions: what the method said and what was true.
        registry: installed metrics.
    """
    values: dict[str, float | None] = {}
    for name, provided in sorted(registry.all("metrics").items()):
        if not provided.entry.needs <= {*predictions.columns, *predictions.extras}:
            continue
        result = import_factory(provided)(predictions)
        if isinstance(result, Mapping):
            values.update({f"{name}.{part}": _finite(value) for part, value in result.items()})
        else:
            values[name] = _finite(result)
    return values


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def metric_sources(registry: Registry) -> dict[str, str]:
    """Return the digest of the code of each metric: a stored figure counts only for the code that made it."""
    return {name: metric_source(provided.package) for name, provided in sorted(registry.all("metrics").items())}
