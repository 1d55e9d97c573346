"""Weights that recipes made: where they are kept, and whether they are there. No torch."""

from __future__ import annotations

from pathlib import Path

from ferbench.places import cache_folder

PARAMETERS, INFO = "weights.safetensors", "weights.json"


def weights_root() -> Path:
    """Return the folder of all trained weights, shared by all results folders."""
    return cache_folder() / "weights"


def weights_folder(identity: str) -> Path:
    """Return the folder of the weights that a training spec of this id makes."""
    return weights_root() / identity


def weights_ready(identity: str) -> bool:
    """Return whether they have been trained."""
    return (weights_folder(identity) / INFO).is_file()
