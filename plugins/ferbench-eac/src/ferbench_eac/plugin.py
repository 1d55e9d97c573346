"""What this distribution offers to ferbench."""

from __future__ import annotations

from pathlib import Path

from ferbench import BenchmarkEntry, MethodEntry, ReportedEntry, hookimpl
from ferbench_eac.options import EACOptions

RIVAL = (
    "Liu, Xu, Wan, Kui: A Dual-Branch Adaptive Distribution Fusion Framework for Real-World Facial Expression "
    "Recognition, ICASSP 2023"
)
_FOLDER = Path(__file__).parent


@hookimpl
def ferbench_methods() -> list[MethodEntry]:
    """Return EAC."""
    return [
        MethodEntry(
            name="eac",
            factory="ferbench_eac.method:EAC",
            config=EACOptions,
            summary="Erasing attention consistency: class activation maps agree between an image and its mirror image",
            citation="Zhang et al.: Learn From All: Erasing Attention Consistency for Noisy Label Facial Expression "
            "Recognition, ECCV 2022",
            rehearsal={
                "backbone": "resnet-tiny",
                "input_size": 64,
                "epochs": 8,
                "batch_size": 18,
                "lr": 1e-2,
                "decay": 1.0,
                "erase_probability": 0.0,
                "noise": 0.0,
            },
        )
    ]


@hookimpl
def ferbench_benchmarks() -> list[BenchmarkEntry]:
    """Return its row in a rival's table."""
    return [BenchmarkEntry(name="eac", path=_FOLDER / "benchmarks.toml")]


@hookimpl
def ferbench_reported() -> list[ReportedEntry]:
    """Return the figures that the rival's paper prints of it."""
    return [ReportedEntry(name="eac", path=_FOLDER / "reported.csv", citation=RIVAL)]
