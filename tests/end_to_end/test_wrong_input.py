"""What a user gets wrong is told in one message: expected, found, where, remedy. Nothing is run, nothing written."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from workbench import Workbench, tree

GRID = """
[benchmark.right]
preprocessor = { name = "resize", options = { size = 16 } }
metrics = ["accuracy"]
dataset = [{ name = "toy" }]
protocol = [{ name = "official" }]
entry = [{ name = "Learner", method = "toy-learner", options = { epochs = 1 } }]
"""

WRONG = {
    "key": ("metrics =", "metrisc =", "the unknown key 'metrisc'", "did you mean 'metrics'?"),
    "entry key": ("method =", "methods =", "the unknown key 'methods'", "did you mean 'method'?"),
    "type": ("epochs = 1", 'epochs = "one"', "'one'", "set epochs to an allowed value"),
    "range": ("epochs = 1", "epochs = 0", "0", "set epochs to an allowed value"),
    "option": ("epochs = 1", "epoch = 1", "the unknown option 'epoch'", "did you mean 'epochs'?"),
    "method": ('"toy-learner"', '"toy-lerner"', "'toy-lerner'", "did you mean 'toy-learner'?"),
    "data set": ('"toy" }', '"toyy" }', "'toyy'", "did you mean 'toy'?"),
    "protocol": ('"official"', '"offical"', "'offical'", "did you mean 'official'?"),
    "metric": ('["accuracy"]', '["acuracy"]', "'acuracy'", "did you mean 'accuracy'?"),
    "preprocessor": ('"resize"', '"risize"', "'risize'", "did you mean 'resize'?"),
    "TOML": ("[benchmark.right]", "[benchmark.right", "", "correct the file"),
    "two protocols in one column": (
        '{ name = "official" }',
        '{ name = "official" }, { name = "official", options = { validation = 0.2 } }',
        "two that print as 'official' on toy",
        "a benchmark of its own",
    ),
    "seeds": ("metrics =", "seeds = [1, 1]\nmetrics =", "[", "correct it"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_benchmark_file(bench: Workbench, name: str) -> None:
    right, wrong, found, remedy = WRONG[name]
    path = bench.write(GRID.replace(right, wrong))
    before = tree(bench.folder)
    message = bench.run("right", code=2).message
    assert found in message["found"]
    assert remedy in message["remedy"]
    assert str(path.name) in message["where"] or "right" in message["where"] or "data set" in message["where"]
    assert tree(bench.folder) == before


@pytest.mark.parametrize(
    ("words", "found", "remedy"),
    [
        (["rigth"], "'rigth'", "did you mean 'right'?"),
        (["right", "--select", "entri=Learner"], "'entri=Learner'", "did you mean 'entry'?"),
        (["right", "--select", "entry=Lerner"], "entry=Lerner", "'ferbench plan' lists the cells"),
        (["right", "--data-root", "nowhere"], "no such folder", "correct the path"),
        (["right", "--config", "nofile.toml"], "No such file or directory", "--config FILE"),
        (["right", "--results", "benchmarks.toml"], "a file", "--results DIR"),
    ],
)
def test_a_wrong_command_line(bench: Workbench, words: list[str], found: str, remedy: str) -> None:
    bench.write(GRID)
    before = tree(bench.folder)
    message = bench.run(*words, code=2).message
    assert found in message["found"]
    assert remedy in message["remedy"]
    assert tree(bench.folder) == before


FOLDERS = """
[benchmark.folders]
preprocessor = { name = "resize", options = { size = 16 } }
dataset = [{ name = "mine", source = "image-folder" }, { name = "toy" }]
protocol = [{ name = "official", datasets = ["toy"] }, { name = "k-fold", options = { k = 2 }, datasets = ["mine"] }]
entry = [{ name = "Learner", method = "toy-learner", options = { epochs = 1 } }]
"""


def pictures(root: Path, classes: int = 2, images: int = 6) -> Path:
    """Write an image folder and return its path."""
    rng = np.random.default_rng(0)
    for label in range(classes):
        folder = root / "mine" / f"class{label}"
        folder.mkdir(parents=True)
        for number in range(images):
            Image.fromarray(rng.integers(0, 255, (20, 20, 3), dtype=np.uint8)).save(folder / f"{number}.png")
    return root / "mine"


def truncate(mine: Path) -> str:
    path = mine / "class1" / "3.png"
    path.write_bytes(path.read_bytes()[:300])
    return str(path)


def empty(mine: Path) -> str:
    (mine / "class2").mkdir()
    return str(mine / "class2")


def lose(mine: Path) -> str:
    mine.rename(mine.with_name("other"))
    return str(mine)


def test_a_truncated_image_stops_the_run_before_training(bench: Workbench) -> None:
    bench.write(FOLDERS)
    path = truncate(pictures(bench.folder / "data"))
    message = bench.run("folders", "--data-root", str(bench.folder / "data"), code=2).message
    assert message["expected"] == "a readable image"
    assert path in message["where"]
    assert "take it out of the data set" in message["remedy"]
    assert bench.records() == {}


def test_fewer_subjects_than_folds_stop_the_run_before_training(bench: Workbench) -> None:
    bench.write(
        GRID.replace('{ name = "official" }', '{ name = "official" }, { name = "k-fold", options = { k = 9 } }')
    )
    message = bench.run("right", code=2).message
    assert message["expected"] == "at least 9 subjects for 9 folds"
    assert message["found"] == "8"
    assert "set k to at most 8" in message["remedy"]
    assert bench.records() == {}


def test_data_that_is_not_there_leaves_the_rest_to_run(bench: Workbench) -> None:
    bench.write(FOLDERS)
    mine = pictures(bench.folder / "data")
    path = empty(mine)
    plans = []
    words = ("folders", "--data-root", str(bench.folder / "data"))
    plans.append((path, "an empty class", bench.plan(*words)))
    Path(path).rmdir()
    plans.append((lose(mine), "no such folder", bench.plan(*words)))
    for place, found, cells in plans:
        states = {cell["dataset"]: cell["state"] for cell in cells}
        assert states == {"toy": "pending", "mine": "unavailable"}
        reason = next(cell["reason"] for cell in cells if cell["dataset"] == "mine")
        assert f"found {found}; in {place}; " in reason


WEIGHTS = """
[weights.file]
path = "weights.safetensors"
sha256 = "{sha256}"
""" + GRID.replace("{", "{{").replace("}", "}}").replace(
    'method = "toy-learner"', 'method = "toy-learner", weights = {{ backbone = "file" }}'
)


def verified(bench: Workbench, code: int = 0) -> bool:
    """Return whether the user's file is as it should be; files that only plugins name must not matter."""
    rows = bench.call("weights", "verify", "--json", code=code).json
    assert all(row["ok"] is not False for row in rows if row["name"] != "file")
    return next(row["ok"] for row in rows if row["name"] == "file")


