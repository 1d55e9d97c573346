"""What this distribution offers to ferbench: THIN, its oracles, a metric of dispelling, its paper's tables."""

from __future__ import annotations

from pathlib import Path

from ferbench import BenchmarkEntry, MethodEntry, MetricEntry, ReportedEntry, hookimpl
from ferbench_thin.options import OracleOptions, ThinOptions

CITATION = (
    "Arnaud, Dapogny, Bailly: THIN: THrowable Information Networks and Application for Facial Expression Recognition "
    "In The Wild, IEEE Transactions on Affective Computing 2022"
)
_FOLDER = Path(__file__).parent

REHEARSAL = {"trunk": "resnet-tiny", "epochs": 6, "batch_size": 18, "lr": 5e-3}


@hookimpl
def ferbench_methods() -> list[MethodEntry]:
    """Return THIN with the architectures of its Fig. 3, and the oracles of Table 2."""
    return [
        MethodEntry(
            name="thin",
            factory="ferbench_thin.method:Thin",
            config=ThinOptions,
            summary="Ensemble gated by a tree that an exogenous network conditions, and a loss that dispels it",
            citation=CITATION,
            weights=("backbone", "exogenous.*"),
            rehearsal={**REHEARSAL, "architecture": "baseline"},
        ),
        *(
            MethodEntry(
                name=f"thin-oracle-{column}",
                factory=f"ferbench_thin.oracle:{column.capitalize()}Oracle",
                config=OracleOptions,
                summary=f"The tree-gated ensemble that is told the true {column}, at test too",
                citation=CITATION,
                test_inputs=(column,),
                rehearsal={**REHEARSAL, "low": 0.0, "high": 1.0, "bins": 3},
            )
            for column in ("rotation", "scale")
        ),
    ]


@hookimpl
def ferbench_metrics() -> list[MetricEntry]:
    """Return the mean of |cos|, which the dispelling loss makes small, and its distribution (Fig. 8)."""
    return [
        MetricEntry(
            name="exogenous-similarity",
            factory="ferbench_thin.similarity:exogenous_similarity",
            higher_is_better=False,
            needs=frozenset({"cosine"}),
            percent=False,
            summary="Mean |cos| between what the exogenous classifier says of both representations",
        ),
        MetricEntry(
            name="exogenous-similarity-quantiles",
            factory="ferbench_thin.similarity:exogenous_similarity_quantiles",
            higher_is_better=False,
            needs=frozenset({"cosine"}),
            percent=False,
            summary="Quantiles of that |cos| over the images",
        ),
    ]


@hookimpl
def ferbench_benchmarks() -> list[BenchmarkEntry]:
    """Return the paper's tables and figures."""
    return [BenchmarkEntry(name="thin", path=_FOLDER / "benchmarks.toml")]


@hookimpl
def ferbench_reported() -> list[ReportedEntry]:
    """Return the figures that the paper prints of its own networks."""
    return [ReportedEntry(name="thin", path=_FOLDER / "reported.csv", citation=CITATION)]
