"""Every entry of every shipped benchmark runs: on replicas, drawn sprites, and rendered people, at small sizes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from workbench import Workbench

import ferbench_thin.plugin
from ferbench.catalogue import list_benchmarks
from ferbench.datasource import silent_progress
from ferbench.plan import Cell, Plan, make_plan
from ferbench.plugins import Registry, discover
from ferbench.run.cell import Services, run_training
from ferbench.run.outcome import Outcome
from ferbench.run.session import prepare_all
from ferbench.spec import PreparedSpec, RecipeWeightsSpec, TrainingSpec
from ferbench.weights import LoadedWeights
from ferbench_thin.nodes import write_pictures

SHIPPED = (Path(ferbench_thin.plugin.__file__).parent / "benchmarks.toml").read_text(encoding="utf-8")
DIGITS = {
    "thin-table-1": 2,
    "thin-table-2-mnist-r": 6,
    "thin-table-2-mnist-r-fresh": 4,
    "thin-table-2-dsprites": 6,
    "thin-table-2-sprites": 6,
    "thin-table-2-sprites-few": 6,
    "thin-table-3": 4,
    "thin-figure-4": 7,
    "thin-readings": 12,
    "thin-readings-training": 6,
    "thin-readings-fresh": 6,
    "thin-readings-nearest": 5,
}
FACES = {"thin-table-4": 12, "thin-table-4-matched": 12, "thin-table-5": 2, "thin-figure-5": 7, "thin-section-4-6": 2}
SMALL_DIGITS = {
    'name = "sprites" }': 'name = "sprites", options = { train = 120, test = 30 } }',
    "train = 6000 }": "train = 120, test = 30 }",
    'name = "dsprites" }': 'name = "dsprites", options = { train = 120, test = 30 } }',
    'name = "dsprites-scale" }': 'name = "dsprites-scale", options = { train = 120, test = 30 } }',
    "epochs = 20 }": "epochs = 1 }",
    "epochs = 6 }": "epochs = 1 }",
    "epochs = 2 }": "epochs = 1 }",
    "draws = 10": "draws = 2",
    "draws = 20": "draws = 2",
    "draws = 6": "draws = 2",
    "seeds = [100]": "seeds = [0]",
    "validation = 0.1667": "validation = 0.2",
    "validation = 0.02 ": "validation = 0.2 ",
}
# A narrow network takes VGG-16's place, and rendered people ImageNet's.
SMALL_FACES = {
    'name = "mtcnn", options = { size = 224 }, no_face = "center-crop"': 'name = "resize", options = { size = 32 }',
    'name = "align", options = { size = 224 }': 'name = "resize", options = { size = 32 }',
    "subjects = 400, images_per_subject = 25": "subjects = 4, images_per_subject = 6",
    "resolution = 240": "resolution = 48",
    'trunk = "vgg16"': 'trunk = "resnet-tiny"',
    "hidden = [4096, 4096], epochs = 20, batch_size = 32": "hidden = [8, 8], epochs = 1, batch_size = 8",
    "hidden = [4096, 4096]": "hidden = [8, 8]",
    "expert_hidden = [512, 512]": "expert_hidden = [4, 4]",
    "expert_hidden = [128, 128]": "expert_hidden = [2, 2]",
    "steps = 100000, batch_size = 16": "steps = 2, batch_size = 8",
    "validation = 0.02086": "validation = 0.1",
    "validation = 0.0009017": "validation = 0.1",
    'backbone = "imagenet-vgg16"': 'backbone = "face-identity-vgg16"',
}


def smaller(changes: dict[str, str]) -> str:
    """Return the shipped file with other sizes, its benchmarks renamed; what is no longer in it is told."""
    text = SHIPPED.replace("benchmark.thin-", "benchmark.quick-")
    for before, after in changes.items():
        assert before in text, before
        text = text.replace(before, after)
    return text


def digits() -> str:
    """Return the file with one epoch for each entry on digits and sprites; THIN's store their gate."""
    lines = []
    for line in smaller(SMALL_DIGITS).splitlines():
        more = "epochs = 1, record_gate = true, " if 'architecture = "thin"' in line else "epochs = 1, "
        entry = line.startswith("options = { ") and "epochs" not in line and "steps" not in line
        lines.append(line.replace("options = { ", f"options = {{ {more}") if entry else line)
    return "\n".join(lines)


