"""Digests of the source code that can change a number: part of every cell's id."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from ferbench.canonical import source_digest
from ferbench.plugins import package_files

_CORE = Path(__file__).parent
_MEASURING = ("metrics", "predictions.py")
_PREPARING = (
    "data/attributes.py",
    "data/detection.py",
    "data/files.py",
    "data/given_division.py",
    "data/hugging_face.py",
    "data/image_folder.py",
    "data/pieces.py",
    "data/prepare.py",
    "data/preprocess.py",
)
_DERIVING = ("data/derive.py", "data/pose.py")
_RUNNING = ("run/cell.py", "run/division.py", "run/faceless.py", "run/outcome.py", "run/work.py", "run/worker.py")
_REPRESENTING = ("representation", "run/representation.py")
_TRAINING = ("train", "protocols", "data/store.py", "labels.py", "weights.py", *_RUNNING)


@cache
def package_source(package: str) -> str:
    """Return the digest of all Python files of a plugin's package; of the core's, those that train."""
    if package == "ferbench":
        return core_source()
    return source_digest(*package_files(package))


@cache
def core_source() -> str:
    """Return the digest of the core's code that trains, splits, loads weights and predicts."""
    return _digest(_TRAINING)


@cache
def metric_source(package: str) -> str:
    """Return the digest of the code of a plugin's metrics, or of the core's."""
    return _digest(_MEASURING) if package == "ferbench" else f"{_digest(_MEASURING)}+{package_source(package)}"


@cache
def representation_source(package: str) -> str:
    """Return the digest of the code of a plugin's representation metrics, or of the core's."""
    return _digest(_REPRESENTING) if package == "ferbench" else f"{_digest(_REPRESENTING)}+{package_source(package)}"


@cache
def preparing_source(*packages: str) -> str:
    """Return the digest of the core's loading and preparing code, and of the plugin packages that take part."""
    others = sorted({package for package in packages if package != "ferbench"})
    return "+".join([_digest(_PREPARING), *(package_source(package) for package in others)])


@cache
def deriving_source(package: str) -> str:
    """Return the digest of the code that derives attributes: the core's, and a plugin's package."""
    return _digest(_DERIVING) if package == "ferbench" else f"{_digest(_DERIVING)}+{package_source(package)}"


def training_sources(method: str, protocol: str) -> dict[str, str]:
    """Return the digests of the code behind a training: the core's, the method's and the protocol's packages."""
    return {"core": core_source(), "method": package_source(method), "protocol": package_source(protocol)}


def _digest(parts: tuple[str, ...]) -> str:
    files = [
        path for part in parts for path in ([_CORE / part] if part.endswith(".py") else (_CORE / part).rglob("*.py"))
    ]
    return source_digest(_CORE, files)
