"""Measure a method's representations with the metrics that a cell names; none of them can cost the cell."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ferbench.entries import RepresentationMetricEntry
from ferbench.errors import PluginError
from ferbench.options import NoOptions, parse_options
from ferbench.plugins import Registry, import_factory
from ferbench.representation.representations import Measured, NotMeasured, Representations
from ferbench.spec import RepresentationMetricSpec

MOST_NUMBERS = 5000
"""Numbers that the arrays of one metric may hold: a record is read whole, and is no place for features."""

ALONE = ""
"""The key of a metric's only value."""


def evaluate(
    given: Representations,
    metrics: Sequence[RepresentationMetricSpec],
    registry: Registry,
    alive: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """Return the record's account of some metrics.

    Args:
        given: representations of the test images.
        metrics: those the cell names.
        registry: installed metrics.
        alive: called before each metric; raises to stop.

    Returns:
        `metrics`: values, arrays, settings and seconds by name; `left_out`: the reason by name of what these data
        or this method cannot give; `failed`: the error by name of a metric that raised.
    """
    account: dict[str, dict[str, Any]] = {"metrics": {}, "left_out": {}, "failed": {}}
    for spec in metrics:
        alive()
        try:
            _measure(given, spec, registry, account)
        except NotMeasured as reason:
            account["left_out"][spec.name] = str(reason)
        except Exception as error:  # noqa: BLE001  a stranger's metric may raise anything; a trained cell is not lost
            account["failed"][spec.name] = f"{type(error).__name__}: {error}"
    return account


def _measure(
    given: Representations, spec: RepresentationMetricSpec, registry: Registry, account: dict[str, dict[str, Any]]
) -> None:
    where = f"representation metric {spec.name}"
    provided = registry.representation_metric(spec.name, where)
    shown = _shown(given, provided.entry)
    options = parse_options(provided.entry.options, spec.options, where)
    given_options = [] if provided.entry.options is NoOptions else [options]
    started = time.perf_counter()
    made = _measured(import_factory(provided)(shown, *given_options), where)
    found = {
        "values": {key: _finite(value) for key, value in made.values.items()},
        "arrays": _small(made.arrays, where),
        "settings": dict(made.settings),
        "seconds": time.perf_counter() - started,
    }
    account["metrics"][spec.name] = json.loads(json.dumps(found))  # what is no JSON is told here, not when it is stored
    account["left_out"] |= {f"{spec.name}, {part}": reason for part, reason in made.left_out.items()}


def _shown(given: Representations, entry: RepresentationMetricEntry) -> Representations:
    """Return the representations that a metric reads.

    Raises:
        NotMeasured: the method or the data lack what it needs.
    """
    if not len(given):
        raise NotMeasured("there are no test images")
    if not given.features:
        raise NotMeasured("the method gives no representations")
    names = tuple(given.features) if entry.representations == "each" else entry.representations
    lacking = [name for name in names if name not in given.features]
    if lacking:
        found = ", ".join(sorted(given.features))
        raise NotMeasured(f"the method gives no representation {', '.join(lacking)} (it gives {found})")
    absent = sorted(entry.needs - set(given.columns))
    if absent:
        raise NotMeasured(f"the test data have no column {', '.join(absent)}")
    return replace(given, features={name: given.features[name] for name in names})


def _measured(returned: object, where: str) -> Measured:
    if isinstance(returned, Measured):
        return returned
    if isinstance(returned, Mapping):
        return Measured(returned)
    if isinstance(returned, float | int | np.floating | np.integer):
        return Measured({ALONE: float(returned)})
    raise PluginError(
        expected="a number, a mapping of numbers or a Measured",
        found=type(returned).__name__,
        where=where,
        remedy="return one of these",
    )


def _small(arrays: Mapping[str, Any], where: str) -> dict[str, list[Any]]:
    made = {name: np.asarray(values) for name, values in arrays.items()}
    count = sum(values.size for values in made.values())
    if count > MOST_NUMBERS:
        raise PluginError(
            expected=f"arrays of at most {MOST_NUMBERS} numbers in all",
            found=str(count),
            where=where,
            remedy="store a histogram or a subset",
        )
    lists: dict[str, list[Any]] = {name: values.tolist() for name, values in made.items()}
    return lists


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
