"""What this distribution offers to ferbench: the method and its paper's tables."""

from __future__ import annotations

from pathlib import Path

from ferbench import BenchmarkEntry, MethodEntry, ReportedEntry, hookimpl
from ferbench_dice_fer.options import DiceFEROptions

CITATION = (
    "Aquib, Verma, Akhtar: Decoupling Identity Confounders for Enhanced Facial Expression Recognition: "
    "An Information-Theoretic Approach"
)
_FOLDER = Path(__file__).parent

REHEARSAL = {
    "backbone": "resnet-tiny",
    "code_width": 16,
    "statistics_width": 32,
    "discriminator_width": 16,
    "classifier_width": 16,
    "epochs": 12,
    "identity_epochs": 2,
    "classifier_epochs": 16,
    "batch_size": 18,
    "lr": 3e-3,
    "classifier_lr": 1e-2,
    "augment": "none",
    "whiten": False,
}


@hookimpl
def ferbench_methods() -> list[MethodEntry]:
    """Return the method."""
    return [
        MethodEntry(
            name="dice-fer",
            factory="ferbench_dice_fer.method:DiceFER",
            config=DiceFEROptions,
            summary="Same-expression pairs: expression by cross-referenced mutual information, identity kept apart",
            citation=CITATION,
            rehearsal=REHEARSAL,
        )
    ]


@hookimpl
def ferbench_benchmarks() -> list[BenchmarkEntry]:
    """Return the paper's tables."""
    return [BenchmarkEntry(name="dice-fer", path=_FOLDER / "benchmarks.toml")]


@hookimpl
def ferbench_reported() -> list[ReportedEntry]:
    """Return the figures that the paper prints of its own method and of the baseline that ferbench has."""
    return [ReportedEntry(name="dice-fer", path=_FOLDER / "reported.csv", citation=CITATION)]
