"""What ferbench finds by entry point: the data sets and their metrics. Nothing that draws is imported to list them."""

from __future__ import annotations

from ferbench import DatasetEntry, hookimpl
from ferbench_controlled import mnist_entries


@hookimpl
def ferbench_datasets() -> list[DatasetEntry]:
    """Return every data set of this plugin."""
    return [*mnist_entries.entries()]
