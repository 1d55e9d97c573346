"""Evaluate all installed metrics on predictions."""

from __future__ import annotations

import math
from collections.abc import Mapping

from ferbench.errors import PluginError
from ferbench.plugins import Registry, import_factory
from ferbench.predictions import Predictions
from ferbench.sources import metric_source


def evaluate(
    predictions: Predictions, registry: Registry, failed: dict[str, str] | None = None
) -> dict[str, float | None]:
    """Return every metric whose columns or extras there are; one that returns a mapping becomes `metric.part`.

    A metric without a value on these predictions (NaN) is None.

    Args:
        predictions: what the method said and what was true.
        registry: installed metrics.
        failed: where the errors of metrics that raise are put, by name; without it they are raised.

    Raises:
        PluginError: a metric raises.
    """
    values: dict[str, float | None] = {}
    for name, provided in sorted(registry.all("metrics").items()):
        if not provided.entry.needs <= {*predictions.columns, *predictions.extras}:
            continue
        try:
            result = import_factory(provided)(predictions)
        except Exception as error:  # a stranger's metric may raise anything, and must not cost a trained cell
            found = f"{type(error).__name__}: {error}"
            if failed is None:
                raise PluginError(
                    expected=f"a value of the metric {name!r}",
                    found=found,
                    where=f"distribution {provided.distribution} {provided.version}",
                    remedy="repair the metric, or leave it out of the benchmark",
                ) from error
            failed[name] = found
            continue
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
