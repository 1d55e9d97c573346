"""One folder under two names is one folder: nothing is pretrained on what a cell is tested on, whatever its name."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ferbench.config import read_benchmarks
from ferbench.plan import Cell, make_plan
from ferbench.plugins import Registry
from ferbench.resolve import Resolver

FILE = """
[weights.pretrained.recipe]
dataset = "others"
method = "toy-net"
{options}

[benchmark.b]
preprocessor = {{ name = "resize", options = {{ size = 16 }} }}
dataset = [{{ name = "faces", source = "image-folder" }}]
protocol = [{{ name = "k-fold", options = {{ k = 2 }} }}]
entry = [{{ name = "net", method = "toy-net", weights = {{ backbone = "pretrained" }} }}]
"""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Return a folder of data sets: `faces`, and `strangers`, which shares no image with it."""
    for name, first in (("faces", 0), ("strangers", 100)):
        for number in range(12):
            path = tmp_path / "data" / name / ("anger" if number % 2 else "fear") / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.full((8, 8, 3), first + number, dtype=np.uint8)).save(path)
    return tmp_path / "data"


def cells(data: Path, registry: Registry, options: str = "") -> tuple[Cell, ...]:
    path = data.parent / "b.toml"
    path.write_text(FILE.format(options=options).replace('dataset = "others"', 'dataset = "image-folder"'))
    file = read_benchmarks(path)
    resolver = Resolver(registry, file.weights, data)
    return make_plan(file.benchmark["b"], registry, resolver, data.parent / "results").cells


def told(found: tuple[Cell, ...]) -> set[str]:
    return {cell.state for cell in found}


def test_other_images_may_be_pretrained_on(data: Path, registry: Registry) -> None:
    (data / "image-folder").symlink_to(data / "strangers")
    assert told(cells(data, registry)) == {"pending"}


@pytest.mark.parametrize("way", ["link", "copy"])
def test_the_same_folder_under_another_name_is_trained_for_each_fold(data: Path, registry: Registry, way: str) -> None:
    if way == "link":
        (data / "image-folder").symlink_to(data / "faces")
    else:
        shutil.copytree(data / "faces", data / "image-folder")
    for cell in cells(data, registry):
        assert cell.spec is not None
        (recipe,) = cell.spec.recipes
        assert (recipe.training.protocol, recipe.training.fold) == ("k-fold", cell.fold)


def test_a_folder_with_one_image_of_the_cell_s_may_not(data: Path, registry: Registry) -> None:
    shutil.copytree(data / "strangers", data / "image-folder")
    shutil.copyfile(data / "faces" / "fear" / "0.png", data / "image-folder" / "fear" / "new.png")
    found = cells(data, registry)
    assert told(found) == {"unavailable"}
    assert "its images under another name" in found[0].reason


def test_the_same_folder_read_as_another_kind_of_data_set_may_not(data: Path, registry: Registry) -> None:
    path = data.parent / "b.toml"
    options = f'dataset_options = {{ path = "{data / "faces"}" }}'
    path.write_text(FILE.format(options=options).replace('dataset = "others"', 'dataset = "hugging-face"'))
    file = read_benchmarks(path)
    plan = make_plan(file.benchmark["b"], registry, Resolver(registry, file.weights, data), data.parent / "results")
    assert told(plan.cells) == {"unavailable"}
