"""What ferbench finds by entry point: the data sets and their metrics. Nothing that draws is imported to list them."""

from __future__ import annotations

from ferbench import DatasetEntry, MetricEntry, hookimpl
from ferbench_controlled import mnist_entries, sprite_entries


@hookimpl
def ferbench_datasets() -> list[DatasetEntry]:
    """Return every data set of this plugin."""
    return [*mnist_entries.entries(), *sprite_entries.entries()]


@hookimpl
def ferbench_metrics() -> list[MetricEntry]:
    """Return the metrics of data sets whose classes are intervals; no other has a column `target`."""
    return [
        MetricEntry(
            name="within-one-class",
            factory="ferbench_controlled.metrics:within_one_class",
            needs=frozenset({"target"}),
            summary="Share of samples at most one class off",
        ),
        MetricEntry(
            name="range-accuracy",
            factory="ferbench_controlled.metrics:range_accuracy",
            needs=frozenset({"target"}),
            summary="1 − mean distance from the predicted class's centre, as a share of the range",
        ),
    ]
