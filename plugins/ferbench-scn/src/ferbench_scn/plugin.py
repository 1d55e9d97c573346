"""What this distribution offers to ferbench."""

from __future__ import annotations

from pathlib import Path

from ferbench import BenchmarkEntry, MethodEntry, ReportedEntry, hookimpl
from ferbench_scn.options import SCNOptions

RIVAL = (
    "Liu, Xu, Wan, Kui: A Dual-Branch Adaptive Distribution Fusion Framework for Real-World Facial Expression "
    "Recognition, ICASSP 2023"
)
_FOLDER = Path(__file__).parent


@hookimpl
def ferbench_methods() -> list[MethodEntry]:
    """Return SCN."""
    return [
        MethodEntry(
            name="scn",
            factory="ferbench_scn.method:SCN",
            config=SCNOptions,
            summary="Self-cure network: importance weights with rank regularisation, relabelling of uncertain samples",
            citation="Wang et al.: Suppressing Uncertainties for Large-Scale Facial Expression Recognition, CVPR 2020",
            rehearsal={"backbone": "resnet-tiny", "epochs": 6, "batch_size": 18, "lr": 1e-2, "augment": "none"},
        )
    ]


@hookimpl
def ferbench_benchmarks() -> list[BenchmarkEntry]:
    """Return its row in a rival's table."""
    return [BenchmarkEntry(name="scn", path=_FOLDER / "benchmarks.toml")]


@hookimpl
def ferbench_reported() -> list[ReportedEntry]:
    """Return the figures that the rival's paper prints of it."""
    return [ReportedEntry(name="scn", path=_FOLDER / "reported.csv", citation=RIVAL)]
