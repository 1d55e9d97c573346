"""Reading VRML 2.0: what such files hold, and whatever can be wrong with one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ferbench.errors import DataError
from ferbench_fer_datasets.bu_3dfe_replica import as_vrml
from ferbench_fer_datasets.vrml import Mesh, read_mesh

PYRAMID = """#VRML V2.0 utf8
# a "comment" with { brackets ]
DEF Head Group { children [
  Transform { translation 0 0 0 rotation 0 1 0 0 children Shape {
    appearance Appearance {
      material Material { diffuseColor 1 1 1, transparency 0 }
      texture ImageTexture { url [ "C:\\\\scans\\\\face.bmp" ] repeatS FALSE }
    }
    geometry DEF Mesh IndexedFaceSet {
      solid FALSE creaseAngle 1.5
      coord Coordinate { point [ 0 0 0, 1 0 0, 1 1 0, 0 1e0 0, .5 0.5 -1.5 ] }
      coordIndex [ 0 1 2 3 -1, 0, 4, 1, -1 ]
      texCoord TextureCoordinate { point [ 0 0, 1 0, 1 1, 0 1 ] }
      texCoordIndex [ 0 1 2 3 -1 0 2 1 -1 ]
    }
  } }
] }
Viewpoint { position 0 0 10 description "from the front # no comment" }
"""


@pytest.fixture
def read(tmp_path: Path) -> Callable[[str], Mesh]:
    def reading(text: str) -> Mesh:
        path = tmp_path / "F0001_AN01WH_F3D.wrl"
        path.write_text(text)
        return read_mesh(path)

    return reading


def test_a_mesh_is_read(read: Callable[[str], Mesh]) -> None:
    mesh = read(PYRAMID)
    np.testing.assert_allclose(mesh.points[3:], [[0, 1, 0], [0.5, 0.5, -1.5]])
    # The square is split about its first corner.
    np.testing.assert_array_equal(mesh.triangles, [[0, 1, 2], [0, 2, 3], [0, 4, 1]])
    np.testing.assert_array_equal(mesh.place_triangles, [[0, 1, 2], [0, 2, 3], [0, 2, 1]])
    np.testing.assert_allclose(mesh.places, [[0, 0], [1, 0], [1, 1], [0, 1]])
    assert mesh.texture == "face.bmp"


def test_clockwise_faces_are_turned(read: Callable[[str], Mesh]) -> None:
    mesh = read(PYRAMID.replace("solid FALSE", "ccw FALSE"))
    np.testing.assert_array_equal(mesh.triangles[0], [2, 1, 0])
    np.testing.assert_array_equal(mesh.place_triangles[0], [2, 1, 0])


def test_without_its_own_the_texture_has_the_points_indices(read: Callable[[str], Mesh]) -> None:
    mesh = read(
        PYRAMID.replace("0 4 1", "0 2 1").replace("0, 4, 1, -1", "0, 2, 1").replace("texCoordIndex", "colorIndex")
    )
    np.testing.assert_array_equal(mesh.place_triangles, mesh.triangles)


@given(
    points=hnp.arrays(np.float32, (5, 3), elements=st.floats(-200, 200, width=32)),
    triangles=hnp.arrays(np.int64, (4, 3), elements=st.integers(0, 4)),
    places=hnp.arrays(np.float32, (6, 2), elements=st.floats(0, 1, width=32)),
    corners=hnp.arrays(np.int64, (4, 3), elements=st.integers(0, 5)),
)
def test_what_the_replica_writes_is_read_back(
    tmp_path_factory: pytest.TempPathFactory,
    points: np.ndarray,
    triangles: np.ndarray,
    places: np.ndarray,
    corners: np.ndarray,
) -> None:
    path = tmp_path_factory.mktemp("mesh") / "mesh.wrl"
    path.write_text(as_vrml(Mesh(points, triangles, places, corners, "texture.bmp")))
    mesh = read_mesh(path)
    np.testing.assert_allclose(mesh.points, points, atol=0.006)
    np.testing.assert_allclose(mesh.places, places, atol=0.0001)
    np.testing.assert_array_equal(mesh.triangles, triangles)
    np.testing.assert_array_equal(mesh.place_triangles, corners)
    assert mesh.texture == "texture.bmp"


WRONG = {
    "another version": (("#VRML V2.0", "#VRML V1.0"), "the first line '#VRML V2.0 utf8'"),
    "an empty list of points": (("0 0 0, 1 0 0, 1 1 0, 0 1e0 0, .5 0.5 -1.5", ""), "coord with points of 3"),
    "half a point": ((", .5 0.5 -1.5", ", .5 0.5"), "coord with points of 3 finite numbers; found 14"),
    "no number": (("1e0", "1,0x"), "numbers in coord"),
    "not finite": (("1e0", "nan"), "coord with points of 3 finite numbers"),
    "an index too high": (("0, 4, 1, -1", "0, 5, 1, -1"), "coordIndex of faces between .*found 5 where there are 5"),
    "a place too high": (("0 2 1 -1", "0 4 1 -1"), "texCoordIndex of faces between .*found 4 where there are 4"),
    "a broken index": (("0, 4, 1, -1", "0, 4.5, 1, -1"), "whole numbers in coordIndex"),
    "a negative index": (("0, 4, 1, -1", "0, -4, 1, -1"), "coordIndex of points, and −1 after each face; found -4"),
    "other faces in the texture": (("0 2 1 -1", "0 2 1 3 -1"), "a place in the texture for every corner"),
    "no face": (("0 1 2 3 -1, 0, 4, 1, -1", "-1"), "a place in the texture for every corner"),
    "out of the texture": (
        ("point [ 0 0, 1 0,", "point [ 0 0, 1.5 0,"),
        "texture coordinates from 0 to 1; found 0 to 1.5",
    ),
    "no texture": (("texture ImageTexture", "texture MovieTexture"), "one ImageTexture; found none"),
    "no url": (('url [ "C:\\\\scans\\\\face.bmp" ]', "url [ ]"), "one url of the texture; found 0"),
    "no surface": (("IndexedFaceSet", "IndexedLineSet"), "one IndexedFaceSet; found none"),
    "moved": (("translation 0 0 0", "translation 0 1 0"), "a Transform that moves it"),
    "scaled": (("translation 0 0 0", "scale 1 1 2"), "a Transform that moves it"),
    "turned": (("rotation 0 1 0 0", "rotation 0 1 0 0.5"), "a Transform that moves it"),
    "used again": (("Viewpoint {", "USE Mesh Viewpoint {"), "nodes such as"),
    "no value": (("solid FALSE", "solid { }"), "a value of IndexedFaceSet.solid"),
    "no name": (("solid FALSE", "solid FALSE ]"), "the name of a field of IndexedFaceSet"),
}


@pytest.mark.parametrize("fault", WRONG)
def test_each_fault_is_told(fault: str, read: Callable[[str], Mesh]) -> None:
    (old, new), message = WRONG[fault]
    assert old in PYRAMID
    with pytest.raises(DataError, match=message) as caught:
        read(PYRAMID.replace(old, new, 1))
    assert caught.value.where.endswith("F0001_AN01WH_F3D.wrl")


def test_two_shapes_are_refused(read: Callable[[str], Mesh]) -> None:
    with pytest.raises(DataError, match="one Shape; found 2"):
        read(PYRAMID + "Shape { }")


@given(st.integers(len("#VRML V2.0 utf8"), PYRAMID.index("Viewpoint") - 3))
def test_a_file_cut_short_is_refused_wherever_it_ends(tmp_path_factory: pytest.TempPathFactory, length: int) -> None:
    path = tmp_path_factory.mktemp("mesh") / "mesh.wrl"
    path.write_text(PYRAMID[:length])
    with pytest.raises(DataError):
        read_mesh(path)
