"""What this distribution offers to ferbench: the method, its single-label baseline, its paper's tables."""

from __future__ import annotations

from pathlib import Path

from ferbench import BenchmarkEntry, MethodEntry, ReportedEntry, hookimpl
from ferbench_ada_df.options import AdaDFOptions, RecipeOptions

CITATION = (
    "Liu, Xu, Wan, Kui: A Dual-Branch Adaptive Distribution Fusion Framework for Real-World Facial Expression "
    "Recognition, ICASSP 2023; figures and equations of the extended version, Ada-DF: An Adaptive Label Distribution "
    "Fusion Network For Facial Expression Recognition"
)
_FOLDER = Path(__file__).parent

REHEARSAL = {
    "backbone": "resnet-tiny",
    "freeze_stem": False,
    "epochs": 10,
    "batch_size": 18,
    "lr": 5e-3,
    "augment": "none",
}


@hookimpl
def ferbench_methods() -> list[MethodEntry]:
    """Return the method, and the single-label network that its ablation starts from."""
    return [
        MethodEntry(
            name="ada-df",
            factory="ferbench_ada_df.method:AdaDF",
            config=AdaDFOptions,
            summary="Two branches: label distributions, class distributions and their fusion by attention",
            citation=CITATION,
            rehearsal={**REHEARSAL, "threshold": 0.7},
        ),
        MethodEntry(
            name="ada-df-single-label",
            factory="ferbench_ada_df.single_label:SingleLabel",
            config=RecipeOptions,
            summary="Ada-DF's network, images and schedule with one branch and cross-entropy: its ablation's first row",
            citation=CITATION,
            rehearsal=REHEARSAL,
        ),
    ]


@hookimpl
def ferbench_benchmarks() -> list[BenchmarkEntry]:
    """Return the paper's tables, and the label-noise benchmark on rendered faces."""
    return [BenchmarkEntry(name="ada-df", path=_FOLDER / "benchmarks.toml")]


@hookimpl
def ferbench_reported() -> list[ReportedEntry]:
    """Return the figures that the paper prints of its own method."""
    return [ReportedEntry(name="ada-df", path=_FOLDER / "reported.csv", citation=CITATION)]
