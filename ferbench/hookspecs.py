"""The hooks a plugin may implement. Each returns light entries; none may import a deep-learning library."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from ferbench.entries import (
        AttributeEntry,
        BenchmarkEntry,
        DatasetEntry,
        MethodEntry,
        MetricEntry,
        PreprocessorEntry,
        ProtocolEntry,
        ReportedEntry,
        RepresentationMetricEntry,
    )

PROJECT = "ferbench"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def ferbench_datasets() -> list[DatasetEntry]:
    """Return the data sets this plugin brings."""
    return []


@hookspec
def ferbench_preprocessors() -> list[PreprocessorEntry]:
    """Return the preprocessors (detect, align, crop, resize; run once an image) this plugin brings."""
    return []


@hookspec
def ferbench_attributes() -> list[AttributeEntry]:
    """Return the attributes (subject, pose) that this plugin can estimate for data sets without them."""
    return []


@hookspec
def ferbench_methods() -> list[MethodEntry]:
    """Return the methods (training recipes) this plugin brings."""
    return []


@hookspec
def ferbench_metrics() -> list[MetricEntry]:
    """Return the metrics (functions of stored predictions) this plugin brings."""
    return []


@hookspec
def ferbench_representation_metrics() -> list[RepresentationMetricEntry]:
    """Return the metrics of representations (taken by the run, kept in the record) this plugin brings."""
    return []


@hookspec
def ferbench_protocols() -> list[ProtocolEntry]:
    """Return the protocols (how data is split and training labels are changed) this plugin brings."""
    return []


@hookspec
def ferbench_benchmarks() -> list[BenchmarkEntry]:
    """Return the benchmark files (TOML) this plugin ships, such as its paper's tables."""
    return []


@hookspec
def ferbench_reported() -> list[ReportedEntry]:
    """Return the files (CSV) of figures that a paper prints, kept apart from every measured one."""
    return []
