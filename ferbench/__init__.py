"""ferbench: a plugin-based benchmark harness for facial expression recognition.

What a plugin needs to be found is here (`hookimpl`, the entries, `Options`, `DataSource`, …) and imports no
deep-learning library. What a method needs to be trained is in `ferbench.train`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from ferbench.classifier_options import ClassifierOptions
    from ferbench.datasource import DataSource, Site
    from ferbench.entries import (
        AttributeEntry,
        BenchmarkEntry,
        DatasetCard,
        DatasetEntry,
        MethodEntry,
        MetricEntry,
        PreprocessorEntry,
        ProtocolEntry,
        ReportedEntry,
        RepresentationMetricEntry,
    )
    from ferbench.errors import FerbenchError
    from ferbench.hookspecs import hookimpl
    from ferbench.options import Options

_HOME = {
    "AttributeEntry": "entries",
    "BenchmarkEntry": "entries",
    "ClassifierOptions": "classifier_options",
    "DataSource": "datasource",
    "DatasetCard": "entries",
    "DatasetEntry": "entries",
    "FerbenchError": "errors",
    "MethodEntry": "entries",
    "MetricEntry": "entries",
    "Options": "options",
    "PreprocessorEntry": "entries",
    "ProtocolEntry": "entries",
    "ReportedEntry": "entries",
    "RepresentationMetricEntry": "entries",
    "Site": "datasource",
    "hookimpl": "hookspecs",
}

__all__ = [
    "AttributeEntry",
    "BenchmarkEntry",
    "ClassifierOptions",
    "DataSource",
    "DatasetCard",
    "DatasetEntry",
    "FerbenchError",
    "MethodEntry",
    "MetricEntry",
    "Options",
    "PreprocessorEntry",
    "ProtocolEntry",
    "ReportedEntry",
    "RepresentationMetricEntry",
    "Site",
    "hookimpl",
]


def __getattr__(name: str) -> object:
    """Import a public name on first use, so that `import ferbench` costs nothing."""
    if name not in _HOME:
        raise AttributeError(f"module 'ferbench' has no attribute {name!r}")
    return getattr(importlib.import_module(f"ferbench.{_HOME[name]}"), name)
