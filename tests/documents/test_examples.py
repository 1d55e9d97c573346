"""What the documents show is what runs: their files are written to a folder and their commands called."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest

from ferbench.config import BenchmarkFile
from ferbench.options import parse_options
from ferbench.plugins import discover
from ferbench.testing import METHOD_CHECKS

ROOT = Path(__file__).parents[2]
READMES = sorted((ROOT / "plugins").glob("*/README.md"))
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md")), *READMES]
REST = """
preprocessor = { name = "resize", options = { size = 48 } }
dataset = [{ name = "synthfaces-studio" }]
protocol = [{ name = "official" }]
entry = [{ name = "ResNet", method = "resnet" }]
"""
"""What a benchmark must have, for those who show a part of one."""


TWO_STAGE_PLUGIN = """
from ferbench import MethodEntry, Options, hookimpl


class Counted(Options):
    epochs: int = 2


@hookimpl
def ferbench_methods():
    return [MethodEntry(name="two-stage", factory="ferbench_focal.stages:TwoStage", config=Counted)]
"""


def blocks(document: str, language: str) -> list[str]:
    """Return the fenced blocks of a language, in order."""
    text = (ROOT / document).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE)


def ferbench(*words: str, cwd: Path, plugins: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Call the command line in a folder, with the plugins of another one."""
    environment = {**os.environ, "FERBENCH_CACHE": str(cwd / "cache")}
    if plugins is not None:
        environment["PYTHONPATH"] = str(plugins)
    words = (sys.executable, "-m", "ferbench.cli", *words)
    return subprocess.run(words, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


def install(project: dict[str, object], folder: Path) -> None:
    """Write what an installer would: the metadata of a distribution whose package lies in `folder`."""
    info = folder / f"{str(project['name']).replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir()
    info.joinpath("METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    points = project["entry-points"]["ferbench"]  # type: ignore[index]
    lines = "".join(f"{name} = {value}\n" for name, value in points.items())
    info.joinpath("entry_points.txt").write_text(f"[ferbench]\n{lines}")


@pytest.fixture
def focal(tmp_path: Path) -> tuple[Path, str]:
    """Write the plugin of docs/plugin.md, with the method of docs/methods.md beside it; return its folder and TOML."""
    project, benchmark = blocks("docs/plugin.md", "toml")
    plugin, method, _ = blocks("docs/plugin.md", "python")
    (two_stage,) = blocks("docs/methods.md", "python")
    folder = tmp_path / "site"
    package = folder / "ferbench_focal"
    package.mkdir(parents=True)
    package.joinpath("__init__.py").touch()
    package.joinpath("plugin.py").write_text(plugin)
    package.joinpath("more.py").write_text(TWO_STAGE_PLUGIN)
    package.joinpath("method.py").write_text(method)
    package.joinpath("stages.py").write_text(two_stage)
    described = tomllib.loads(project)["project"]
    described["entry-points"]["ferbench"]["more"] = "ferbench_focal.more"
    install(described, folder)
    return folder, benchmark


def test_the_plugin_and_the_method_of_the_documents_run(focal: tuple[Path, str], tmp_path: Path) -> None:
    site, benchmark = focal
    extra = '\n[[benchmark.focal.entry]]\nname = "two stages"\nmethod = "two-stage"\noptions = { epochs = 1 }\n'
    (tmp_path / "focal.toml").write_text(benchmark + extra)
    listed = ferbench("plugins", cwd=tmp_path, plugins=site)
    assert listed.returncode == 0, listed.stderr
    assert "ferbench-focal 0.1.0" in listed.stdout
    done = ferbench("run", "focal", "--config", "focal.toml", cwd=tmp_path, plugins=site)
    assert done.returncode == 0, done.stderr
    words = ("report", "focal", "--config", "focal.toml", "--format", "json")
    rows = json.loads(ferbench(*words, cwd=tmp_path, plugins=site).stdout)
    assert {row["entry"] for row in rows} == {"cross-entropy", "focal", "two stages"}


def test_the_method_of_the_documents_passes_the_checks_as_they_say(focal: tuple[Path, str], tmp_path: Path) -> None:
    site, _ = focal
    *_, tests = blocks("docs/plugin.md", "python")
    (tmp_path / "test_focal.py").write_text(tests)
    environment = {**os.environ, "PYTHONPATH": str(site)}
    words = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_focal.py")
    done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert f"{len(METHOD_CHECKS)} passed" in done.stdout


def test_an_option_out_of_range_is_refused_as_promised(focal: tuple[Path, str], tmp_path: Path) -> None:
    site, benchmark = focal
    (tmp_path / "focal.toml").write_text(benchmark.replace("gamma = 1.5", "gamma = 15.0"))
    refused = ferbench("run", "focal", "--config", "focal.toml", cwd=tmp_path, plugins=site)
    assert refused.returncode == 2
    assert "less than or equal to 10" in refused.stderr
    assert "the paper uses 2.0" in refused.stderr


def test_the_readme_runs_your_own_images(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for part, count in (("train", 12), ("test", 4)):
        for name, level in (("anger", 60), ("joy", 180)):
            folder = tmp_path / "data" / "my-faces" / part / name
            folder.mkdir(parents=True)
            for number in range(count):
                pixels = np.clip(rng.normal(level, 20, (40, 40, 3)), 0, 255).astype(np.uint8)
                cv2.imwrite(str(folder / f"{number}.png"), pixels)
    (toml,) = blocks("README.md", "toml")
    (tmp_path / "mine.toml").write_text(toml.replace("epochs = 20", "epochs = 1"))
    words = (
        "run",
        "mine",
        "--config",
        "mine.toml",
        "--data-root",
        "data",
        "--select",
        "seed=1",
        "--select",
        "protocol=official",
    )
    done = ferbench(*words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "ResNet-18" in done.stdout


def test_the_example_of_a_benchmark_file_is_valid(tmp_path: Path) -> None:
    toml, _ = blocks("docs/benchmark-files.md", "toml")
    (tmp_path / "example.toml").write_text(toml)
    planned = ferbench("plan", "example", "--config", "example.toml", "--json", cwd=tmp_path)
    assert planned.returncode == 0, planned.stderr
    cells = json.loads(planned.stdout)
    assert len(cells) == 2 * 3 * (5 + 1)  # entries × seeds × (five folds, one crossing)
    assert {cell["state"] for cell in cells} == {"pending"}


def test_the_example_of_an_added_row_is_valid(tmp_path: Path) -> None:
    _, toml = blocks("docs/benchmark-files.md", "toml")
    (tmp_path / "benchmarks.toml").write_text(toml.replace('"my-method"', '"resnet"'))
    planned = ferbench("plan", "quickstart", "--select", "entry=mine", "--json", cwd=tmp_path)
    assert planned.returncode == 0, planned.stderr
    assert {cell["state"] for cell in json.loads(planned.stdout)} == {"pending"}


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("readme", READMES, ids=named)
def test_what_a_plugins_readme_shows_of_a_benchmark_file_is_valid(readme: Path) -> None:
    for text in blocks(named(readme), "toml"):
        shown = tomllib.loads(text)
        benchmarks = {name: {**tomllib.loads(REST), **part} for name, part in shown.get("benchmark", {}).items()}
        file = BenchmarkFile.model_validate_json(json.dumps({**shown, "benchmark": benchmarks}))
        for benchmark in file.benchmark.values():
            for entry in benchmark.entry:
                provided = discover().method(entry.method, named(readme))
                parse_options(provided.entry.config, entry.options, named(readme))


@cache
def is_command(word: str) -> bool:
    return ferbench(word, "--help", cwd=ROOT).returncode == 0


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_commands_and_links_of_the_documents_exist(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    for word in re.findall(r"(?:^\$ |&& |`)(?:uv run )?ferbench ([a-z-]+)", text, flags=re.MULTILINE):
        assert is_command(word), f"{document.name}: ferbench {word}"
    for target in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (document.parent / target).exists(), f"{document.name} links to {target}"
