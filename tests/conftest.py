"""What every test gets: a cache of its own, and a registry of the core and a small plugin."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import toyfaces.plugin
from hypothesis import HealthCheck, settings

import ferbench.builtin
from ferbench.plugins import Registry, discover

os.environ.setdefault("OMP_NUM_THREADS", "1")  # the networks are tiny: threads would only wait for each other
os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"  # it asks the network for updates at import

# Shared machines are slow now and then: a deadline would measure them, not the code.
settings.register_profile("quick", max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("quick")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give each test its own empty cache, so that nothing of the user's is read or written."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("FERBENCH_CACHE", str(folder))
    return folder


@pytest.fixture
def registry() -> Registry:
    """Return the core's entries and the toys', whatever else is installed."""
    found = discover([("core", ferbench.builtin), ("toyfaces", toyfaces.plugin)], installed=False)
    assert found.problems == []
    return found
