"""DML-Net's benchmarks as the tests of its figures and of its tables plan them, on replicas of the paper's data."""

from __future__ import annotations

from pathlib import Path

import ferbench.builtin
import ferbench_dml_net.plugin
import ferbench_fer_datasets.plugin
import ferbench_mtcnn.plugin
import ferbench_resnet.plugin
import ferbench_subjects.clusters
import ferbench_subjects.plugin
from ferbench.catalogue import list_benchmarks
from ferbench.config import Benchmark, DatasetChoice, PreprocessorChoice, ProtocolChoice
from ferbench.plan import Plan, make_plan
from ferbench.plugins import Registry

TABLES = [f"dml-net-table-{name}" for name in ("2", "3", "4", "5-90", "5-45", "6", "7", "8", "9")]
FIGURES_WITHOUT_NUMBERS = ["dml-net-figures-10-to-13", "dml-net-figure-15"]
SHIPPED = [*TABLES, *FIGURES_WITHOUT_NUMBERS]

YAWS = {
    "kdef": [-90, -45, 0, 45, 90],
    "bu-3dfe": [-90, -60, -45, -30, 0, 30, 45, 60, 90],
    "bu-3dfe->sfew": [-90, -60, -45, -30, 0, 30, 45, 60, 90],
    "multi-pie": [-30, -15, 0, 15, 30],
    "sfew": [-60, -40, -15, 0, 15, 40, 60],
}
"""Pose classes: sections 4.1 and, for SFEW, Fig. 9."""

PARTS = (
    ferbench.builtin,
    ferbench_dml_net.plugin,
    ferbench_fer_datasets.plugin,
    ferbench_mtcnn.plugin,
    ferbench_resnet.plugin,
    ferbench_subjects.plugin,
)
SUBJECTS = {"kdef": 6, "bu-3dfe": 4, "multi-pie": 6, "sfew": 12}


def planned(registry: Registry, name: str, data_root: Path, file: str = "mine.toml", *, small: bool = False) -> Plan:
    one = list_benchmarks(data_root / file, registry)[name]
    benchmark = shrunk(one.benchmark) if small else one.benchmark
    return make_plan(benchmark, registry, one.resolver(registry, data_root), data_root)


def shrunk(benchmark: Benchmark) -> Benchmark:
    """Return a benchmark on small images, without a detector unless subjects and poses are derived; fewer views."""
    derives = any(choice.derive for choice in benchmark.dataset)
    coarse = {**benchmark.preprocessor.options, "size": 64, "mirror": False, "min_face": 40}
    detector = benchmark.preprocessor.model_copy(update={"options": coarse})
    tool = detector if derives else PreprocessorChoice(name="resize", options={"size": 32})

    def views(choice: DatasetChoice) -> DatasetChoice:
        if choice.name != "bu-3dfe":
            return choice
        few = [-45, 0, 45] if "yaws" in choice.options else [-90, 0, 90]
        return choice.model_copy(update={"options": {**choice.options, "size": 32, "levels": [1], "yaws": few}})

    def folds(row: ProtocolChoice) -> ProtocolChoice:
        # As many as leave two subjects to train on beside the one for validation.
        return row.model_copy(update={"options": {**row.options, "k": 4}}) if row.name == "k-fold" else row

    return benchmark.model_copy(
        update={
            "preprocessor": tool,
            "seeds": (0,),
            "dataset": tuple(views(choice) for choice in benchmark.dataset),
            "protocol": tuple(folds(row) for row in benchmark.protocol),
        }
    )
