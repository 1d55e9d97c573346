"""Shared by the tests: a cache of their own, the entries, replicas that are written once, sources opened on them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

import ferbench_controlled.plugin
from ferbench import DataSource
from ferbench.data.replica import ReplicaSite, write_replica
from ferbench.options import parse_options
from ferbench.plugins import Registry, discover, import_factory

os.environ.setdefault("OMP_NUM_THREADS", "1")

# Shared machines are slow now and then: a deadline would measure them, not the code.
settings.register_profile("quick", max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("quick")


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
    found = discover([("controlled", ferbench_controlled.plugin)], installed=False)
    assert found.problems == []
    return found


@pytest.fixture(scope="session")
def replica(registry: Registry, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return the folder of a data set's replica, written at the first call. To be read only: spoil a `copy_of` it."""
    written: dict[str, Path] = {}

    def folder(name: str) -> Path:
        if name not in written:
            written[name] = tmp_path_factory.mktemp("replicas") / name
            write_replica(registry.dataset(name, "a test"), ReplicaSite(written[name], subjects=9))
        return written[name]

    return folder


@pytest.fixture
def copy_of(replica: Callable[[str], Path], tmp_path: Path) -> Callable[[str], Path]:
    """Return a fresh copy of a data set's replica, to spoil."""

    def copied(name: str) -> Path:
        return Path(shutil.copytree(replica(name), tmp_path / name))

    return copied


@pytest.fixture(scope="session")
def opened(registry: Registry) -> Callable[..., DataSource[Any]]:
    """Return a data set's source: `opened("mnist-r", folder, draws=2)`."""

    def source(name: str, root: Path | None = None, /, **options: Any) -> DataSource[Any]:
        provided = registry.dataset(name, "a test")
        made: DataSource[Any] = import_factory(provided)(parse_options(provided.entry.options, options, "a test"), root)
        return made

    return source


@pytest.fixture(scope="session")
def rows(opened: Callable[..., DataSource[Any]], tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """Return the loaded rows of a data set by id: `rows("mnist-r", folder, draws=2)`, images as (28, 28) arrays."""
    from ferbench import Site

    def loaded(name: str, root: Path | None = None, /, **options: Any) -> dict[str, dict[str, Any]]:
        data = opened(name, root, **options).load(Site(tmp_path_factory.mktemp("site")))
        names = data.features["label"].names
        found = {row["id"]: {**row, "image": np.asarray(row["image"]), "label": names[row["label"]]} for row in data}
        assert len(found) == len(data)  # no id twice
        assert set(data.column_names) == opened(name, root, **options).columns()
        return found

    return loaded
