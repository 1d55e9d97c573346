"""What every test of THIN may ask for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from thin_toys import Toys

from ferbench.data.replica import ReplicaSite, write_replica
from ferbench.plugins import discover

os.environ.setdefault("OMP_NUM_THREADS", "1")  # the networks are tiny: threads would only wait for each other
REPLICAS = {"mnist-r": 12, "dsprites": 12, "raf-db": 2, "affectnet-7": 2, "expw": 2}


@pytest.fixture
def toys() -> Toys:
    """Return the maker of small methods."""
    return Toys()


@pytest.fixture(scope="session")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a parent folder of replicas of the paper's data sets."""
    folder, registry = tmp_path_factory.mktemp("releases"), discover()
    for name, subjects in REPLICAS.items():
        provided = registry.dataset(name, "a test")
        write_replica(provided, ReplicaSite(folder / (provided.entry.folder or name), subjects))
    return folder
