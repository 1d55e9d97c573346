"""Same-expression pairs, and what a training set must have to give them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ferbench.errors import ConfigError
from ferbench.train import Groups, Task
from ferbench.train.recipes import Indices


@dataclass(frozen=True)
class Pairs:
    """Batches of pairs of different images with the same label; each image at most once an epoch.

    A last batch of a single pair is left out: a mutual information needs other pairs to compare with.

    Attributes:
        count: pairs in a batch.
    """

    count: int

    def batches(
        self, labels: Indices, columns: Mapping[str, npt.NDArray[np.generic]], rng: np.random.Generator
    ) -> Sequence[Indices]:
        """Return batches of (B, 2) positions."""
        drawn = Groups(self.count, size=2).batches(labels, columns, rng)
        return [batch for batch in drawn if len(batch) > 1]


def check_pairs(task: Task) -> None:
    """Refuse a training set in which a class has no pair, or in which there are not two pairs.

    Raises:
        ConfigError: the message names the classes.
    """
    lacking = [f"{count} of {name}" for name, count in zip(task.classes, task.class_counts, strict=True) if count < 2]
    if not lacking and sum(count // 2 for count in task.class_counts) >= 2:
        return
    raise ConfigError(
        expected="at least 2 training images of every class and 4 in all, for batch_size: 4 to 8192 images in pairs "
        "(the paper uses 32, 16 pairs)",
        found=f"{', '.join(lacking) or sum(task.class_counts)} among {task.samples} training images",
        where="the training data of dice-fer",
        remedy="use more data, or leave rare classes out with relabel",
    )
