"""Maps of features and nearest images: what runs keep of them, and the pictures that `report --pictures` draws."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from workbench import Workbench

from ferbench.report.pictures import COLOURS, _colours, draw_map
from ferbench.representation import NotMeasured, Representations
from ferbench.representation.feature_map import feature_map
from ferbench.representation.neighbours import neighbours
from ferbench.representation.options import FeatureMapOptions, NeighboursOptions

CLASSES = ("anger", "fear", "joy")
SVG = "{http://www.w3.org/2000/svg}"


def given(count: int = 90, width: int = 16, spread: float = 0.3) -> Representations:
    """Return features in three clusters by class, and others without any order."""
    rng = np.random.default_rng(0)
    labels = np.arange(count) % 3
    expression = (rng.normal(size=(3, width))[labels] + spread * rng.normal(size=(count, width))).astype(np.float32)
    columns = {"subject": np.asarray([f"p{i % 7}" for i in range(count)]), "pose": np.linspace(-90, 90, count)}
    ids = np.asarray([f"s{i}" for i in range(count)])
    features = {"expression": expression, "identity": rng.normal(size=(count, width)).astype(np.float32)}
    return Representations(features, labels, CLASSES, columns, 3, ids)


@pytest.mark.parametrize("layout", ["t-sne", "pca"])
def test_a_map_keeps_classes_apart_that_the_features_keep_apart(layout: str) -> None:
    found = feature_map(given(), FeatureMapOptions(layout=layout))
    points, labels = np.asarray(found.arrays["at/expression"]), np.asarray(found.arrays["label"])
    centres = np.stack([points[labels == label].mean(axis=0) for label in range(3)])
    nearest = np.linalg.norm(points[:, None] - centres, axis=2).argmin(axis=1)
    assert (nearest == labels).all()
    assert points.min() >= 0
    assert points.max() == 1
    assert found.values["expression"] > found.values["identity"]
    assert 0.85 < found.values["expression"] <= 1
    assert len(found.arrays["subject"]) == len(found.arrays["yaw"]) == 90
    assert found.arrays == feature_map(given(), FeatureMapOptions(layout=layout)).arrays


def test_an_unknown_yaw_is_none_and_drawn_like_a_frontal_one() -> None:
    one = given()
    yaws = np.where(np.arange(90) == 4, np.nan, np.linspace(-90, 90, 90))
    found = feature_map(replace(one, columns={"pose": yaws}), FeatureMapOptions(layout="pca"))
    assert [place for place, yaw in enumerate(found.arrays["yaw"]) if yaw is None] == [4]
    json.dumps(found.arrays, allow_nan=False)
    assert len(set(_colours("yaw", [None, 0.0]))) == 1
    assert len(set(_colours("yaw", [-90.0, 0.0, 90.0]))) == 3


def test_a_map_shows_so_many_images_and_needs_ten() -> None:
    found = feature_map(given(), FeatureMapOptions(images=30, layout="pca"))
    assert len(found.arrays["label"]) == len(found.arrays["at/expression"]) == found.settings["images"] == 30
    with pytest.raises(NotMeasured, match="at least 10"):
        feature_map(given().take(np.arange(9)), FeatureMapOptions())
    flat = given(width=1)
    assert np.asarray(feature_map(flat, FeatureMapOptions()).arrays["at/expression"]).shape == (90, 2)
    bare = Representations({"expression": given().features["expression"]}, given().labels, CLASSES)
    assert set(feature_map(bare, FeatureMapOptions(layout="pca")).arrays) == {"label", "at/expression"}


def test_a_representation_may_be_called_as_a_column() -> None:
    one = given()
    named = replace(one, features={"yaw": one.features["expression"], "label": one.features["identity"]})
    found = feature_map(named, FeatureMapOptions(layout="pca"))
    assert found.arrays["yaw"][0] == -90.0
    assert np.asarray(found.arrays["at/yaw"]).shape == (90, 2)
    account = {"values": found.values, "arrays": found.arrays, "settings": found.settings}
    assert draw_map("x", account).count("<circle") >= 2 * 3 * 90
    older = {**found.arrays, "yaw": found.arrays["at/yaw"], "label": found.arrays["at/label"]}
    del older["at/yaw"], older["at/label"]
    assert draw_map("x", {**account, "arrays": older}).count("<circle") >= 2 * 90  # by subject alone


def test_neighbours_are_the_nearest_by_cosine_and_queries_of_different_classes() -> None:
    one = given()
    found = neighbours(one, NeighboursOptions(queries=3, nearest=4))
    places = {name: place for place, name in enumerate(one.ids.tolist())}
    queries = [places[name] for name in found.arrays["queries"]]
    assert set(one.labels[queries]) == {0, 1, 2}
    for name, features in one.features.items():
        unit = features / np.linalg.norm(features, axis=1, keepdims=True)
        for query, shown in zip(queries, found.arrays[name], strict=True):
            order = sorted((i for i in range(90) if i != query), key=lambda i: -float(unit[query] @ unit[i]))
            assert [places[name] for name in shown] == order[:4]
    assert found.values["expression"] == 1
    assert found.values["identity"] < 1
    with pytest.raises(NotMeasured, match="5 neighbours need more than 5 test images"):
        neighbours(one.take(np.arange(5)), NeighboursOptions())
    with pytest.raises(NotMeasured, match="no ids"):
        neighbours(Representations(one.features, one.labels, CLASSES), NeighboursOptions())


def test_a_map_is_drawn_with_a_panel_for_each_question_and_hostile_names_are_text() -> None:
    found = feature_map(given(), FeatureMapOptions(layout="pca"))
    account = {
        "values": found.values,
        "arrays": found.arrays,
        "settings": {**found.settings, "classes": ["<b>&", "fear", "joy"]},
    }
    root = ET.fromstring(draw_map("<script>alert(1)</script>", account))
    circles = root.findall(f"{SVG}circle")
    assert len(circles) == 2 * 3 * 90 + 3
    texts = [node.text for node in root.findall(f"{SVG}text")]
    assert texts[0] == "<script>alert(1)</script>"
    assert {"expression by class", "identity by subject", "expression by yaw", "<b>&", "joy"} <= set(texts)
    first = circles[:90]
    labels = found.arrays["label"]
    assert [node.get("fill") for node in first] == [COLOURS[label] for label in labels]
    (x, y), (width, height) = found.arrays["at/expression"][0], (float(v) for v in root.get("viewBox", "").split()[2:])
    assert 0 < float(first[0].get("cx", 0)) < width
    assert 0 < float(first[0].get("cy", 0)) < height
    assert float(first[0].get("cx", 0)) - 24 == pytest.approx(300 * x, abs=0.1)
    assert float(first[0].get("cy", 0)) - 54 == pytest.approx(300 * (1 - y), abs=0.1)


FILE = """
[benchmark.looks]
preprocessor = { name = "resize", options = { size = 16 } }
dataset = [{ name = "toy", options = { images = 64, subjects = 8 } }]
protocol = [{ name = "official" }]
representation_metrics = [
  { name = "feature-map", options = { layout = "pca" } },
  { name = "neighbours", options = { queries = 2, nearest = 3 } },
]
entry = [{ name = "net/1", method = "toy-learner" }]

