"""What the replicas of all data sets in the wild share."""

from __future__ import annotations

import numpy as np
import pytest

from ferbench.canonical import digest
from ferbench.data.replica import ReplicaSite, write_replica
from ferbench_fer_datasets import faces, lfw, wild
from ferbench_fer_datasets.faces import Face, Shot

WILD = ("affectnet-7", "affectnet-8", "expw", "fer-plus", "fer2013", "lfw", "raf-db", "sfew")


def sketch(shot: Shot, seed: int = 0) -> Face:
    """Stand in for `draw`, a hundred times as fast: noise of everything that decides a face."""
    random = np.random.default_rng(int(digest([repr(shot), seed])[:16], 16))
    image = random.integers(0, 256, (shot.size, shot.size, 3), dtype=np.uint8)
    marks = random.uniform(0.3, 0.7, (5, 2)).astype(np.float32) * shot.size
    return Face(image, marks, (0.2 * shot.size, 0.2 * shot.size, 0.8 * shot.size, 0.8 * shot.size))


@pytest.mark.parametrize("name", WILD)
def test_the_same_seed_writes_the_same_files_and_another_other_images(registry, tmp_path, monkeypatch, name):
    for module in (lfw, wild):
        monkeypatch.setattr(module, "draw", sketch)
    first, again, other = (
        write_replica(registry.dataset(name, "a test"), ReplicaSite(tmp_path / place, subjects=2, seed=seed))
        for place, seed in (("first", 0), ("again", 0), ("other", 1))
    )
    assert first["subjects"] == 2
    assert again == first
    # Of FER2013 the images are in a table; some files are the same in every replica: LFW's pairs, an empty image.
    assert len({*first["files"].values()} - {*other["files"].values()}) >= 0.5 * len(first["files"])


def test_a_drawn_face_depends_on_its_shot_and_seed_alone():
    shots = [Shot(person, expression, size=48, wild=True) for person in (0, 1) for expression in ("fear", "neutral")]
    forwards = [faces.draw(shot, 3).image.tobytes() for shot in shots]
    backwards = [faces.draw(shot, 3).image.tobytes() for shot in reversed(shots)]
    assert backwards[::-1] == forwards
    assert not {*forwards} & {faces.draw(shot, 4).image.tobytes() for shot in shots}
    assert len({*forwards}) == len(shots)
