"""What every test of DICE-FER may ask for: a small task, the harness's training loop, stand-ins of the data sets."""

from __future__ import annotations

import os
from collections.abc import Mapping

import numpy as np
import pytest
import torch
from pydantic import Field
from toyfaces.options import ToyOptions

import ferbench.builtin
import ferbench_dice_fer.plugin
import ferbench_resnet.plugin
import ferbench_synthfaces.plugin
from ferbench import DatasetCard, DatasetEntry, PreprocessorEntry, hookimpl
from ferbench.data.preprocess import ResizeOptions
from ferbench.plugins import Registry, discover
from ferbench.testing import Rehearsal, context_of
from ferbench.train import Batch, Context, Setup, Task, TrainingSet
from ferbench.train.loop import Trainer, seed_everything
from ferbench.train.task import ImageRows
from ferbench.weights import LoadedWeights
from ferbench_dice_fer.method import DiceFER
from ferbench_dice_fer.options import DiceFEROptions

os.environ.setdefault("OMP_NUM_THREADS", "1")  # the networks are tiny: threads would only wait for each other

CLASSES = ("anger", "happiness", "surprise", "neutral")
SEVEN = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")


class Toys(Rehearsal):
    """Builds and trains methods on coarse grey patterns, one a class, under the finer pattern of a person."""

    def training(self, count: int = 64, side: int = 32, channels: int = 1, noise: int = 0) -> TrainingSet:
        """Return `count` images; classes take turns, and every four images a new person."""
        labels = np.arange(count) % len(CLASSES)
        coarse = np.random.default_rng(1).uniform(-60, 60, (len(CLASSES), 4, 4))
        fine = np.random.default_rng(2).uniform(-30, 30, (count // len(CLASSES) + 1, 8, 8))
        both = _enlarged(coarse, side)[labels] + _enlarged(fine, side)[np.arange(count) // len(CLASSES)]
        grain = np.random.default_rng([3, noise]).normal(0, 15, (count, side, side))
        images = np.clip(128 + both + grain, 0, 255).astype(np.uint8)
        return TrainingSet(ImageRows(np.repeat(images[..., None], channels, axis=3), np.arange(count)), labels)

    def task(self, training: TrainingSet) -> Task:
        """Return what a method is told of the data."""
        counts = tuple(np.bincount(training.labels, minlength=len(CLASSES)).tolist())
        height, width, channels = training.images.images.shape[1:]
        return Task(CLASSES, (height, width, channels), len(training), counts)

    def build(
        self, training: TrainingSet | None = None, weights: Mapping[str, LoadedWeights] | None = None, **options: object
    ) -> DiceFER:
        """Return an untrained method; quick options unless others are given."""
        quick: dict[str, object] = {
            "backbone": "resnet-tiny",
            "code_width": 16,
            "statistics_width": 32,
            "discriminator_width": 16,
            "classifier_width": 16,
            "epochs": 2,
            "batch_size": 16,
            "lr": 1e-3,
            "augment": "light",
        }
        seed_everything(0, "build")
        chosen = DiceFEROptions.model_validate({**quick, **options})
        return DiceFER(Setup(self.task(training or self.training()), chosen, weights or {}))

    def batch(self, pairs: int = 6, side: int = 32) -> Batch:
        """Return a batch of pairs."""
        images = torch.randn(pairs, 2, 1, side, side, generator=torch.Generator().manual_seed(0))
        index = torch.arange(2 * pairs).reshape(pairs, 2)
        return Batch((images,), torch.arange(pairs).unsqueeze(1).expand(-1, 2) % len(CLASSES), index)

    def context(self, method: DiceFER, stage: str) -> Context:
        """Return the context of a stage that has just started."""
        return context_of(method, stage, self.training())

    def train(
        self, method: DiceFER, training: TrainingSet | None = None, saved: bytes | None = None, stop_after: int = 0
    ) -> Trainer:
        """Train on `training`, or on the toys' own; see `Rehearsal.rehearse`."""
        return self.rehearse(method, training or self.training(), saved, stop_after)


def _enlarged(patterns: np.ndarray, side: int) -> np.ndarray:
    return patterns.repeat(side // patterns.shape[1], axis=1).repeat(side // patterns.shape[2], axis=2)


@pytest.fixture
def toys() -> Toys:
    """Return the maker of small methods."""
    return Toys()


class _PeopleOptions(ToyOptions):
    """Seven expressions of ten people, as a laboratory's."""

    classes: tuple[str, ...] = SEVEN
    subjects: int = 12
    per_subject: int = 1
    columns: tuple[str, ...] = ("subject",)


class _SequencesOptions(_PeopleOptions):
    """What CK+ lets one choose."""

    peak_frames: int = Field(default=3, ge=1)
    neutral: str = "none"
    contempt: bool = True


class _SixOptions(_PeopleOptions):
    """Without neutral."""

    classes: tuple[str, ...] = SEVEN[:-1]
    seed: int = 1


class _WildOptions(_PeopleOptions):
    """With an official split, nobody known."""

    columns: tuple[str, ...] = ("split",)


class _DetectorOptions(ResizeOptions):
    """Options of the detector."""


class StandIns:
    """The paper's data sets and its detector by name and shape only."""

    @hookimpl
    def ferbench_datasets(self) -> list[DatasetEntry]:
        """Return the data sets."""
        kinds = {
            "ck-plus": _SequencesOptions,
            "oulu-casia": _SixOptions,
            "raf-db": _WildOptions,
            "affectnet-7": _WildOptions,
        }
        return [
            DatasetEntry(
                name=name,
                factory="toyfaces.data:Toy",
                options=options,
                card=DatasetCard(title="Coloured squares", classes=options().classes),
                needs_root=False,
            )
            for name, options in kinds.items()
        ]

    @hookimpl
    def ferbench_preprocessors(self) -> list[PreprocessorEntry]:
        """Return a detector that takes the whole image for a face."""
        factory = "ferbench.data.preprocess:Resize"
        return [PreprocessorEntry(name="mtcnn", factory=factory, version="0", options=_DetectorOptions)]


@pytest.fixture
def registry() -> Registry:
    """Return a registry in which the paper's data sets and its detector are drawn ones."""
    parts = ferbench.builtin, ferbench_resnet.plugin, ferbench_dice_fer.plugin, ferbench_synthfaces.plugin
    found = discover([*((part.__name__, part) for part in parts), ("stand-ins", StandIns())], installed=False)
    assert found.problems == []
    return found
