"""Data sets of one release may share a folder below `--data-root`; one of the own name goes first."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import toyfaces.plugin
from typer.testing import CliRunner

from ferbench import DatasetEntry, hookimpl
from ferbench.cli.data import data_app
from ferbench.config import DatasetChoice
from ferbench.errors import DataError, PluginError
from ferbench.plugins import Registry, discover
from ferbench.resolve import Resolver


class Family:
    """A plugin with two data sets of one release."""

    @hookimpl
    def ferbench_datasets(self) -> list[DatasetEntry]:
        (at_home,) = (entry for entry in toyfaces.plugin.ferbench_datasets() if entry.name == "toy-at-home")
        return [replace(at_home, name=name, folder="toy-family") for name in ("toy-one", "toy-family")]


@pytest.fixture
def registry() -> Registry:
    found = discover([("family", Family())], installed=False)
    assert found.problems == []
    return found


def root(registry: Registry, parent: Path | None, name: str, source: str | None = None) -> Path | None:
    return Resolver(registry, data_root=parent).source(DatasetChoice(name=name, source=source), "a test").root


def test_a_shared_folder_serves_where_there_is_none_of_the_own_name(registry: Registry, tmp_path: Path) -> None:
    (tmp_path / "toy-family").mkdir()
    assert root(registry, tmp_path, "toy-one") == tmp_path / "toy-family"
    (tmp_path / "toy-one").mkdir()
    assert root(registry, tmp_path, "toy-one") == tmp_path / "toy-one"
    assert root(registry, tmp_path, "toy-family") == tmp_path / "toy-family"


def test_the_name_in_the_benchmark_is_the_own_name(registry: Registry, tmp_path: Path) -> None:
    for folder in ("mine", "toy-one", "toy-family"):
        (tmp_path / folder).mkdir()
    assert root(registry, tmp_path, "mine", "toy-one") == tmp_path / "mine"
    (tmp_path / "mine").rmdir()
    assert root(registry, tmp_path, "mine", "toy-one") == tmp_path / "toy-family"


def test_both_folders_are_named_where_neither_is_there(registry: Registry, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="toy-one in its own folder below --data-root, or in toy-family, which"):
        root(registry, tmp_path, "toy-one")
    with pytest.raises(DataError, match="toy-family in its own folder below --data-root; found"):
        root(registry, tmp_path, "toy-family")
    with pytest.raises(
        DataError, match="a folder that holds the data set as 'toy-one' or 'toy-family'; found no --data"
    ):
        root(registry, None, "toy-one")


@pytest.mark.parametrize("folder", ["../elsewhere", "", "/", "a/b"])
def test_a_folder_is_a_name_and_no_path(registry: Registry, folder: str) -> None:
    entry = registry.dataset("toy-one", "a test").entry
    with pytest.raises(PluginError, match="data set's folder"):
        replace(entry, folder=folder)


def test_list_and_layout_tell_the_folder(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ferbench.plugins.discover", lambda: registry)
    listed = CliRunner().invoke(data_app, ["list"]).output
    assert "toy-one: Coloured squares (your files, under --data-root/toy-family;" in listed
    rows = json.loads(CliRunner().invoke(data_app, ["list", "--json"]).output)
    assert {row["name"]: row["folder"] for row in rows} == {"toy-one": "toy-family", "toy-family": "toy-family"}
    assert "toy-family, or one of its own name" in CliRunner().invoke(data_app, ["layout", "toy-one"]).output