class InProcess:
    """Runs the cells of a plan and the recipes of their weights, each recipe once, in this process."""

    def __init__(self, plan: Plan, registry: Registry) -> None:
        self.plan, self.registry = plan, registry
        self._trained: dict[str, LoadedWeights] = {}

    def __call__(self) -> Iterator[tuple[Cell, Outcome]]:
        """Yield each cell of the first seed that can run, with what came out."""
        cells = [cell for cell in self.plan.cells if cell.spec is not None and cell.seed == 0]
        stores = {part.fingerprint: part for cell in cells for part in parts_of(cell.spec)}
        prepare_all(list(stores.values()), self.plan.resolver, self.registry, 1, silent_progress)
        for cell in cells:
            assert cell.spec is not None
            yield cell, run_training(cell.spec, Services(self.registry, self._weights(cell.spec)))

    def _weights(self, spec: TrainingSpec) -> dict[str, LoadedWeights]:
        loaded = {}
        for role, weights in spec.weights.items():
            assert isinstance(weights, RecipeWeightsSpec)
            key = weights.training.id
            if key not in self._trained:
                made = run_training(weights.training, Services(self.registry, keep_state=True))
                assert made.state is not None
                assert made.normalisation is not None
                self._trained[key] = LoadedWeights(weights.name, made.state, key, *made.normalisation, keep_head=True)
            loaded[role] = self._trained[key]
        return loaded


def parts_of(spec: TrainingSpec | None) -> list[PreparedSpec]:
    assert spec is not None
    return [*spec.prepared, *(part for recipe in spec.recipes for part in parts_of(recipe.training))]


def planned(text: str, name: str, releases: Path, folder: Path, registry: Registry) -> Plan:
    (folder / "mine.toml").write_text(text)
    one = list_benchmarks(folder / "mine.toml", registry)[name.replace("thin-", "quick-")]
    return make_plan(one.benchmark, registry, one.resolver(registry, releases), folder)


@pytest.mark.parametrize("name", [*DIGITS, *FACES])
def test_every_entry_trains_and_is_tested(name: str, releases: Path, tmp_path: Path) -> None:
    registry = discover()
    text = digits() if name in DIGITS else smaller(SMALL_FACES)
    outcomes = list(InProcess(planned(text, name, releases, tmp_path, registry), registry)())
    assert len(outcomes) == {**DIGITS, **FACES}[name]
    for cell, outcome in outcomes:
        assert 0 < outcome.history[-1]["loss"] < 100, cell
        (predictions,) = outcome.epochs.values()
        assert np.allclose(predictions.probabilities.sum(axis=1), 1, atol=1e-5)
        exogenous = any(role.startswith("exogenous") for role in (cell.spec.weights if cell.spec else ()))
        assert ("cosine" in predictions.extras) == exogenous
        assert ("similarity" in outcome.history[-1]) == (exogenous and "thin" in architecture(cell))


def architecture(cell: Cell) -> str:
    assert cell.spec is not None
    return str(cell.spec.options.get("architecture", "oracle"))


def test_a_grid_from_recipe_to_picture(releases: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a user runs it: the exogenous network first, then the cells, the leaderboard, the picture of the tree."""
    bench = Workbench(tmp_path)
    bench.write(digits())
    monkeypatch.setenv("FERBENCH_CACHE", str(tmp_path / "cache"))  # where the picture finds the images
    words = ["--data-root", str(releases), "--select", "seed=0", "--select", "entry=THIN", "--workers", "1"]
    bench.run("quick-table-2-mnist-r", *words)
    (content,) = bench.records().values()
    assert set(content["provenance"]["weights"]) == {"exogenous.rotation"}
    table = bench.call("report", "quick-table-2-mnist-r", "--format", "json", "--data-root", str(releases)).json
    means = {(row["entry"], row["metric"]): row["mean"] for row in table}
    assert 0 <= means["THIN", "exogenous-similarity"] <= 1
    assert 0 <= means["THIN", "accuracy"] <= 1
    (picture,) = write_pictures(bench.results, tmp_path / "pictures")
    assert picture.name == "quick-table-2-mnist-r-THIN-mnist-r-official-0-0-nodes.png"
    assert picture.stat().st_size > 1000
