"""The paper's tables as benchmarks: their settings are the paper's, and each entry runs, here on replicas."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from dml_net_tables import SHIPPED, YAWS, planned
from paper_figures import rows

import ferbench_dml_net.plugin
import ferbench_subjects.clusters
import ferbench_subjects.plugin
from ferbench.canonical import digest
from ferbench.datasource import silent_progress
from ferbench.metrics.poses import accuracy_by_yaw, pose_accuracy, recall_by_yaw
from ferbench.options import parse_options
from ferbench.plan import Cell
from ferbench.plugins import Registry
from ferbench.run.cell import Services, run_training
from ferbench.run.outcome import Outcome
from ferbench.run.session import prepare_all
from ferbench.spec import PreparedSpec, RecipeWeightsSpec, TrainingSpec
from ferbench.weights import LoadedWeights
from ferbench_dml_net.networks import FULLY_CONNECTED_STD, SOFTMAX_STD
from ferbench_dml_net.options import DMLNetOptions

Pixels, Floats, Indices = npt.NDArray[np.uint8], npt.NDArray[np.float64], npt.NDArray[np.intp]
PACKAGE = Path(ferbench_dml_net.plugin.__file__).parent
ALSO_ELSEWHERE = {"dml-net-table-3", "dml-net-table-4", "dml-net-figure-15"}
"""Benchmarks whose cells all stand in others too."""

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


def test_the_settings_of_table_1_are_the_methods() -> None:
    printed = {row["row"]: row["value"] for row in rows(PACKAGE / "not_ours.csv") if row["metric"] == "setting"}
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
