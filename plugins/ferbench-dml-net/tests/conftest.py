"""What every test of DML-Net may ask for: a small task with people and poses, and replicas of the paper's data sets."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from dml_net_tables import PARTS, SUBJECTS

from ferbench.data.replica import ReplicaSite, write_replica
from ferbench.plugins import Registry, discover
from ferbench.testing import Rehearsal, context_of
from ferbench.train import Batch, Column, Context, Setup, Task, TrainingSet
from ferbench.train.loop import Trainer, seed_everything
from ferbench.train.task import ImageRows
from ferbench.weights import LoadedWeights
from ferbench_dml_net.method import DMLNet
from ferbench_dml_net.options import DMLNetOptions

os.environ.setdefault("OMP_NUM_THREADS", "1")  # the networks are tiny: threads would only wait for each other

CLASSES = ("anger", "happiness", "surprise")
YAWS = (-45.0, 0.0, 45.0)
PEOPLE = ("Ada", "Bo", "Cy", "Di")


class Toys(Rehearsal):
    """Builds and trains methods on patterns, one a class, beside those of a pose and of a person."""

    def training(self, copies: int = 6, side: int = 24, noise: int = 0) -> TrainingSet:
        """Return `copies` images of each person, class and yaw."""
        person, label, pose, _ = (axis.ravel() for axis in np.indices((len(PEOPLE), len(CLASSES), len(YAWS), copies)))
        scales = zip((label, pose, person), (60, 40, 30), (4, 3, 8), strict=True)
        images = np.full((len(label), side, side), 128.0)
        for seed, (which, size, cells) in enumerate(scales):
            patterns = np.random.default_rng(seed).uniform(-size, size, (which.max() + 1, cells, cells))
            images += patterns.repeat(side // cells, axis=1).repeat(side // cells, axis=2)[which]
        images += np.random.default_rng([3, noise]).normal(0, 15, images.shape)
        pixels = np.clip(images, 0, 255).astype(np.uint8)[..., None]
        columns = {"subject": person.astype(np.int64), "pose": np.asarray(YAWS, dtype=np.float32)[pose]}
        return TrainingSet(ImageRows(pixels, np.arange(len(label))), label.astype(np.int64), columns)

    def task(self, training: TrainingSet) -> Task:
        """Return what a method is told of the data."""
        counts = tuple(np.bincount(training.labels, minlength=len(CLASSES)).tolist())
        height, width, channels = training.images.images.shape[1:]
        columns = {"subject": Column(PEOPLE), "pose": Column()}
        return Task(CLASSES, (height, width, channels), len(training), counts, columns)

    def build(
        self, training: TrainingSet | None = None, weights: Mapping[str, LoadedWeights] | None = None, **options: object
    ) -> DMLNet:
        """Return an untrained method; quick options unless others are given."""
        quick: dict[str, object] = {
            "backbone": "resnet-tiny",
            "input_size": None,
            "fusion_width": 16,
            "embedding_width": 16,
            "head_width": 16,
            "yaws": YAWS,
            "epochs": 2,
            "alternate_epochs": 1,
            "lr": 1e-2,
            "lr_decay": 0.95,
            "ema": 0.9,
        }
        seed_everything(0, "build")
        chosen = DMLNetOptions.model_validate({**quick, **options})
        return DMLNet(Setup(self.task(training or self.training()), chosen, weights or {}))

    def batch(self, tuples: int = 3) -> Batch:
        """Return the first batch of tuples that the stages draw, unchanged."""
        training, method = self.training(), self.build(tuples=tuples)
        rng = np.random.default_rng(0)
        chosen = method.stages()[0].recipe.batches(training.labels, training.columns, rng)[0]
        images = method.transforms().test(training.images.take(chosen.ravel()), {}, rng).images[0]
        columns = {name: torch.from_numpy(values[chosen]) for name, values in training.columns.items()}
        labels = torch.from_numpy(training.labels[chosen])
        return Batch((images.unflatten(0, chosen.shape),), labels, torch.from_numpy(chosen), columns)

    def context(self, method: DMLNet, stage: str) -> Context:
        """Return the context of a stage that has just started."""
        return context_of(method, stage, self.training())

    def train(
        self, method: DMLNet, training: TrainingSet | None = None, saved: bytes | None = None, stop_after: int = 0
    ) -> Trainer:
        """Train on `training`, or on the toys' own; see `Rehearsal.rehearse`."""
        return self.rehearse(method, training or self.training(), saved, stop_after)


@pytest.fixture
def toys() -> Toys:
    """Return the toys."""
    return Toys()


@pytest.fixture(scope="module", autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep away from the user's cache; the tests share one of their own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FERBENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def registry() -> Registry:
    """Return what the tables ask for, and nothing else that is installed."""
    found = discover([(part.__name__, part) for part in PARTS], installed=False)
    assert found.problems == []
    return found


@pytest.fixture(scope="session")
def data_root(registry: Registry, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of replicas of the paper's data sets in their official layouts; beside them a user's file.

    The file says where ImageNet's weights are: the network is quick in these tests and takes none.
    """
    root = tmp_path_factory.mktemp("data")
    for name, subjects in SUBJECTS.items():
        write_replica(registry.dataset(name, "a test"), ReplicaSite(root / name, subjects))
    (root / "resnet50.pth").write_bytes(b"parameters")
    found = hashlib.sha256(b"parameters").hexdigest()
    (root / "mine.toml").write_text(f'[weights.imagenet-resnet50]\npath = "resnet50.pth"\nsha256 = "{found}"\n')
    (root / "empty.toml").touch()
    return root
