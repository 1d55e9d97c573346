"""What every test of Ada-DF may ask for."""

from __future__ import annotations

import os

import pytest
from ada_df_toys import Toys

os.environ.setdefault("OMP_NUM_THREADS", "1")  # the networks are tiny: threads would only wait for each other


@pytest.fixture
def toys() -> Toys:
    """Return the maker of small methods."""
    return Toys()
