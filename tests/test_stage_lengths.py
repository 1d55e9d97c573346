"""Stages are as long as they say, whether by epochs, by updates or until the loss falls no more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from torch import Tensor
from toyfaces.methods import Net
from trainings import Hard, Watch, build, of_length, trained

from ferbench.train import (
    Batch,
    Context,
    Epochs,
    Shuffled,
    Stage,
    Steps,
    Until,
)


@pytest.mark.parametrize(
    ("length", "updates", "evaluations"),
    [
        (Epochs(2), 6, 2),
        (Steps(7), 7, 3),
        (Steps(7, evaluate_every=2), 7, 4),
        (Steps(2), 2, 1),
        (Until(at_most=4, patience=10), 12, 4),
    ],
)
def test_stages_are_as_long_as_they_say(length: object, updates: int, evaluations: int) -> None:
    watch = Watch()
    trainer = trained(build(of_length(length)), watch)
    assert trainer.context.step == updates
    assert watch.evaluated == list(range(1, evaluations + 1))
    assert watch.shares == sorted(watch.shares)
    assert watch.shares[-1] == 1.0


@pytest.mark.parametrize("stop_after", [None, 1, 2, 3, 4, 5])
def test_each_stage_has_its_own_length(stop_after: int | None) -> None:
    lengths = [Steps(4), Until(at_most=5, patience=2), Steps(5), Until(at_most=9, patience=1)]

    class Long(Net):
        def stages(self) -> Sequence[Stage]:
            return [
                Stage(f"s{number}", self.flat, self.optimizers, length, Shuffled(8))
                for number, length in enumerate(lengths)
            ]

        def flat(self, batch: Batch, context: Context) -> Tensor:
            return self.head.weight.sum() * 0 + 1.0

    watch = Watch(stop_after)
    if stop_after is None:
        trainer = trained(build(Long), watch)
    else:
        with pytest.raises(KeyboardInterrupt):
            trained(build(Long), watch)
        trainer = trained(build(Long), saved=watch.saved[-1])
    epochs = [row["stage"] for row in trainer.position.history]
    assert [epochs.count(f"s{number}") for number in range(4)] == [2, 3, 2, 2]


def test_a_stop_rule_waits_for_the_loss_to_fall() -> None:
    losses = {1: 1.0, 2: 0.5, 3: 0.4999, 4: 0.6, 5: 0.3, 6: 0.3, 7: 0.3, 8: 0.29, 9: 0.29, 10: 0.29, 11: 0.29}
    length = Until(at_most=50, patience=3, tolerance=0.01)
    trainer = trained(build(of_length(length, loss=lambda epoch: losses.get(epoch, 0.29))))
    # The last fall of 1 % or more is in epoch 8; three epochs without one follow.
    assert len(trainer.position.history) == 11


def test_an_interrupted_stop_rule_goes_on_waiting() -> None:
    length = Until(at_most=50, patience=3)
    stopped = Watch(stop_after=3)
    with pytest.raises(KeyboardInterrupt):
        trained(build(of_length(length)), stopped)
    trainer = trained(build(of_length(length)), saved=stopped.saved[-1])
    assert len(trainer.position.history) == 4


@pytest.mark.parametrize(("every", "evaluations"), [(1, 5), (2, 3), (3, 2), (9, 1)])
def test_the_last_epoch_is_always_evaluated(every: int, evaluations: int) -> None:
    watch = Watch()
    trained(build(Net, epochs=5), watch, evaluate_every=every)
    assert len(watch.evaluated) == evaluations


def test_stages_declared_predictive_are_evaluated() -> None:
    class Both(Hard):
        def stages(self) -> Sequence[Stage]:
            first, second = super().stages()
            return [replace(first, predictive=True), replace(second, predictive=False)]

    watch = Watch()
    trained(build(Both), watch)
    assert watch.evaluated == [1, 2]
