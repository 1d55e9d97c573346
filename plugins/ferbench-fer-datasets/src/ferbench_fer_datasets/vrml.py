"""Textured meshes in VRML 2.0 (ISO/IEC 14772-1, VRML97): one `IndexedFaceSet` with an `ImageTexture`, read strictly.

Of the language only what such files need: nodes, fields, lists, `DEF`. Prototypes, routes, scripts, `USE`, several
shapes and transforms that move anything are refused, not skipped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ferbench.errors import DataError

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

_HEADER = "#VRML V2.0 utf8"
_TOKEN = re.compile(r'#[^\n]*|"(?:[^"\\]|\\.)*"|\[[^\[\]{}"#]*\]|[\[\]{}]|[^\s,\[\]{}"#]+')
"""Comments, strings, whole lists of numbers (a scan has megabytes of them), brackets, words."""

_LITERAL = re.compile(r'["+\-.\d].*|TRUE|FALSE|NULL', re.DOTALL)
_UNMOVED = {"translation": ("0", "0", "0"), "scale": ("1", "1", "1"), "rotation": ("0",)}
"""What the last values of a transform's fields are where it leaves everything in its place."""


@dataclass(frozen=True)
class Mesh:
    """A textured surface of triangles, counter-clockwise seen from outside.

    Attributes:
        points: (P, 3) x, y, z.
        triangles: (T, 3) points.
        places: (U, 2) in the texture: u to the right, v upwards, 0 to 1.
        place_triangles: (T, 3) places of the triangles' corners.
        texture: the texture's file, as the mesh's own names it, without folders.
    """

    points: Floats
    triangles: Ints
    places: Floats
    place_triangles: Ints
    texture: str


@dataclass
class Node:
    """A node: its type and its fields, each a list of literals, or of nodes."""

    kind: str
    values: dict[str, list[str]] = field(default_factory=dict)
    nodes: dict[str, list[Node]] = field(default_factory=dict)

    def below(self) -> Iterator[Node]:
        """Yield this node and all nodes in it."""
        yield self
        for nodes in self.nodes.values():
            for node in nodes:
                yield from node.below()


def read_mesh(path: Path) -> Mesh:
    """Read a mesh.

    Args:
        path: a `.wrl` file.

    Raises:
        DataError: it is no VRML 2.0, is cut short, holds no or several shapes, or its indices and coordinates do not
            fit together.
    """
    text = path.read_text(encoding="utf-8", errors="replace")
    if not text.startswith(_HEADER):
        raise _wrong(path, f"the first line {_HEADER!r}", repr(text[:30]))
    try:
        roots = _Parser(_TOKEN.findall(text), path).roots()
    except (IndexError, RecursionError):
        raise _wrong(path, "a whole VRML file", "one that ends within a node") from None
    nodes = [node for root in roots for node in root.below()]
    for node in nodes:
        if node.kind == "Transform" and _moves(node):
            raise _wrong(path, "a mesh in its own coordinates", "a Transform that moves it")
    shape = _only(nodes, "Shape", path)
    faces, texture = (_only(list(shape.below()), kind, path) for kind in ("IndexedFaceSet", "ImageTexture"))
    return _mesh(faces, texture, path)


def _wrong(path: Path, expected: str, found: str) -> DataError:
    return DataError(
        expected=expected,
        found=found,
        where=str(path),
        remedy="copy the file anew from the release; other kinds of VRML files are not read",
    )


class _Parser:
    """Reads nodes from tokens. Runs out of tokens with an IndexError."""

    def __init__(self, tokens: Sequence[str], path: Path) -> None:
        self._tokens = [token for token in tokens if token[0] != "#"]
        self._at = 0
        self._path = path

    def roots(self) -> list[Node]:
        found = []
        while self._at < len(self._tokens):
            found.append(self._node())
        return found

    def _next(self) -> str:
        token = self._tokens[self._at]
        self._at += 1
        return token

    def _node(self) -> Node:
        kind = self._next()
        if kind == "DEF":
            self._next()
            kind = self._next()
        if self._next() != "{":
            raise _wrong(self._path, "nodes such as 'Shape { … }'", f"{kind!r} without one")
        node = Node(kind)
        while (name := self._next()) != "}":
            if self._is_literal(name) or name[0] in "[]{":
                raise _wrong(self._path, f"the name of a field of {kind}", repr(name))
            self._field(node, name)
        return node

    def _field(self, node: Node, name: str) -> None:
        first = self._tokens[self._at]
        if first.startswith("["):
            self._at += 1
            if first != "[":
                node.values[name] = first[1:-1].replace(",", " ").split()
            elif self._begins_node():
                node.nodes[name] = self._listed_nodes()
            else:
                node.values[name] = self._listed()
        elif self._begins_node():
            node.nodes[name] = [self._node()]
        else:
            node.values[name] = self._literals()
            if not node.values[name]:
                raise _wrong(self._path, f"a value of {node.kind}.{name}", repr(first))

    def _literals(self) -> list[str]:
        start = self._at
        while self._is_literal(self._tokens[self._at]):
            self._at += 1
        return list(self._tokens[start : self._at])

    def _listed_nodes(self) -> list[Node]:
        found = []
        while self._tokens[self._at] != "]":
            found.append(self._node())
        self._at += 1
        return found

    def _listed(self) -> list[str]:
        try:
            end = self._tokens.index("]", self._at)
        except ValueError:
            raise IndexError from None
        values = self._tokens[self._at : end]
        self._at = end + 1
        return values

    def _begins_node(self) -> bool:
        return self._tokens[self._at] == "DEF" or self._tokens[self._at + 1] == "{"

    def _is_literal(self, token: str) -> bool:
        return _LITERAL.fullmatch(token) is not None


