"""A plugin begun from the template: of every kind it builds, installs beside ferbench, passes its own tests, runs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from environments import command, environment

from ferbench.errors import ConfigError, InputError
from ferbench.templates.write import KINDS, write_plugin

NAMES = {
    "method": "my-method",
    "dataset": "ferbench-drawn",
    "preprocessor": "even-light",
    "metric": "top-two",
    "protocol": "by-lot",
}
PLAIN = {kind: name.removeprefix("ferbench-") for kind, name in NAMES.items()}


@dataclass(frozen=True)
class Beside:
    """One plugin of each kind, written, built and installed into a fresh environment.

    Attributes:
        python: of that environment, which has this one's packages too.
        projects: the folder of each kind's project.
        written: the files of each.
    """

    python: Path
    projects: Mapping[str, Path]
    written: Mapping[str, Sequence[Path]]

    def ferbench(self, *words: str | Path, cwd: Path) -> str:
        """Return what a ferbench command there prints."""
        return command(self.python, "-m", "ferbench.cli", *words, cwd=cwd).stdout


@pytest.fixture(scope="module")
def beside(tmp_path_factory: pytest.TempPathFactory) -> Beside:
    """Write, build and install a plugin of each kind."""
    folder = tmp_path_factory.mktemp("plugins")
    python = environment(tmp_path_factory.mktemp("beside")) / "python"
    projects = {kind: folder / NAMES[kind] for kind in KINDS}
    written = {
        kind: list(write_plugin(NAMES[kind], kind, path, 'Ada "A." Lovelace')) for kind, path in projects.items()
    }
    for project in projects.values():
        command("uv", "build", "--wheel", "--quiet", "--out-dir", folder / "dist", project, cwd=folder)
    wheels = sorted((folder / "dist").glob("*.whl"))
    assert len(wheels) == len(KINDS)
    command("uv", "pip", "install", "--quiet", "--no-deps", "--python", python, *wheels, cwd=folder)
    return Beside(python, projects, written)


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_whole_and_passes_its_own_tests(kind: str, beside: Beside) -> None:
    written, project = beside.written[kind], beside.projects[kind]
    assert {path.name for path in written} >= {"pyproject.toml", "README.md", "LICENSE", "test.yml", "plugin.py"}
    assert not [path for path in written if "{" in path.name or "{{ " in path.read_text().replace("${{ ", "")]
    command(beside.python, "-m", "ruff", "check", project, cwd=project)
    command(beside.python, "-m", "ruff", "format", "--check", project, cwd=project)
    command(beside.python, "-m", "pytest", "-q", cwd=project)


@pytest.mark.parametrize("kind", KINDS)
def test_it_passes_the_checks(kind: str, beside: Beside) -> None:
    told = beside.ferbench("plugin", "check", NAMES[kind], "--json", cwd=beside.projects[kind])
    (checked,) = json.loads(told)
    assert (checked["name"], checked["findings"], checked["left_out"]) == (PLAIN[kind], [], "")
    assert checked["checks"] >= 4


def test_their_benchmarks_run(beside: Beside, tmp_path: Path) -> None:
    text = "\n".join((project / "benchmarks.toml").read_text() for project in beside.projects.values())
    (tmp_path / "benchmarks.toml").write_text(text)
    replica = tmp_path / "data" / PLAIN["dataset"]
    beside.ferbench("data", "replica", PLAIN["dataset"], "--out", replica, cwd=tmp_path)
    beside.ferbench("data", "verify", PLAIN["dataset"], "--data-root", replica, cwd=tmp_path)
    done = beside.ferbench("run", *PLAIN.values(), "--workers", "1", "--data-root", tmp_path / "data", cwd=tmp_path)
    for name in PLAIN.values():
        assert f"# {name}: " in done


@pytest.mark.parametrize(
    "name", ["My-Method", "9lives", "my--method", "my method", "../x", "", "ferbench-3d-net", "import", "torch"]
)
def test_names_that_no_distribution_can_have_are_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="such as my-method"):
        list(write_plugin(name, "method", tmp_path / "x", ""))
    assert not (tmp_path / "x").exists()


def test_an_unknown_kind_and_a_folder_in_use_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="did you mean 'method'"):
        list(write_plugin("mine", "methode", tmp_path / "x", ""))
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="something is there"):
        list(write_plugin("mine", "method", tmp_path, ""))
