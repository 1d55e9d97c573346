"""A prepared store of random images and the spec of a cell on it, for the speed scripts: no data set needed."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ferbench.data.store import store_folder
from ferbench.options import parse_options
from ferbench.plugins import Registry
from ferbench.spec import PreparedSpec, TrainingSpec

CLASSES = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")


def make_store(images: int, size: int) -> PreparedSpec:
    """Write a store of random images with a subject-disjoint official split; returns its spec."""
    spec = PreparedSpec("random", {}, f"{images}-{size}", "none", {}, "1", "error", "speed")
    folder = store_folder(spec)
    if (folder / "store.json").is_file():
        return spec
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    labels = np.arange(images) % len(CLASSES)
    pixels = rng.integers(0, 256, (images, size, size, 3), dtype=np.uint8)
    np.save(folder / "images.npy", (pixels // 2 + (labels * 16)[:, None, None, None]).astype(np.uint8))
    subjects = [f"s{number // 35:04d}" for number in range(images)]
    split = ["test" if number // 35 % 5 == 0 else "train" for number in range(images)]
    ids = [f"image-{number}" for number in range(images)]
    pq.write_table(
        pa.table({"id": ids, "label": labels, "subject": subjects, "split": split}), folder / "table.parquet"
    )
    info = {"dataset": "random", "classes": CLASSES, "images": images, "columns": ["subject", "split"], "hidden": []}
    info["no_face"] = {"policy": "error", "count": 0, "ids": [], "dropped": []}
    (folder / "store.json").write_text(json.dumps(info))
    return spec


def cell_spec(registry: Registry, data: PreparedSpec, seed: int = 0, **options: object) -> TrainingSpec:
    """Return a cell of the ResNet baseline on the store's official split."""
    entry = registry.method("resnet", "speed script").entry
    chosen = parse_options(entry.config, options, "speed script").model_dump(mode="json")
    protocol = registry.protocol("official", "speed script").entry
    return TrainingSpec(
        data=data,
        method="resnet",
        options=chosen,
        protocol="official",
        protocol_options=parse_options(protocol.options, {}, "speed script").model_dump(mode="json"),
        protocol_label="official",
        fold=0,
        seed=seed,
        compute={"threads": 1, "precision": "fp32", "channels_last": True, "evaluate_every": 1},
        sources={},
    )
