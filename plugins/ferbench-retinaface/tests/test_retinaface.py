"""The network with weights of a user's file, and what its raw output means. No trained weights are at hand here:
the network's are random, and its output is made by the test where faces have to be found."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ferbench.data.preprocess import TEMPLATE, NoFace, Prepared
from ferbench.errors import WeightsError
from ferbench.plugins import discover
from ferbench_retinaface.decoding import anchors, faces_in
from ferbench_retinaface.detector import RetinaFace
from ferbench_retinaface.network import build_network, load_network, network_input
from ferbench_retinaface.options import RetinaFaceOptions


@pytest.fixture(scope="module")
def state() -> Mapping[str, Tensor]:
    torch.manual_seed(0)
    return build_network().state_dict()


@pytest.fixture(scope="module")
def weights(state: Mapping[str, Tensor], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "retinaface.pth"
    torch.save(state, path)
    return path


class Shown(nn.Module):
    """Answers as a trained network would to faces at stated places; written from the paper's encoding, not decoded."""

    def __init__(self, *faces: tuple[np.ndarray, np.ndarray, float]) -> None:
        super().__init__()
        self.faces = faces
        self.seen: list[tuple[int, ...]] = []

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        self.seen.append(tuple(images.shape))
        height, width = images.shape[2:]
        grid = [
            ((column + 0.5) * step, (row + 0.5) * step, side)
            for step, sides in ((8, (16, 32)), (16, (64, 128)), (32, (256, 512)))
            for row in range(-(-height // step))
            for column in range(-(-width // step))
            for side in sides
        ]
        middle, side = np.asarray(grid)[:, :2], np.asarray(grid)[:, 2:]
        boxes, logits, points = np.zeros((len(grid), 4)), np.zeros((len(grid), 2)), np.zeros((len(grid), 10))
        logits[:, 0] = 8
        for box, five, confidence in self.faces:
            centre, sides = (box[:2] + box[2:]) / 2, box[2:] - box[:2]
            near = np.argsort(np.linalg.norm(middle - centre, axis=1) + np.abs(side[:, 0] - sides.mean()))[:3]
            for one in near:  # as in life, several anchors answer for one face
                boxes[one] = [*((centre - middle[one]) / side[one] / 0.1), *(np.log(sides / side[one]) / 0.2)]
                points[one] = ((five - middle[one]) / side[one] / 0.1).reshape(-1)
                logits[one] = [0, np.log(confidence / (1 - confidence))]
        return tuple(torch.from_numpy(one[None]).float() for one in (boxes, logits, points))  # type: ignore[return-value]


def showing(weights: Path, *faces: tuple[np.ndarray, np.ndarray, float], **options: Any) -> RetinaFace:
    tool = RetinaFace(RetinaFaceOptions(**options), {"detector": weights})
    tool._network = Shown(*faces)
    return tool


BOX = np.asarray([40.0, 30.0, 100.0, 110.0])
EDGE_POINTS = TEMPLATE.astype(float) * 60 + [40, 38]
"""Where the points lie counted from the outer edge, as the network does."""

IMAGE = np.random.default_rng(0).integers(0, 256, (150, 170, 3), dtype=np.uint8)


def test_faces_come_out_where_the_network_put_them_in_ferbenchs_convention(weights: Path) -> None:
    (face,) = showing(weights, (BOX, EDGE_POINTS, 0.9)).faces(IMAGE)
    assert face.box == pytest.approx(BOX, abs=1e-2)
    assert face.landmarks == pytest.approx(EDGE_POINTS - 0.5, abs=1e-2)
    assert face.confidence == pytest.approx(0.9, abs=1e-4)
    assert face.box.dtype == face.landmarks.dtype == np.float32
    right, left, nose, *mouth = face.landmarks
    assert right[0] < nose[0] < left[0]
    assert mouth[0][0] < mouth[1][0]


@pytest.mark.parametrize("angle", [-30.0, 45.0])
def test_the_points_keep_their_order_under_roll(weights: Path, angle: float) -> None:
    turn = cv2.getRotationMatrix2D((0, 0), angle, 1)[:, :2]
    points = (EDGE_POINTS - [70, 70]) @ turn.T + [70, 70]
    result = showing(weights, (BOX, points, 0.9), size=112)(IMAGE, None, None)
    assert isinstance(result, Prepared)
    assert result.landmarks is not None
    assert np.abs(result.landmarks - TEMPLATE * 112).max() < 1


def test_anchors_that_answer_for_one_face_give_one_and_two_faces_stay_two(weights: Path) -> None:
    second = np.asarray([110.0, 50.0, 150.0, 90.0])
    tool = showing(weights, (BOX, EDGE_POINTS, 0.8), (second, EDGE_POINTS + 60, 0.95))
    assert [round(face.confidence, 2) for face in tool.faces(IMAGE)] == [0.95, 0.8]
    assert len(showing(weights, (BOX, EDGE_POINTS, 0.8), overlap=1.0).faces(IMAGE)) == 3
    assert len(showing(weights, (BOX, EDGE_POINTS, 0.8), min_confidence=0.85).faces(IMAGE)) == 0


def test_an_annotated_box_says_which_face(weights: Path) -> None:
    tool = showing(weights)
    low = np.asarray([10.0, 0.0])  # where the box begins, widened by half its sides and cut at the image's border
    tool._network = Shown(
        (BOX - np.tile(low, 2), EDGE_POINTS - low, 0.8), (np.asarray([0.0, 0, 30, 30]), EDGE_POINTS, 0.99)
    )
    result = tool(IMAGE, None, np.asarray([40, 30, 100, 110], dtype=np.float32))
    assert isinstance(result, Prepared)
    assert result.landmarks is not None
    assert np.abs(result.landmarks - TEMPLATE * 112).max() < 1


def test_without_a_face_there_is_the_middle_square(weights: Path) -> None:
    result = showing(weights, size=48, grey=True)(IMAGE, None, None)
    assert isinstance(result, NoFace)
    assert result.fallback is not None
    assert result.fallback.image.shape == (48, 48, 1)


def test_only_large_images_are_resized(weights: Path) -> None:
    tool = showing(weights, working_size=85)
    tool.faces(IMAGE)
    tool.faces(IMAGE[:60, :80])
    assert tool._network.seen == [(1, 3, 75, 85), (1, 3, 60, 80)]


@pytest.mark.parametrize("shape", [(1, 1), (33, 70), (96, 96), (97, 65)])
def test_every_anchor_has_an_answer_whatever_the_size(state: Mapping[str, Tensor], shape: tuple[int, int]) -> None:
    network = build_network()
    network.load_state_dict(state)
    offsets, logits, points = network(torch.zeros(1, 3, *shape))
    count = len(anchors(*shape))
    assert offsets.shape == (1, count, 4)
    assert logits.shape == (1, count, 2)
    assert points.shape == (1, count, 10)


def test_the_same_image_gives_the_same_faces_whatever_came_before(weights: Path) -> None:
    tools = [RetinaFace(RetinaFaceOptions(min_confidence=0.4), {"detector": weights}) for _ in range(2)]
    before = torch.get_num_threads()
    first = tools[0].faces(IMAGE)
    tools[1].faces(IMAGE[:70, :90])
    second = tools[1].faces(IMAGE)
    assert len(first) == len(second) > 0
    for one, other in zip(first, second, strict=True):
        assert (one.landmarks == other.landmarks).all()
        assert (one.box == other.box).all()
    assert torch.get_num_threads() == before
    assert not tools[0]._network.training


def test_input_is_normalised_as_the_weights_know_it() -> None:
    image = np.zeros((2, 3, 3), dtype=np.uint8)
    image[..., 0], image[..., 1], image[..., 2] = 255, 100, 50
    rgb = network_input(image, "imagenet")[0, :, 0, 0].tolist()
    assert rgb == pytest.approx(
        [(1 - 0.485) / 0.229, (100 / 255 - 0.456) / 0.224, (50 / 255 - 0.406) / 0.225], rel=1e-5
    )
    assert network_input(image, "caffe")[0, :, 1, 2].tolist() == [50 - 104, 100 - 117, 255 - 123]
    assert network_input(image, "caffe").shape == (1, 3, 2, 3)


Change = Callable[[dict[str, Any]], Mapping[str, Any]]


@pytest.mark.parametrize(
    "change",
    [
        lambda state: {f"module.{key}": value for key, value in state.items()},
        lambda state: {"state_dict": {f"model.{key}": value for key, value in state.items()}},
        lambda state: {key: value for key, value in state.items() if not key.endswith("num_batches_tracked")},
    ],
    ids=["data parallel", "checkpoint", "old torch"],
)
def test_the_forms_in_which_weights_are_shared_are_read(
    state: Mapping[str, Tensor], change: Change, tmp_path: Path
) -> None:
    torch.save(change(dict(state)), tmp_path / "w.pth")
    loaded = load_network(tmp_path / "w.pth").state_dict()
    assert all(torch.equal(loaded[key], state[key]) for key in state if not key.endswith("num_batches_tracked"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda state: {key: value for key, value in state.items() if not key.startswith("ssh1")},
            r"layout \(body.conv1.weight.*missing: ssh1.conv3X3.0.weight.* and \d+ more; of another shape: none",
        ),
        (
            lambda state: {**state, "fpn.output1.0.weight": torch.zeros(64, 512, 1, 1)},
            r"of another shape: fpn.output1.0.weight \(64, 512, 1, 1\) instead of \(256, 512, 1, 1\)",
        ),
        (lambda state: {"conv1.weight": torch.zeros(64, 3, 7, 7)}, "not of this network: conv1.weight"),
    ],
    ids=["a part missing", "another width", "a classifier"],
)
def test_another_networks_weights_are_refused_and_the_keys_named(
    state: Mapping[str, Tensor], change: Change, message: str, tmp_path: Path
) -> None:
    torch.save(change(dict(state)), tmp_path / "w.pth")
    with pytest.raises(WeightsError, match=message):
        RetinaFace(RetinaFaceOptions(), {"detector": tmp_path / "w.pth"})


def test_a_file_that_is_no_weights_is_refused(tmp_path: Path) -> None:
    (tmp_path / "w.pth").write_text("<html>not found</html>")
    with pytest.raises(WeightsError, match="a file of parameters"):
        RetinaFace(RetinaFaceOptions(), {"detector": tmp_path / "w.pth"})


def test_the_order_of_the_surest_face_does_not_depend_on_the_anchors_order() -> None:
    low, high = (
        (np.asarray([10.0, 10, 40, 40]), EDGE_POINTS, 0.75),
        (np.asarray([60.0, 60, 120, 120]), EDGE_POINTS, 0.99),
    )
    for faces in ((low, high), (high, low)):
        output = Shown(*faces)(torch.zeros(1, 3, 128, 128))
        found = faces_in(output, 128, 128, min_confidence=0.5, overlap=0.4)
        assert [round(face.confidence, 2) for face in found] == [0.99, 0.75]


def test_it_is_listed_with_its_role_and_the_networks_release() -> None:
    entry = discover().preprocessor("retinaface", "a test").entry
    assert entry.weights == ("detector",)
    assert entry.gives == {"landmarks", "box"}
    assert entry.version == "1; retinaface-pytorch 0.0.8"


def test_what_asks_the_network_at_import_is_not_imported(weights: Path) -> None:
    assert RetinaFace(RetinaFaceOptions(), {"detector": weights}) is not None
    assert "retinaface.predict_single" not in sys.modules