def _moves(node: Node) -> bool:
    for name, still in _UNMOVED.items():
        values = node.values.get(name, list(still))
        if [float(value) for value in values[-len(still) :]] != [float(value) for value in still]:
            return True
    return False


def _only(nodes: Sequence[Node], kind: str, path: Path) -> Node:
    found = [node for node in nodes if node.kind == kind]
    if len(found) != 1:
        raise _wrong(path, f"one {kind}", str(len(found)) if found else "none")
    return found[0]


def _mesh(faces: Node, texture: Node, path: Path) -> Mesh:
    points = _vectors(faces, "coord", 3, path)
    places = _vectors(faces, "texCoord", 2, path)
    if len(places) and (places.min() < -_SLACK or places.max() > 1 + _SLACK):
        raise _wrong(path, "texture coordinates from 0 to 1", f"{places.min():g} to {places.max():g}")
    index = _indices(faces, "coordIndex", path)
    place_index = _indices(faces, "texCoordIndex", path) if "texCoordIndex" in faces.values else index
    if not np.array_equal(index < 0, place_index < 0):
        raise _wrong(path, "a place in the texture for every corner", "coordIndex and texCoordIndex of other shapes")
    triangles, place_triangles = _triangles(index), _triangles(place_index)
    for name, corners, count in (
        ("coordIndex", triangles, len(points)),
        ("texCoordIndex", place_triangles, len(places)),
    ):
        if not len(corners) or corners.max() >= count:
            found = f"{corners.max()} where there are {count}" if len(corners) else "no face"
            raise _wrong(path, f"{name} of faces between the points there are", found)
    if faces.values.get("ccw") == ["FALSE"]:
        triangles, place_triangles = triangles[:, ::-1], place_triangles[:, ::-1]
    return Mesh(points, triangles, np.clip(places, 0, 1), place_triangles, _file(texture, path))


_SLACK = 1e-3
"""How far rounding may take a texture coordinate out of the texture."""


def _vectors(faces: Node, name: str, size: int, path: Path) -> Floats:
    inner = faces.nodes.get(name, [])
    words = inner[0].values.get("point", []) if inner else []
    try:
        numbers = np.array(words, dtype=np.float32)
    except ValueError as error:
        raise _wrong(path, f"numbers in {name}", str(error)) from None
    if not len(numbers) or len(numbers) % size or not np.isfinite(numbers).all():
        raise _wrong(path, f"{name} with points of {size} finite numbers", f"{len(numbers)} numbers")
    return numbers.reshape(-1, size)


def _indices(faces: Node, name: str, path: Path) -> Ints:
    try:
        numbers = np.array(faces.values.get(name, []), dtype=np.int64)
    except ValueError as error:
        raise _wrong(path, f"whole numbers in {name}", str(error)) from None
    if len(numbers) and numbers.min() < -1:
        raise _wrong(path, f"{name} of points, and −1 after each face", str(numbers.min()))
    return numbers if not len(numbers) or numbers[-1] == -1 else np.append(numbers, -1)


def _triangles(index: Ints) -> Ints:
    """Split polygons, each followed by −1, into triangles (T, 3) about their first corners."""
    if len(index) % 4 == 0 and (index[3::4] == -1).all() and (index.reshape(-1, 4)[:, :3] >= 0).all():
        return index.reshape(-1, 4)[:, :3]
    polygons = np.split(index, np.flatnonzero(index == -1) + 1)
    fans = [(face[0], face[k], face[k + 1]) for face in polygons for k in range(1, len(face) - 2)]
    return np.array(fans, dtype=np.int64).reshape(-1, 3)


def _file(texture: Node, path: Path) -> str:
    urls = texture.values.get("url", [])
    if len(urls) != 1 or not urls[0].startswith('"'):
        raise _wrong(path, "one url of the texture", str(len(urls)))
    return re.split(r"[/\\]+", urls[0].strip('"'))[-1]
