"""Shared by the tests of every data set: replicas, each written once; copies to spoil; sources opened on them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import datasets
import pytest
from hypothesis import HealthCheck, settings

import ferbench_fer_datasets.plugin
from ferbench import Site
from ferbench.data.files import FileSource
from ferbench.data.findings import Finding
from ferbench.data.replica import ReplicaSite, write_replica
from ferbench.options import parse_options
from ferbench.plugins import Registry, discover, import_factory

os.environ.setdefault("OMP_NUM_THREADS", "1")

# Shared machines are slow now and then: a deadline would measure them, not the code.
settings.register_profile("quick", max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("quick")

Open = Callable[..., FileSource[Any]]


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Keep away from the user's cache; the tests share one of their own."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FERBENCH_CACHE", str(folder))
        yield folder


@pytest.fixture(scope="session")
def registry() -> Registry:
    """Return this plugin's entries, whatever else is installed."""
    found = discover([("fer-datasets", ferbench_fer_datasets.plugin)], installed=False)
    assert found.problems == []
    return found


@pytest.fixture(scope="session")
def replica(registry: Registry, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return the folder of a data set's replica, written at the first call. To be read only: spoil a `copy_of` it."""
    written: dict[str, Path] = {}

    def folder(name: str) -> Path:
        if name not in written:
            target = tmp_path_factory.mktemp("replicas") / name
            write_replica(registry.dataset(name, "a test"), ReplicaSite(target))
            written[name] = target
        return written[name]

    return folder


@pytest.fixture
def copy_of(replica: Callable[[str], Path], tmp_path: Path) -> Callable[[str], Path]:
    """Return a fresh copy of a data set's replica, to spoil."""

    def copied(name: str) -> Path:
        return Path(shutil.copytree(replica(name), tmp_path / name))

    return copied


@pytest.fixture
def opened(registry: Registry) -> Open:
    """Return a data set's source on a folder: `opened("raf-db", folder, images="original")`."""

    def source(name: str, root: Path, /, **options: Any) -> FileSource[Any]:
        provided = registry.dataset(name, "a test")
        made = import_factory(provided)(parse_options(provided.entry.options, options, "a test"), root)
        assert isinstance(made, FileSource)
        return made

    return source


@pytest.fixture
def rows(opened: Open, tmp_path: Path) -> Callable[..., datasets.Dataset]:
    """Return the loaded rows of a data set: `rows("raf-db", folder, images="original")`."""

    def loaded(name: str, root: Path, /, **options: Any) -> datasets.Dataset:
        return opened(name, root, **options).load(Site(tmp_path / "site"))

    return loaded


@pytest.fixture
def finding(opened: Open) -> Callable[..., Finding]:
    """Return the one finding of a folder, whatever follows from it in the counts aside."""

    def only(name: str, root: Path, /, **options: Any) -> Finding:
        found = [one for one in opened(name, root, **options).index.findings if one.check != "count"]
        assert len(found) == 1, found
        return found[0]

    return only
