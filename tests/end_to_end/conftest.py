"""Workbenches for the end-to-end tests."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from workbench import STRANGER, Workbench


@pytest.fixture
def bench(tmp_path: Path) -> Workbench:
    """Return an empty workbench with the stranger's plugin."""
    return Workbench(tmp_path)


@pytest.fixture
def copied(tmp_path: Path) -> Callable[[], Workbench]:
    """Return a maker of workbenches with a copy of the stranger's plugin, for tests that edit its source."""

    def make() -> Workbench:
        plugin = tmp_path / "plugin"
        shutil.copytree(STRANGER, plugin, ignore=shutil.ignore_patterns("__pycache__"))
        return Workbench(tmp_path, plugin)

    return make
