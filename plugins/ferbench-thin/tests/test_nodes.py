"""The picture of the tree's nodes: which images are typical, and that they stand where they belong."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from ferbench.report.sheet import Sheet, SheetCell
from ferbench_thin.nodes import ACROSS, GAP, SHOWN, TILE, draw, reached, typical, write_pictures


def gates(count: int = 40, leaves: int = 8) -> np.ndarray:
    return np.random.default_rng(0).dirichlet(np.full(leaves, 0.3), count)


def test_a_node_is_reached_with_the_probability_of_its_leaves() -> None:
    gate = gates()
    first, second, leaves = reached(gate)
    assert first.shape == (40, 2)
    assert np.allclose(first[:, 0], gate[:, :4].sum(axis=1))
    assert np.allclose(second[:, 3], gate[:, 6:].sum(axis=1))
    assert np.array_equal(leaves, gate)
    for level in (first, second, leaves):
        assert np.allclose(level.sum(axis=1), 1)


def test_typical_images_are_those_that_reach_a_node_most_surely() -> None:
    gate = gates()
    for level, nodes in zip(reached(gate), typical(gate, 5), strict=True):
        assert nodes.shape == (level.shape[1], 5)
        for node, members in enumerate(nodes):
            chosen = level[members, node]
            assert list(chosen) == sorted(level[:, node], reverse=True)[:5]


@pytest.mark.parametrize("channels", [1, 3])
def test_each_leaf_shows_its_own_images(channels: int) -> None:
    """Leaf l is reached by images of one grey, 30 · l: the lowest row shows these greys from left to right."""
    leaf = np.repeat(np.arange(8), SHOWN)
    images = np.broadcast_to((30 * leaf).astype(np.uint8)[:, None, None, None], (len(leaf), 6, 6, channels))
    picture = draw(images, np.eye(8)[leaf])
    height, block = SHOWN // ACROSS * TILE + GAP, ACROSS * TILE + GAP
    assert picture.shape == (3 * height, 8 * block, 3)
    for number in range(8):
        tiles = picture[2 * height : 3 * height - GAP, number * block + GAP // 2 : (number + 1) * block - GAP]
        assert set(np.unique(tiles)) == {30 * number}


def test_colours_are_not_exchanged() -> None:
    images = np.zeros((SHOWN, 4, 4, 3), np.uint8)
    images[..., 0] = 200  # red
    picture = draw(images, np.full((SHOWN, 2), 0.5))
    assert picture[0, 10].tolist() == [0, 0, 200]  # as OpenCV writes it: blue, green, red


def test_each_cell_with_a_gate_has_a_picture_of_the_epoch_that_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two folds of two protocols, and an entry that has no gate to store."""
    cells = [
        SheetCell(f"{protocol}{fold}{architecture}", architecture, "thin", "faces", protocol, fold, 0, "done", "")
        for protocol in ("by-subject", "whole")
        for fold in (0, 1)
        for architecture in ("thin", "baseline")
    ]
    options = {cell.id: {"record_gate": True, "architecture": cell.entry} for cell in cells}
    records = {name: SimpleNamespace(content={"spec": {"options": kept}}) for name, kept in options.items()}
    store = SimpleNamespace(done=lambda: set(records), read=records.__getitem__)
    chosen: list[str] = []

    def picture(record: object, selection: str) -> np.ndarray:
        chosen.append(selection)
        return np.zeros((4, 4, 3), np.uint8)

    (tmp_path / "sheets").mkdir()
    (tmp_path / "sheets" / "mine.json").touch()
    monkeypatch.setattr("ferbench_thin.nodes.RecordStore", lambda results: store)
    monkeypatch.setattr(
        "ferbench_thin.nodes.load_sheet", lambda results, name: Sheet(name, "", "", ("accuracy",), "last", (*cells,))
    )
    monkeypatch.setattr("ferbench_thin.nodes.picture_of", picture)
    written = list(write_pictures(tmp_path, tmp_path / "pictures"))
    assert len({*written}) == len(written) == 4
    assert all(path.is_file() for path in written)
    assert chosen == ["last"] * 4