def test_weights_that_are_missing_or_altered(bench: Workbench) -> None:
    file = bench.folder / "weights.safetensors"
    bench.write(WEIGHTS.format(sha256=hashlib.sha256(b"right").hexdigest()))
    missing = bench.run("right", code=2).err
    assert "not run, toy: expected a file of weights; found no such file; in weights file: " in missing
    assert {cell["state"] for cell in bench.plan("right")} == {"unavailable"}
    assert verified(bench, code=2) is False
    file.write_bytes(b"wrong")
    altered = bench.run("right", code=2).message
    assert altered["expected"] == f"SHA-256 {hashlib.sha256(b'right').hexdigest()}"
    assert altered["found"] == hashlib.sha256(b"wrong").hexdigest()
    assert "weights.safetensors" in altered["where"]
    assert bench.records() == {}
    file.write_bytes(b"right")
    assert verified(bench) is True
    bench.write(WEIGHTS.format(sha256="0" * 64).replace("backbone", "bagbone"))
    assert "did you mean 'backbone'?" in bench.run("right", code=2).message["remedy"]


def cut(folder: Path) -> None:
    path = folder / "predictions.parquet"
    path.write_bytes(path.read_bytes()[:-40])


def edit(folder: Path) -> None:
    path = folder / "record.json"
    content = json.loads(path.read_text())
    content["metrics"]["validation"]["accuracy"] = 0.999
    path.write_text(json.dumps(content))


def lose_sums(folder: Path) -> None:
    (folder / "SHA256SUMS").unlink()


def exchange(folder: Path) -> None:
    folder.rename(folder.with_name("f" * 64))


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Workbench:
    """Return a workbench on which one cell is finished and the others lack their data."""
    bench = Workbench(tmp_path_factory.mktemp("finished"))
    bench.write(FOLDERS)
    mine = bench.folder / "data" / "mine"
    mine.parent.mkdir()
    ended = bench.run("folders", "--data-root", "data", code=2)
    assert "not run, mine: expected the data set mine in its own folder below --data-root" in ended.err
    assert "found no such folder; in data/mine; put the data set there, or leave it out" in ended.err
    states = {cell["dataset"]: cell["state"] for cell in bench.plan("folders", "--data-root", "data")}
    assert states == {"toy": "done", "mine": "unavailable"}
    return bench


@pytest.mark.parametrize("damage", [cut, edit, lose_sums])
def test_a_damaged_record_is_refused(finished: Workbench, damage: Callable[[Path], None]) -> None:
    (identity,) = finished.records()
    folder = finished.results / "records" / identity
    kept = {path: path.read_bytes() for path in folder.iterdir()}
    damage(folder)
    before = tree(finished.results)
    try:
        for command in ("run", "report"):
            message = finished.call(command, "folders", code=2).message
            assert message["where"] == str(Path("results") / "records" / identity)
            assert "remove that folder and run the cell again" in message["remedy"]
        assert tree(finished.results) == before
    finally:
        for path, content in kept.items():
            path.write_bytes(content)


def test_a_results_folder_that_cannot_be_written(finished: Workbench) -> None:
    """Root may write anywhere, so the folder is taken by a file."""
    other = finished.folder / "taken"
    other.mkdir(exist_ok=True)
    (other / "running").write_text("a file in the place of a folder")
    message = finished.run("folders", "--results", str(other), code=2).message
    assert message["expected"] == "a folder that can be written"
    assert str(other) in message["where"]
    assert "--results" in message["remedy"]
    if os.geteuid() != 0:
        locked = finished.folder / "locked"
        locked.mkdir(mode=0o500, exist_ok=True)
        assert "--results" in finished.run("folders", "--results", str(locked), code=2).message["remedy"]


def test_asking_for_the_sheet_of_a_run_that_never_was(finished: Workbench) -> None:
    message = finished.call("report", "wrong", "--as-run", code=2).message
    assert "sheets" in message["where"]
    message = finished.call("report", "folders", "--with-records", code=2).message
    assert message["found"] == "no --out"
