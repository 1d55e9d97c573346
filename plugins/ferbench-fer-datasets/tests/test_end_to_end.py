"""Every data set, as a user runs it: official layout, real detector, real store, a baseline, a leaderboard."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from ferbench_fer_datasets.plugin import MODULES

OFFICIAL = ("raf-db", "affectnet-7", "affectnet-8", "sfew", "fer2013", "fer-plus")
FOLDS = ("ck-plus", "oulu-casia", "kdef", "jaffe", "multi-pie", "bu-3dfe", "expw")
OPTIONS = {
    "bu-3dfe": '{ views = "rendered", yaws = [-45, 0, 45] }',
    "raf-db": '{ images = "original" }',
}

FILE = """
[weights.people.recipe]
dataset = "lfw"
method = "resnet"
target = "subject"
options = {{ backbone = "resnet-tiny", epochs = 1, batch_size = 16 }}

[benchmark.all]
preprocessor = {{ name = "mtcnn", options = {{ size = 48 }}, no_face = "drop" }}
metrics = ["accuracy", "macro-f1"]
dataset = [
  {datasets},
  {{ name = "my-faces", source = "image-folder" }},
  {{ name = "hub", source = "hugging-face", options = {{ path = "./hub" }} }},
]
protocol = [
  {{ name = "official", datasets = {official} }},
  {{ name = "k-fold", options = {{ k = 2 }}, datasets = {folds} }},
  {{ name = "cross-dataset", pairs = [["ck-plus", "oulu-casia"], ["bu-3dfe", "sfew"]] }},
]

[[benchmark.all.entry]]
name = "ResNet"
method = "resnet"
options = {{ backbone = "resnet-tiny", epochs = 1, batch_size = 16 }}
weights = {{ backbone = "people" }}
"""


def call(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "FERBENCH_CACHE": str(folder / "cache"), "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, "-m", "ferbench.cli", *words],
        cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def finished(replica: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder in which `ferbench run` has trained a baseline on every data set."""
    folder = tmp_path_factory.mktemp("grid")
    (folder / "data").mkdir()
    for name in (*OFFICIAL, *FOLDS, "lfw"):
        (folder / "data" / name).symlink_to(replica(name))
    for image in sorted(path for path in (replica("sfew") / "Train").glob("*/*") if path.is_file())[::2]:
        target = folder / "data" / "my-faces" / image.parent.name / f"{image.stem}.png"
        target.parent.mkdir(parents=True, exist_ok=True)
        Image.open(image).save(target)
    (folder / "hub").symlink_to(folder / "data" / "my-faces")
    datasets = ",\n  ".join(
        f'{{ name = "{name}", options = {OPTIONS.get(name, "{}")} }}' for name in (*OFFICIAL, *FOLDS)
    )
    text = FILE.format(datasets=datasets, official=list(OFFICIAL), folds=[*FOLDS, "my-faces", "hub"])
    (folder / "benchmarks.toml").write_text(text)
    done = call(folder, "run", "all", "--data-root", "data", "--workers", "1")
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return folder


def test_every_data_set_of_the_plugin_is_in_the_grid() -> None:
    names = {entry.name for module in MODULES for entry in module.ENTRIES}
    assert names == {*OFFICIAL, *FOLDS, "lfw"}


def test_a_baseline_is_trained_on_every_data_set(finished: Path) -> None:
    cells = json.loads(call(finished, "plan", "all", "--data-root", "data", "--json").stdout)
    assert {cell["state"] for cell in cells} == {"done"}
    places = {(cell["dataset"], cell["protocol"]) for cell in cells}
    assert places >= {(name, "official") for name in OFFICIAL} | {(name, "2-fold") for name in FOLDS}
    assert places >= {("ck-plus->oulu-casia", "cross-dataset"), ("bu-3dfe->sfew", "cross-dataset")}
    assert places >= {("my-faces", "2-fold"), ("hub", "2-fold")}


def records(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in sorted(folder.glob("results/records/*/record.json"))]


def test_no_subject_is_on_two_sides_and_all_images_are_tested(finished: Path) -> None:
    folds = [one for one in records(finished) if one["protocol"] == "2-fold"]
    tested: dict[str, int] = {}
    for one in folds:
        name = f"{one['spec']['data']['dataset']} {one['spec']['data']['identity']}"
        tested[name] = tested.get(name, 0) + one["samples"]["test"]
    stores = [json.loads(path.read_text()) for path in finished.glob("cache/prepared/*/store.json")]
    images = {f"{one['dataset']} {one['spec']['identity']}": one["images"] for one in stores}
    assert tested == {name: images[name] for name in tested}
    assert len(tested) == len(FOLDS) + 2


def test_the_detector_found_the_faces(finished: Path) -> None:
    for path in finished.glob("cache/prepared/*/store.json"):
        store = json.loads(path.read_text())
        missed = store["no_face"]["count"] / store["images"]
        assert store["spec"]["preprocessor"] == "mtcnn"
        assert missed < 0.25, f"{store['dataset']}: no face in {missed:.0%}"


def test_the_leaderboard_says_that_these_are_replicas_and_what_cross_dataset_leaves_out(finished: Path) -> None:
    text = (finished / "results" / "leaderboards" / "all.md").read_text()
    for name in (*OFFICIAL, *FOLDS):
        assert f"- {name}: a replica: synthetic images in its layout, not the data set." in text
    assert "- ck-plus->oulu-casia: classes that only one of the two has are left out: " in text
    assert "- bu-3dfe->sfew: classes that only one of the two has are left out: neutral (of the test data)." in text
    assert "ResNet starts from pretrained weights (backbone: people)." in text
