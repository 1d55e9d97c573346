"""What travels between the harness and a method: batches in, outputs back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

B = TypeVar("B", "Batch", "TestBatch")


@dataclass(frozen=True)
class Views:
    """What a transform returns: one or several views of a batch, and the columns, changed where the image changed.

    Attributes:
        images: each (B, C, h, w) float.
        columns: (B, …) arrays by name.
    """

    images: tuple[Tensor, ...]
    columns: Mapping[str, npt.NDArray[np.generic]] = field(default_factory=dict)


@dataclass(frozen=True)
class Batch:
    """A training batch. Under a recipe that draws groups of G, every (B, …) below is (B, G, …).

    Attributes:
        views: each (B, C, h, w) float; most transforms give one.
        labels: (B,) int64, as the protocol gives them: noisy under label noise.
        index: (B,) int64 position in the training set, for a state kept for each sample.
        columns: every other training column: numbers as float32, names as int64 codes (see `Task.columns`).
    """

    views: tuple[Tensor, ...]
    labels: Tensor
    index: Tensor
    columns: Mapping[str, Tensor] = field(default_factory=dict)

    @property
    def images(self) -> Tensor:
        """The first view."""
        return self.views[0]


@dataclass(frozen=True)
class TestBatch:
    """A batch to predict: no labels, and only the columns that the method's entry declares as test inputs.

    Attributes:
        views: each (B, C, h, w) float.
        columns: the declared test inputs.
    """

    __test__ = False  # not a test class, whatever pytest makes of the name

    views: tuple[Tensor, ...]
    columns: Mapping[str, Tensor] = field(default_factory=dict)

    @property
    def images(self) -> Tensor:
        """The first view."""
        return self.views[0]


@dataclass(frozen=True)
class Output:
    """What a method predicts.

    Attributes:
        logits: (B, K); the harness takes the softmax.
        extras: further (B, …) outputs (pose logits, label distributions), stored with the predictions.
    """

    logits: Tensor
    extras: Mapping[str, Tensor] = field(default_factory=dict)


def to_device(batch: B, device: torch.device) -> B:
    """Move a batch; on the CPU nothing is copied."""
    if device.type == "cpu":
        return batch
    moved: dict[str, object] = {
        "views": tuple(view.to(device, non_blocking=True) for view in batch.views),
        "columns": {name: value.to(device, non_blocking=True) for name, value in batch.columns.items()},
    }
    if isinstance(batch, Batch):
        moved |= {"labels": batch.labels.to(device), "index": batch.index.to(device)}
    return replace(batch, **moved)  # type: ignore[arg-type]  # the fields of either kind, by name
