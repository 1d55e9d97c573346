"""What passes through training: the pass for statistics, indices and columns of batches, what is recorded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from toyfaces.methods import Net
from trainings import CLASSES, COUNT, Watch, build, same, trained, training_set

from ferbench.errors import MethodError
from ferbench.train import (
    Batch,
    Context,
    Epochs,
    FlipShift,
    Groups,
    Normalise,
    Stage,
    Transforms,
    Views,
)


def test_a_pass_for_statistics_sees_everything_in_order_and_changes_nothing() -> None:
    seen: list[Batch] = []

    class Looking(Net):
        def stages(self) -> Sequence[Stage]:
            return [replace(super().stages()[0], end_of_epoch=self.look)]

        def look(self, context: Context) -> None:
            before = {name: value.clone() for name, value in self.state_dict().items()}
            for batch in context.statistics(batch_size=5):
                assert not self.training
                assert not self.logits(batch.images).requires_grad
                seen.append(batch)
            assert self.training
            assert same(before, self.state_dict())

    trained(build(Looking, epochs=1))
    assert [len(batch.labels) for batch in seen] == [5, 5, 5, 5, 2]
    assert torch.cat([batch.index for batch in seen]).tolist() == list(range(COUNT))
    assert torch.cat([batch.labels for batch in seen]).tolist() == (np.arange(COUNT) % CLASSES).tolist()
    plain = Normalise()(training_set().images.take(np.arange(COUNT)), {}, np.random.default_rng(0)).images[0]
    assert torch.equal(torch.cat([batch.images for batch in seen]), plain)


def test_a_pass_for_statistics_does_not_change_the_training() -> None:
    class Looking(Net):
        def stages(self) -> Sequence[Stage]:
            return [replace(super().stages()[0], end_of_epoch=lambda context: [*context.statistics()] and None)]

    plain, looking = build(Net), build(Looking)
    trained(plain)
    trained(looking)
    assert same(plain.state_dict(), looking.state_dict())


def test_batches_carry_index_labels_and_columns_in_the_shape_of_the_recipe() -> None:
    seen: list[Batch] = []

    class Grouped(Net):
        def stages(self) -> Sequence[Stage]:
            return [Stage("s", self.step, self.optimizers, Epochs(1), Groups(3, 2))]

        def transforms(self) -> Transforms:
            return Transforms(FlipShift(Normalise(), flip=0.0, shift=0), Normalise())

        def step(self, batch: Batch, context: Context) -> Tensor:
            seen.append(batch)
            return self.head.weight.sum()

    watch, data = Watch(), training_set()
    trained(build(Grouped), watch)
    assert watch.images == sum(batch.index.numel() for batch in seen) == 20
    for batch in seen:
        index = batch.index.numpy()
        assert index.shape == (len(index), 2)
        assert batch.images.shape == (len(index), 2, 3, 8, 8)
        assert (batch.labels.numpy() == data.labels[index]).all()
        assert (batch.columns["pose"].numpy() == data.columns["pose"][index]).all()
        assert (batch.columns["subject"].numpy() == data.columns["subject"][index]).all()
        expected = Normalise().tensor(data.images.take(index.reshape(-1))).reshape(batch.images.shape)
        assert torch.equal(batch.images, expected)


def test_a_transform_may_change_the_label_with_the_image() -> None:
    def turned(images: Any, columns: Any, rng: np.random.Generator) -> Views:
        turns = rng.integers(0, 3, len(images))
        images = np.stack([np.rot90(image, turn) for image, turn in zip(images, turns, strict=True)])
        return Views((Normalise().tensor(images),), {**columns, "label": turns})

    found: list[Tensor] = []

    class Turning(Net):
        def transforms(self) -> Transforms:
            return Transforms(turned, Normalise())

        def step(self, batch: Batch, context: Context) -> Tensor:
            plain = Normalise().tensor(training_set().images.take(batch.index.numpy()))
            for image, original, label in zip(batch.images, plain, batch.labels, strict=True):
                assert torch.equal(image, torch.rot90(original, int(label), (1, 2)))
            found.append(batch.labels)
            return super().step(batch, context)

    method = build(Turning)
    trained(method)
    assert set(torch.cat(found).tolist()) == {0, 1, 2}
    epochs = torch.cat(found).split(COUNT)
    assert not torch.equal(epochs[0], epochs[1]), "fresh every epoch"


def test_a_transform_that_loses_the_label_is_refused() -> None:
    class Careless(Net):
        def transforms(self) -> Transforms:
            return Transforms(lambda images, columns, rng: Views((Normalise().tensor(images),)), Normalise())

    with pytest.raises(MethodError, match="the column 'label' from the training transform; found none"):
        trained(build(Careless))


def test_recorded_values_are_kept_by_sample_and_logged_ones_averaged() -> None:
    class Noting(Net):
        def step(self, batch: Batch, context: Context) -> Tensor:
            context.record("double", batch.index, 2.0 * batch.index)
            context.record("pair", batch.index, torch.stack([batch.index, batch.index + 1], dim=1))
            context.log("epoch", context.epoch)
            return super().step(batch, context)

    trainer = trained(build(Noting))
    assert trainer.context.diagnostics["double"] == {n: [2.0 * n] for n in range(COUNT)}
    assert trainer.context.diagnostics["pair"] == {n: [float(n), n + 1.0] for n in range(COUNT)}
    assert [row["epoch"] for row in trainer.position.history] == [1, 2]
