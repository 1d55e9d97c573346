"""The paper's tables as benchmarks: each printed figure has its place, and each entry runs, here on replicas."""

from __future__ import annotations

import csv
import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import ferbench.builtin
import ferbench_dml_net.plugin
import ferbench_fer_datasets.plugin
import ferbench_mtcnn.plugin
import ferbench_resnet.plugin
import ferbench_subjects.clusters
import ferbench_subjects.plugin
from ferbench.canonical import digest
from ferbench.catalogue import list_benchmarks
from ferbench.config import Benchmark, DatasetChoice, PreprocessorChoice, ProtocolChoice
from ferbench.data.replica import ReplicaSite, write_replica
from ferbench.datasource import silent_progress
from ferbench.metrics.evaluate import evaluate
from ferbench.metrics.poses import accuracy_by_yaw, pose_accuracy, recall_by_yaw
from ferbench.options import parse_options
from ferbench.plan import Cell, Plan, make_plan
from ferbench.plugins import Registry, discover
from ferbench.predictions import Predictions
from ferbench.report.reported import read_reported
from ferbench.run.cell import Services, run_training
from ferbench.run.outcome import Outcome
from ferbench.run.session import prepare_all
from ferbench.spec import PreparedSpec, RecipeWeightsSpec, TrainingSpec
from ferbench.weights import LoadedWeights
from ferbench_dml_net.networks import FULLY_CONNECTED_STD, SOFTMAX_STD
from ferbench_dml_net.options import DMLNetOptions

Pixels, Floats, Indices = npt.NDArray[np.uint8], npt.NDArray[np.float64], npt.NDArray[np.intp]
PACKAGE = Path(ferbench_dml_net.plugin.__file__).parent
TRANSCRIBED = Path(__file__).parents[4] / "shared" / "paper_tables.csv"
TABLES = [f"dml-net-table-{name}" for name in ("2", "3", "4", "5-90", "5-45", "6", "7", "8", "9")]
FIGURES_WITHOUT_NUMBERS = ["dml-net-figures-10-to-13", "dml-net-figure-15"]
SHIPPED = [*TABLES, *FIGURES_WITHOUT_NUMBERS]
ALSO_ELSEWHERE = {"dml-net-table-3", "dml-net-table-4", "dml-net-figure-15"}
"""Benchmarks whose cells all stand in others too."""

FIGURES = {"1": 10, "2": 12, "3": 48, "4": 26, "5": 23, "6": 86, "7": 37, "8": 39, "9": 49, "9 (text)": 1}
OURS = {"2": 2, "3": 48, "4": 8, "5": 4, "6": 6, "7": 8, "8": 24, "9": 6}

PRINTED = {
    "all": "all",
    "KDEF": "kdef",
    "BU-3DFE": "bu-3dfe",
    "Multi-PIE": "multi-pie",
    "SFEW2.0": "sfew",
    "BU-3DFE->SFEW2.0": "bu-3dfe->sfew",
}
CODES = {
    "AN": "anger",
    "DI": "disgust",
    "FE": "fear",
    "AF": "fear",
    "HA": "happiness",
    "NE": "neutral",
    "SA": "sadness",
    "SU": "surprise",
}
YAWS = {
    "kdef": [-90, -45, 0, 45, 90],
    "bu-3dfe": [-90, -60, -45, -30, 0, 30, 45, 60, 90],
    "bu-3dfe->sfew": [-90, -60, -45, -30, 0, 30, 45, 60, 90],
    "multi-pie": [-30, -15, 0, 15, 30],
    "sfew": [-60, -40, -15, 0, 15, 40, 60],
}
"""Pose classes: sections 4.1 and, for SFEW, Fig. 9."""