[benchmark.plain]
preprocessor = { name = "resize", options = { size = 16 } }
dataset = [{ name = "toy", options = { images = 64, subjects = 8 } }]
protocol = [{ name = "official" }]
entry = [{ name = "net", method = "toy-learner" }]
"""


def test_a_report_draws_what_the_runs_kept(tmp_path: Path) -> None:
    bench = Workbench(tmp_path)
    bench.write(FILE)
    bench.run("looks", "plain")
    bench.call("report", "looks", "--out", str(tmp_path / "lb"), "--pictures")
    drawn = sorted(path.name for path in (tmp_path / "lb" / "looks").iterdir())
    assert drawn == ["net-1-toy-official-0-0-map.svg", "net-1-toy-official-0-0-neighbours.png"]
    ET.parse(tmp_path / "lb" / "looks" / drawn[0])
    picture = cv2.imread(str(tmp_path / "lb" / "looks" / drawn[1]))
    assert picture.shape == (2 * 72 + 4, 4 * 72, 3)
    assert tuple(picture[0, 0]) == (0, 0, 0), "a query's frame"
    assert tuple(picture[0, 100]) in {(115, 158, 0), (0, 94, 213)}, "of its class, or of another"
    assert np.ptp(picture[4:68, 4:68].astype(int)) > 0
    refused = bench.call("report", "plain", "--out", str(tmp_path / "lb"), "--pictures", code=2)
    assert 'representation_metrics = ["feature-map", "neighbours"]' in refused.err
    assert "--out DIR beside --pictures" in bench.call("report", "looks", "--pictures", code=2).err
