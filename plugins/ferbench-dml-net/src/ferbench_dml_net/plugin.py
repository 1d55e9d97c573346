"""What this distribution offers to ferbench: the method, its paper's tables and their figures."""

from __future__ import annotations

from pathlib import Path

from ferbench import BenchmarkEntry, MethodEntry, ReportedEntry, hookimpl
from ferbench_dml_net.options import DMLNetOptions

CITATION = (
    "Liu, Dai, Fang, Chen, Huang, Wang, Wan: Dynamic Multi-channel Metric Network for Joint Pose-aware and "
    "Identity-invariant Facial Expression Recognition"
)
_FOLDER = Path(__file__).parent

REHEARSAL = {
    "backbone": "resnet-tiny",
    "input_size": 32,
    "initial": "fan-in",
    "fusion_width": 32,
    "embedding_width": 32,
    "head_width": 32,
    "lr": 3e-3,
    "epochs": 8,
    "patience": 8,
    "alternate_epochs": 1,
    "ema": 0.9,
    "augment": "none",
}


@hookimpl
def ferbench_methods() -> list[MethodEntry]:
    """Return the method."""
    return [
        MethodEntry(
            name="dml-net",
            factory="ferbench_dml_net.method:DMLNet",
            config=DMLNetOptions,
            summary="Face, eyes and mouth; five-tuples pull a class together across poses and people",
            citation=CITATION,
            requires=("subject", "pose"),
            weights=("backbone", "network"),
            rehearsal=REHEARSAL,
        )
    ]


@hookimpl
def ferbench_benchmarks() -> list[BenchmarkEntry]:
    """Return the paper's tables and figures."""
    return [BenchmarkEntry(name="dml-net", path=_FOLDER / "benchmarks.toml")]


@hookimpl
def ferbench_reported() -> list[ReportedEntry]:
    """Return the figures that the paper prints of its own method and of the baseline that ferbench has."""
    return [ReportedEntry(name="dml-net", path=_FOLDER / "reported.csv", citation=CITATION)]