PROTOCOLS = {
    "kdef": "5-fold",
    "bu-3dfe": "3-fold",
    "multi-pie": "8-fold",
    "sfew": "official",
    "bu-3dfe->sfew": "cross-dataset",
}
ABLATION: Mapping[str, Mapping[str, Any]] = {
    "MFE": {"pose_head": False, "triplets": "none", "dynamic_weights": False},
    "MFE+HPE": {"triplets": "none", "dynamic_weights": False},
    "MFE+HPE+JEFL": {"dynamic_weights": False},
    "without triplets": {"triplets": "none"},
    "pose triplets": {"triplets": "pose"},
    "identity triplets": {"triplets": "identity"},
    "without ADW": {"dynamic_weights": False},
}
"""What an entry leaves out; every other entry is the whole method."""

PARTS = (
    ferbench.builtin,
    ferbench_dml_net.plugin,
    ferbench_fer_datasets.plugin,
    ferbench_mtcnn.plugin,
    ferbench_resnet.plugin,
    ferbench_subjects.plugin,
)
SUBJECTS = {"kdef": 6, "bu-3dfe": 4, "multi-pie": 6, "sfew": 12}


@pytest.fixture(scope="module", autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep away from the user's cache; the tests share one of their own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FERBENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def registry() -> Registry:
    """Return what the tables ask for, and nothing else that is installed."""
    found = discover([(part.__name__, part) for part in PARTS], installed=False)
    assert found.problems == []
    return found


@pytest.fixture(scope="module")
def data_root(registry: Registry, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of replicas of the paper's data sets in their official layouts; beside them a user's file.

    The file says where ImageNet's weights are: the network is quick in these tests and takes none.
    """
    root = tmp_path_factory.mktemp("data")
    for name, subjects in SUBJECTS.items():
        write_replica(registry.dataset(name, "a test"), ReplicaSite(root / name, subjects))
    (root / "resnet50.pth").write_bytes(b"parameters")
    found = hashlib.sha256(b"parameters").hexdigest()
    (root / "mine.toml").write_text(f'[weights.imagenet-resnet50]\npath = "resnet50.pth"\nsha256 = "{found}"\n')
    (root / "empty.toml").touch()
    return root


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


def rows(name: str) -> list[dict[str, str]]:
    with (PACKAGE / name).open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


# --- figures ----------------------------------------------------------------------------------------------------


def test_every_printed_figure_is_ours_or_has_a_reason_why_not() -> None:
    ours, others = rows("reported.csv"), rows("not_ours.csv")
    assert Counter(row["table"] for row in ours) == OURS
    assert Counter(row["table"] for row in [*ours, *others]) == FIGURES
    assert all(row["note"] for row in ours)
    assert all(row["reason"] for row in others)
    places = {(row["table"], row["row"], row["dataset"], row["protocol"], row["metric"]) for row in others}
    assert len(places) == len(others)


@pytest.mark.skipif(not TRANSCRIBED.is_file(), reason="the transcribed tables do not stand beside this checkout")
def test_the_figures_are_those_transcribed_from_the_paper() -> None:
    with TRANSCRIBED.open(newline="", encoding="utf-8") as stream:
        printed = [row for row in csv.DictReader(stream) if row["paper"] == "DML-Net"]
    expected = Counter(
        (row["table"], method_of(row), PRINTED[row["dataset"]], metric_of(row), row["value"], *range_of(row))
        for row in printed
    )
    found: Counter[tuple[str, ...]] = Counter()
    for row in rows("reported.csv"):
        yaws = (row["benchmark"].rpartition("-")[2],) if row["table"] == "5" else ()
        found[row["table"], row["entry"], row["dataset"], row["metric"], row["value"], *yaws] += 1
    for row in rows("not_ours.csv"):
        yaws = (row["protocol"].split()[-1],) if row["table"] == "5" else ()
        found[row["table"], row["row"], row["dataset"], row["metric"], row["value"], *yaws] += 1
    assert comparable(found) == comparable(expected, percent=True)


def comparable(figures: Counter[tuple[str, ...]], *, percent: bool = False) -> Counter[tuple[object, ...]]:
    """Return the same with accuracies as percentages of two decimals; settings and frames a second as they are."""
    result: Counter[tuple[object, ...]] = Counter()
    for (table, row, data, metric, value, *more), count in figures.items():
        as_printed = metric in {"setting", "fps"}
        number = value if as_printed else round(float(value) * (1 if percent else 100), 2)
        result[table, row, data, metric, number, *more] += count
    return result


def method_of(row: Mapping[str, str]) -> str:
    """Return the row that a printed figure stands in; in Table 3 rows are classes, and all of them the method's."""
    if row["table"] == "3":
        return "DML-Net"
    return "ResNet50" if (row["table"], row["metric"]) == ("8", "accuracy_pct") and "[10]" in row["row"] else row["row"]


def range_of(row: Mapping[str, str]) -> tuple[str, ...]:
    """Return the largest yaw of a figure of Table 5, which has two figures of some methods."""
    return (row["protocol"].rstrip(")").rpartition(",")[2],) if row["table"] == "5" else ()


def metric_of(row: Mapping[str, str]) -> str:
    """Return ferbench's name of what a printed figure measures."""
    table, pose = row["table"], row["protocol"].removeprefix("pose ")
    plain = {"setting": "setting", "fps": "fps", "pose_accuracy_pct": "pose-accuracy"}
    if row["metric"] in plain:
        return plain[row["metric"]]
    code = row["metric"].removeprefix("accuracy_pct").strip("[]")
    if table == "3":
        code = row["row"].partition("(")[2].rstrip(")")
    if table == "4":
        return f"recall-by-yaw.{CODES[code]}/0" if code else "frontal-accuracy"
    if table in {"3", "6"} and pose != "average":
        return f"recall-by-yaw.{CODES[code]}/{pose}" if code else f"accuracy-by-yaw.{pose}"
    if code:
        return f"class-recall.{CODES[code]}"
    return "mean-class-accuracy" if table == "9 (text)" else "accuracy"


def test_every_figure_of_ours_stands_beside_a_cell_of_a_benchmark_and_every_cell_has_one(
    registry: Registry, data_root: Path
) -> None:
    figures = read_reported(registry)
    assert len(figures) == len(rows("reported.csv"))
    plans = {name: planned(registry, name, data_root) for name in TABLES}
    places = {
        (name, cell.entry, cell.dataset, cell.protocol): cell for name, plan in plans.items() for cell in plan.cells
    }
    assert {key[:4] for key in figures} == set(places)
    for benchmark, entry, dataset, protocol, metric in figures:
        assert metric in plans[benchmark].benchmark.metrics, metric
        assert metric in measured(places[benchmark, entry, dataset, protocol], registry), metric


@pytest.mark.parametrize("name", SHIPPED)
def test_a_leaderboard_has_values_for_its_columns(registry: Registry, name: str, data_root: Path) -> None:
    plan = planned(registry, name, data_root)
    columns = {cell.dataset: cell for cell in plan.cells}
    for cell in columns.values():
        assert set(plan.benchmark.metrics) <= measured(cell, registry)


def measured(cell: Cell, registry: Registry) -> frozenset[str]:
    """Return the metrics of a cell whose test data show every class at every pose of the data set."""
    assert cell.spec is not None
    first, *second = [registry.dataset(part.dataset, "a test").entry.card.classes or () for part in cell.spec.prepared]
    classes = [name for name in first if all(name in other for other in second)]
    return _measured(tuple(classes), tuple(YAWS[cell.dataset]), registry)


@cache
def _measured(classes: tuple[str, ...], yaws: tuple[int, ...], registry: Registry) -> frozenset[str]:
    labels, poses = (axis.ravel() for axis in np.indices((len(classes), len(yaws))))
    centres = np.asarray(yaws, dtype=np.float64)
    predictions = Predictions(
        ids=np.arange(len(labels)).astype(str),
        probabilities=np.eye(len(classes), dtype=np.float32)[labels],
        labels=labels,
        classes=classes,
        columns={"pose": centres[poses]},
        extras={"pose_probabilities": np.eye(len(yaws))[poses], "pose_yaws": np.tile(centres, (len(labels), 1))},
    )
    return frozenset(name for name, value in evaluate(predictions, registry).items() if value is not None)


def test_figures_are_fractions_of_the_right_size(registry: Registry) -> None:
    figures = read_reported(registry)
    assert figures["dml-net-table-2", "DML-Net", "kdef", "5-fold", "accuracy"].value == pytest.approx(0.882)
    assert figures["dml-net-table-5-45", "DML-Net", "bu-3dfe", "3-fold", "pose-accuracy"].value == pytest.approx(0.992)
    at_the_side = figures["dml-net-table-3", "DML-Net", "kdef", "5-fold", "recall-by-yaw.fear/-90"]
    assert at_the_side.value == pytest.approx(0.704)
    assert all(0.08 < figure.value <= 1 for figure in figures.values())


def test_contradictions_in_print_are_told(registry: Registry) -> None:
    figures = read_reported(registry)
    third, fourth = ("dml-net-table-3", "DML-Net", "kdef", "5-fold"), ("dml-net-table-4", "DML-Net", "kdef", "5-fold")
    for name in sorted(set(CODES.values())):
        metric = f"recall-by-yaw.{name}/0"
        differs = figures[(*third, metric)].value != figures[(*fourth, metric)].value
        assert differs == ("permuted" in figures[(*fourth, metric)].note), name
    assert "237 of 436" in figures["dml-net-table-7", "DML-Net", "sfew", "official", "accuracy"].note


# --- settings ---------------------------------------------------------------------------------------------------


def test_the_settings_of_table_1_are_the_methods() -> None:
    printed = {row["row"]: row["value"] for row in rows("not_ours.csv") if row["metric"] == "setting"}
    options = DMLNetOptions()
    assert options.lr == float(printed["Init learning rate"])
    assert options.lr_decay == float(printed["Learning rate decay"])
    assert options.ema == float(printed["Moving average decay"])
    assert options.weight_sum == float(printed["Dynamic weight K"])
    assert options.temperature == float(printed["Dynamic weight T"])
    assert 5 * options.tuples == int(printed["Mini-batch size"])
    assert options.epochs == int(printed["Epoch"])
    assert printed["STD. of initial weights: softmax layers"] == f"1/{1 / SOFTMAX_STD:.0f}"
    assert float(printed["STD. of initial weights: other FC layers"]) == FULLY_CONNECTED_STD


@pytest.mark.parametrize("name", SHIPPED)
def test_a_benchmark_is_planned_with_nothing_unavailable(registry: Registry, name: str, data_root: Path) -> None:
    plan = planned(registry, name, data_root)
    assert plan.counts()["pending"] == len(plan.cells) > 0
    assert plan.benchmark.rank_by == "last"
    assert {cell.seed for cell in plan.cells} == {0, 1, 2}
    for cell in plan.cells:
        check_recipe(cell, YAWS["bu-3dfe"][2:-2] if name == "dml-net-table-5-45" else YAWS[cell.dataset])


def options_of(**changed: object) -> Mapping[str, Any]:
    """Return the method's defaults with some changed, as a spec has them."""
    return parse_options(DMLNetOptions, changed, "a test").model_dump(mode="json")


def check_recipe(cell: Cell, yaws: list[int]) -> None:
    """Check what section 4 says of each data set, and that an entry leaves out what its name says, nothing else."""
    assert cell.spec is not None
    assert cell.protocol == PROTOCOLS[cell.dataset]
    assert all(part.preprocessor == "mtcnn" for part in cell.spec.prepared)
    if cell.dataset.startswith("bu-3dfe"):
        assert (cell.spec.data.options["views"], cell.spec.data.options["yaws"]) == ("rendered", yaws)
    if cell.method == "resnet":
        assert (cell.entry, cell.spec.options["backbone"], list(cell.spec.weights)) == (
            "ResNet50",
            "resnet50",
            ["backbone"],
        )
        return
    assert cell.spec.options == options_of(yaws=yaws, **ABLATION.get(cell.entry, {}))
    assert list(cell.spec.weights) == (["network"] if cell.dataset == "sfew" else ["backbone"])


def test_subjects_and_poses_of_sfew_are_derived_and_its_network_comes_from_multi_pie(
    registry: Registry, data_root: Path
) -> None:
    spec = planned(registry, "dml-net-table-7", data_root).cells[0].spec
    assert spec is not None
    assert {part.name: part.gives for part in spec.data.derived} == {
        "pose-from-landmarks": ("pose",),
        "subject-clusters": ("subject",),
    }
    (recipe,) = spec.recipes
    assert (recipe.training.data.dataset, recipe.training.method) == ("multi-pie", "dml-net")
    assert recipe.training.options == options_of(yaws=YAWS["multi-pie"])
    assert recipe.training.data.preprocessor_options == spec.data.preprocessor_options


def test_a_cell_of_several_tables_is_one_cell(registry: Registry, data_root: Path) -> None:
    whole = "DML-Net", "MFE+HPE+JEFL+ADW", "both triplets", "with ADW"

    def ids(name: str, dataset: str) -> list[str]:
        cells = planned(registry, name, data_root).cells
        return [cell.id for cell in cells if cell.dataset == dataset and cell.entry in whole]

    tables = {
        "kdef": ("table-2", "table-3", "table-4", "table-8"),
        "bu-3dfe": ("table-5-90", "table-8", "figures-10-to-13", "figure-15"),
        "multi-pie": ("table-6", "table-8", "figure-15"),
    }
    for dataset, names in tables.items():
        found = [ids(f"dml-net-{name}", dataset) for name in names if name != "figures-10-to-13"]
        assert found[0]
        assert all(one == found[0] for one in found)
    # Representations cannot be measured later: a cell that measures them is another.
    assert set(ids("dml-net-figures-10-to-13", "bu-3dfe")).isdisjoint(ids("dml-net-table-8", "bu-3dfe"))


def test_without_imagenets_file_only_what_starts_from_it_cannot_run(
    registry: Registry, data_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(data_root))  # where torchvision would have put it
    for name in SHIPPED:
        plan = planned(registry, name, data_root, "empty.toml")
        lacking = [cell for cell in plan.cells if cell.state == "unavailable"]
        assert len(lacking) == (0 if name == "dml-net-table-7" else len(plan.cells))
        for cell in lacking:
            assert "a file of weights; found no such file" in cell.reason
            assert "resnet50-0676ba61.pth" in cell.reason


# --- runs -------------------------------------------------------------------------------------------------------


def quick(spec: TrainingSpec) -> TrainingSpec:
    """Return a cell of one epoch a stage with a small network; from scratch, but for a network that a recipe makes."""
    changed = {**spec.options, "epochs": 1, "backbone": "resnet-tiny"}
    if spec.method == "dml-net":
        widths = dict.fromkeys(("fusion_width", "embedding_width", "head_width"), 16)
        turns = min(1, int(spec.options["alternate_epochs"]))
        changed |= {"input_size": 32, "alternate_epochs": turns, **widths}
    recipes = {
        role: replace(weights, training=quick(weights.training))
        for role, weights in spec.weights.items()
        if isinstance(weights, RecipeWeightsSpec)
    }
    return replace(spec, options=changed, weights=recipes)


def stores_of(spec: TrainingSpec) -> list[PreparedSpec]:
    return [*spec.prepared, *(part for recipe in spec.recipes for part in stores_of(recipe.training))]


@dataclass(frozen=True)
class Run:
    """A quick cell, ready to run."""

    place: str
    spec: TrainingSpec


def glances(_network: Path, images: Pixels, _landmarks: object, seen: Indices, _progress: object) -> Floats:
    """Return (n, 128) small grey pictures of length 1: dlib's network, which has tests of its own, takes its time."""
    grey = images[seen].mean(axis=3).reshape(len(seen), 16, 4, 8, 8).mean(axis=(2, 4)).reshape(len(seen), 128)
    grey -= grey.mean(axis=1, keepdims=True)
    result: Floats = grey / np.linalg.norm(grey, axis=1, keepdims=True)
    return result


@pytest.fixture(scope="module")
def runs(registry: Registry, data_root: Path) -> Iterator[Mapping[str, list[Run]]]:
    """Prepare the replicas; return, by benchmark, a quick run of each entry and column that none before it has."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ferbench_subjects.clusters, "embedded", glances)
        yield prepared_runs(registry, data_root)


def prepared_runs(registry: Registry, data_root: Path) -> Mapping[str, list[Run]]:
    found: dict[str, list[Run]] = {}
    seen: set[str] = set()
    for name in SHIPPED:
        plan = planned(registry, name, data_root, small=True)
        first = [cell for cell in plan.cells if cell.fold == 0 and cell.spec is not None]
        stores = {part.fingerprint: part for cell in first if cell.spec for part in stores_of(cell.spec)}
        prepare_all(list(stores.values()), plan.resolver, registry, 1, silent_progress)
        for cell in first:
            assert cell.spec is not None
            spec = quick(cell.spec)
            if (identity := digest(spec.as_json)) not in seen:
                seen.add(identity)
                found.setdefault(name, []).append(Run(f"{cell.entry}, {cell.dataset}", spec))
    return found


def outcome_of(spec: TrainingSpec, registry: Registry) -> Outcome:
    """Return what comes out of a cell, its recipes' networks trained before."""
    loaded: dict[str, LoadedWeights] = {}
    for role, weights in spec.weights.items():
        assert isinstance(weights, RecipeWeightsSpec)
        made = run_training(weights.training, Services(registry, keep_state=True))
        assert made.state is not None
        loaded[role] = LoadedWeights(weights.name, made.state, "0" * 64, *(made.normalisation or (None, None)))
    return run_training(spec, Services(registry, loaded))


@pytest.mark.parametrize("name", [name for name in SHIPPED if name not in ALSO_ELSEWHERE])
def test_every_entry_trains_and_predicts(registry: Registry, name: str, runs: Mapping[str, list[Run]]) -> None:
    for run in runs[name]:
        outcome = outcome_of(run.spec, registry)
        last = outcome.history[-1]
        assert np.isfinite(last["loss"]), run.place
        assert last["loss"] > 0, run.place
        (predictions,) = outcome.epochs.values()
        count, classes = predictions.probabilities.shape
        assert count == len(predictions.labels) > 0
        assert classes == len(predictions.classes) == (7 if run.place.endswith(("kdef", ", sfew")) else 6), run.place
        if run.spec.method == "dml-net":
            check_poses(run, outcome)


def check_poses(run: Run, outcome: Outcome) -> None:
    """Check that an entry does what its options say of poses and triplets, and that the tables' metrics are had."""
    options = run.spec.options
    turns = options["triplets"] != "none"
    assert [row["stage"] for row in outcome.history] == ["turns", "together"][not turns :], run.place
    assert ("triplet" in outcome.history[-1]) == turns, run.place
    assert ("pose" in outcome.history[-1]) == options["pose_head"], run.place
    assert np.shape(outcome.kept["loss_curves"])[1] == 1 + options["pose_head"] + turns, run.place
    (predictions,) = outcome.epochs.values()
    assert ("pose_probabilities" in predictions.extras) == options["pose_head"]
    if "->" in run.place:  # the other data set has no pose
        return
    if options["pose_head"]:
        assert 0 <= pose_accuracy(predictions) <= 1
    by_yaw, by_class = accuracy_by_yaw(predictions), recall_by_yaw(predictions)
    assert {key.split("/")[1] for key in by_class} <= set(by_yaw)
    assert {key.split("/")[0] for key in by_class} <= set(predictions.classes)
    if not run.place.endswith(", sfew"):  # whose poses are estimates
        assert {float(yaw) for yaw in by_yaw} <= set(options["yaws"])
    if run.spec.representation_metrics:
        assert outcome.representation["failed"] == {}


def test_no_entry_is_left_out(runs: Mapping[str, list[Run]]) -> None:
    """The whole method, each part it can lack, and the baseline, wherever a table has them."""
    assert set(runs) == set(SHIPPED) - ALSO_ELSEWHERE
    places = Counter(run.place.split(", ")[1] for found in runs.values() for run in found)
    assert places == {"kdef": 5, "bu-3dfe": 1 + 1 + 4 + 4, "multi-pie": 5, "sfew": 1, "bu-3dfe->sfew": 1}
