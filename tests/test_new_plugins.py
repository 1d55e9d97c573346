"""A plugin begun from the template: of every kind it builds, installs beside ferbench, passes its own tests, runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from environments import command, environment

from ferbench.errors import ConfigError, InputError
from ferbench.templates.write import KINDS, write_plugin


@pytest.fixture(scope="module")
def beside(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of commands of a fresh environment beside this one."""
    return environment(tmp_path_factory.mktemp("beside"))


NAMES = {
    "method": "my-method",
    "dataset": "ferbench-drawn",
    "preprocessor": "even-light",
    "metric": "top-two",
    "protocol": "by-lot",
}


@pytest.mark.parametrize("kind", KINDS)
def test_it_builds_installs_passes_its_tests_and_runs(kind: str, beside: Path, tmp_path: Path) -> None:
    name = NAMES[kind]
    plain, folder = name.removeprefix("ferbench-"), tmp_path / name
    written = list(write_plugin(name, kind, folder, 'Ada "A." Lovelace'))
    assert {path.name for path in written} >= {"pyproject.toml", "README.md", "LICENSE", "test.yml", "plugin.py"}
    assert not [path for path in written if "{" in path.name or "{{ " in path.read_text().replace("${{ ", "")]
    command("uv", "build", "--wheel", "--quiet", "--out-dir", tmp_path / "dist", folder, cwd=tmp_path)
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    python = beside / "python"
    command("uv", "pip", "install", "--quiet", "--no-deps", "--python", python, wheel, cwd=tmp_path)
    command(python, "-m", "ruff", "check", folder, cwd=folder)
    command(python, "-m", "ruff", "format", "--check", folder, cwd=folder)
    command(python, "-m", "pytest", "-q", cwd=folder)
    call = (python, "-m", "ferbench.cli")
    checked = json.loads(command(*call, "plugin", "check", name, "--json", cwd=folder).stdout)
    assert [(one["name"], one["findings"], one["left_out"]) for one in checked] == [(plain, [], "")]
    assert checked[0]["checks"] >= 4
    root = []
    if kind == "dataset":
        command(*call, "data", "replica", plain, "--out", tmp_path / "data" / plain, cwd=folder)
        command(*call, "data", "verify", plain, "--data-root", tmp_path / "data" / plain, cwd=folder)
        root = ["--data-root", tmp_path / "data"]
    done = command(*call, "run", plain, "--workers", "1", *root, cwd=folder)
    assert f"# {plain}: " in done.stdout
    command("uv", "pip", "uninstall", "--quiet", "--python", python, name, cwd=tmp_path)


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
