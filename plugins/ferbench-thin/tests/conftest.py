"""What every test of THIN may ask for."""

from __future__ import annotations

import os

import pytest
from thin_toys import Toys

os.environ.setdefault("OMP_NUM_THREADS", "1")  # the networks are tiny: threads would only wait for each other


@pytest.fixture
def toys() -> Toys:
    """Return the maker of small methods."""
    return Toys()
