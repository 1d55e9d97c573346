"""The data sources: their identity, their columns, and how they load."""

from __future__ import annotations

import hashlib
import importlib.metadata
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from ferbench.datasource import DataSource, Site
from ferbench_synthfaces import assets
from ferbench_synthfaces.options import FaceOptions

if TYPE_CHECKING:
    import datasets

COLUMNS = (
    "id",
    "image",
    "label",
    "split",
    "subject",
    "pose",
    "pitch",
    "roll",
    "landmarks",
    "landmarks_visible",
    "box",
    "light_azimuth",
    "light_elevation",
    "light_strength",
    "domain",
    "intensity",
    "mixture",
    "sex",
    "age",
    "ancestry",
    "occluder",
)

_DRAWING_LIBRARIES = ("numpy", "opencv-python-headless")
"""Another release of these may draw another pixel, or another random number."""

_NOT_RENDERING = ("__init__.py", "plugin.py", "cards.py", "contact_sheet.py")
"""Source files whose change leaves every image as it was."""


@lru_cache(maxsize=1)
def source_hash() -> str:
    """Return the SHA-256 of this plugin's rendering source files."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        if path.name not in _NOT_RENDERING:
            digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


class SynthFaces(DataSource[FaceOptions]):
    """Rendered faces of one domain."""

    domain: ClassVar[str]

    def identity(self) -> Mapping[str, Any]:
        """Return what decides the images: domain, options, hashes of renderer and assets, and library versions."""
        return {
            "generator": "ferbench-synthfaces",
            "domain": self.domain,
            "options": self.options.model_dump(mode="json"),
            "source": source_hash(),
            "assets": assets.fingerprint(),
            "libraries": {name: importlib.metadata.version(name) for name in _DRAWING_LIBRARIES},
        }

    def columns(self) -> frozenset[str]:
        """Return the names of the columns."""
        return frozenset(COLUMNS)

    def load(self, site: Site) -> datasets.Dataset:
        """Render what the cache lacks, and return the data set, mapped from the cache's files."""
        from ferbench_synthfaces.dataset import load_rendered

        return load_rendered(self.domain, self.options, site)


class Studio(SynthFaces):
    """Posed faces before a plain background, at fixed yaws."""

    domain = "studio"


class Wild(SynthFaces):
    """Faces in any pose, light and place; weak and mixed expressions."""

    domain = "wild"


class Identity(SynthFaces):
    """Many subjects, for pretraining on who a face belongs to."""

    domain = "identity"
