"""Which network computes the embeddings: its file and its version, without importing dlib."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from functools import lru_cache
from pathlib import Path

from ferbench.canonical import file_digest
from ferbench.errors import WeightsError

PACKAGE = "face_recognition_models"
FILE = "dlib_face_recognition_resnet_model_v1.dat"
ENGINE = "dlib-bin"


def find_network() -> Path | None:
    """Return the network's file; None where it is not installed.

    The package that carries it is not imported: it needs `pkg_resources`, which is no longer everywhere.
    """
    found = importlib.util.find_spec(PACKAGE)
    folders = found.submodule_search_locations or [] if found is not None else []
    paths = (Path(folder) / "models" / FILE for folder in folders)
    return next((path for path in paths if path.is_file()), None)


def network_path() -> Path:
    """Return the network's file.

    Raises:
        WeightsError: it is not installed.
    """
    path = find_network()
    if path is None:
        raise WeightsError(
            expected=f"models/{FILE} in the package {PACKAGE}",
            found="no such file",
            where="the installed packages",
            remedy="install face-recognition-models again",
        )
    return path


@lru_cache(maxsize=1)
def version() -> str:
    """Return what decides the embeddings: dlib's version and the start of the file's SHA-256, read once a process.

    What is not installed is called `none`: plugins can still be listed, and deriving says what is missing.
    """
    try:
        engine = importlib.metadata.version(ENGINE)
    except importlib.metadata.PackageNotFoundError:
        engine = "none"
    path = find_network()
    return f"{ENGINE} {engine}, network {'none' if path is None else file_digest(path)[:16]}"
