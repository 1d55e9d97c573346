"""What every test of Ada-DF may ask for, and a cache of their own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from ada_df_toys import Toys

os.environ.setdefault("OMP_NUM_THREADS", "1")  # the networks are tiny: threads would only wait for each other


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Keep away from the user's cache; the tests share one of their own."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FERBENCH_CACHE", str(folder))
        yield folder


@pytest.fixture
def toys() -> Toys:
    """Return the maker of small methods."""
    return Toys()
