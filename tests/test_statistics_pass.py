"""A pass for statistics over chosen samples, under a random transform: other draws each epoch, the same each time."""

from __future__ import annotations

import numpy as np
import torch
from accelerate import Accelerator
from toyfaces.methods import Net
from toyfaces.options import NetOptions

from ferbench.train import Context, FlipShift, Normalise, Setup, Task, TrainingSet, Transforms
from ferbench.train.loop import Hooks, Trainer
from ferbench.train.task import ImageRows


class Passing(Net):
    """Looks at some training samples after each epoch, randomly shifted."""

    def __init__(self, setup: Setup[NetOptions]) -> None:
        super().__init__(setup)
        self.passes: list[list[torch.Tensor]] = []
        self.positions: list[list[int]] = []

    def transforms(self) -> Transforms:
        """Return a random transform for statistics."""
        return Transforms(train=Normalise(), test=Normalise(), statistics=FlipShift(Normalise(), shift=3))

    def stages(self):
        """Return the one stage, with a pass after each epoch."""
        from dataclasses import replace

        return [replace(super().stages()[0], end_of_epoch=self.look)]

    def look(self, context: Context) -> None:
        """Keep what the pass gives."""
        batches = list(context.statistics(2, np.asarray([7, 1, 4])))
        self.passes.append([batch.images for batch in batches])
        self.positions.append([int(i) for batch in batches for i in batch.index])


def passed(seed: int = 0) -> Passing:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (12, 16, 16, 3), dtype=np.uint8)
    training = TrainingSet(ImageRows(images, np.arange(12)), np.arange(12) % 3)
    method = Passing(Setup(Task(tuple("abc"), (16, 16, 3), 12, (4, 4, 4)), NetOptions(epochs=2)))
    hooks = Hooks(lambda _epoch: None, lambda _state: None, lambda _share, _images: None)
    Trainer(method, training, Accelerator(cpu=True), seed, hooks).run()
    return method


def test_a_pass_sees_the_samples_asked_for_in_their_order() -> None:
    assert passed().positions == [[7, 1, 4], [7, 1, 4]]


def test_a_random_transform_draws_anew_each_epoch_and_alike_in_each_run() -> None:
    first, again, other = passed(), passed(), passed(seed=1)
    same = [
        torch.equal(one, two)
        for a, b in zip(first.passes, again.passes, strict=True)
        for one, two in zip(a, b, strict=True)
    ]
    assert all(same)
    assert not torch.equal(first.passes[0][0], first.passes[1][0])
    assert not torch.equal(first.passes[0][0], other.passes[0][0])
