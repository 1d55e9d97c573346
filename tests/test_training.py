"""The training loop: stages, several optimisers, freezing, exact resumption, and contracts that are checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from torch import Tensor, nn
from toyfaces.methods import Net
from toyfaces.options import NetOptions
from trainings import COUNT, Hard, Watch, build, of_length, probabilities, same, trained, training_set

from ferbench.errors import MethodError
from ferbench.train import (
    Batch,
    Context,
    Epochs,
    Normalise,
    Optim,
    Output,
    Setup,
    Shuffled,
    Stage,
    TestBatch,
    freeze,
)
from ferbench.train.loop import Hooks, Trainer
from ferbench.train.prediction import predict


@pytest.mark.parametrize("stop_after", [1, 2, 3, 4, 5])
def test_a_run_that_was_stopped_ends_as_if_it_had_not_been(stop_after: int) -> None:
    whole, watch = build(Hard), Watch()
    reference = trained(whole, watch)
    stopped = Watch(stop_after)
    with pytest.raises(KeyboardInterrupt):
        trained(build(Hard), stopped)
    resumed, after = build(Hard), Watch()
    torch.manual_seed(999)  # whatever ran before must not matter
    np.random.seed(999)
    trainer = trained(resumed, after, stopped.saved[-1])
    assert same(whole.state_dict(), resumed.state_dict())
    assert (probabilities(whole) == probabilities(resumed)).all()
    assert stopped.evaluated + after.evaluated == watch.evaluated == [1, 2, 3]
    assert trainer.context.diagnostics == reference.context.diagnostics
    assert trainer.context.kept == reference.context.kept
    assert trainer.position.history == reference.position.history
    assert [row["stage"] for row in trainer.position.history] == ["warm"] * 2 + ["fine"] * 3
    assert int(resumed.updates) == int(whole.updates) == 3 * 4
    assert not resumed.backbone[0].weight.requires_grad


def test_a_run_depends_on_the_seed_and_not_on_what_ran_before() -> None:
    first, second, other = build(Hard), build(Hard), build(Hard)
    trained(first)
    torch.rand(7)
    trained(second)
    trainer = Trainer(other, training_set(), Accelerator(cpu=True), 1, Watch().hooks())
    trainer.run()
    assert same(first.state_dict(), second.state_dict())
    assert not same(first.state_dict(), other.state_dict())


def test_evaluation_between_epochs_does_not_change_the_training() -> None:
    quiet, watched = build(Hard), build(Hard)
    trained(quiet)

    def evaluate(epoch: int) -> None:
        probabilities(watched)
        torch.rand(3)

    hooks = Hooks(evaluate, lambda state: None, lambda share, images: None)
    Trainer(watched, training_set(), Accelerator(cpu=True), 0, hooks).run()
    assert same(quiet.state_dict(), watched.state_dict())


class Adversarial(Net):
    """One stage whose step minimises for two optimisers in turn."""

    def __init__(self, setup: Setup[NetOptions]) -> None:
        super().__init__(setup)
        self.critic = nn.Linear(4, 1)
        self.before: dict[str, Tensor] = {}
        self.turn = "d"

    def optimizers(self) -> Mapping[str, Optim]:
        generator = [*self.backbone.parameters(), *self.head.parameters()]
        return {
            "g": Optim(torch.optim.AdamW(generator, lr=0.1, weight_decay=0.5)),
            "d": Optim(torch.optim.AdamW(self.critic.parameters(), lr=0.1, weight_decay=0.5)),
        }

    def step(self, batch: Batch, context: Context) -> None:  # type: ignore[override]
        for turn in ("d", "g"):
            before = {name: value.clone() for name, value in self.named_parameters()}
            score = self.critic(self.backbone(batch.images).mean(dim=(2, 3))).mean()
            logits = nn.functional.cross_entropy(self.logits(batch.images), batch.labels)
            context.minimise(score + logits, turn)
            moved = {name for name, value in self.named_parameters() if not torch.equal(value, before[name])}
            mine = {name for name in before if name.startswith("critic") == (turn == "d")}
            assert moved
            assert moved <= mine, f"turn {turn} moved {sorted(moved - mine)}"


def test_minimise_for_one_optimiser_moves_only_its_parameters() -> None:
    trained(build(Adversarial, epochs=2))


def test_minimise_drops_the_gradients_of_the_turn_before() -> None:
    class Twice(Net):
        def step(self, batch: Batch, context: Context) -> None:  # type: ignore[override]
            loss = nn.functional.cross_entropy(self.head(torch.ones(len(batch.labels), 4)), batch.labels)
            context.minimise(loss * 0)
            assert self.head.weight.grad is not None
            assert float(self.head.weight.grad.abs().max()) == 0
            context.minimise(loss.detach() + self.head.weight.sum())
            assert float(self.head.weight.grad.min()) == float(self.head.weight.grad.max()) == 1

    trained(build(Twice, epochs=1, lr=1e-6))


def test_clipping_bounds_the_gradient() -> None:
    norms = []

    class Clipped(Net):
        def optimizers(self) -> Mapping[str, Optim]:
            return {"main": Optim(torch.optim.SGD(self.parameters(), lr=1e-3), clip=0.01)}

        def stages(self) -> Sequence[Stage]:
            return [Stage("s", self.step, self.optimizers, Epochs(1), Shuffled(8), after_update=self.measure)]

        def measure(self, context: Context) -> None:
            grads = [p.grad for p in self.parameters() if p.grad is not None]
            norms.append(float(torch.linalg.vector_norm(torch.cat([g.flatten() for g in grads]))))

    trained(build(Clipped))
    assert len(norms) == 3
    assert max(norms) <= 0.01 * (1 + 1e-5)


@pytest.mark.parametrize("statistics", ["fixed", "moving"])
def test_freezing_stops_parameters_and_statistics_are_a_choice_of_their_own(statistics: Any) -> None:
    class Frozen(Net):
        def stages(self) -> Sequence[Stage]:
            return [replace(super().stages()[0], start=lambda context: freeze(self.backbone, statistics=statistics))]

    method = build(Frozen, epochs=2)
    before = {name: value.clone() for name, value in method.state_dict().items()}
    trained(method)
    after = method.state_dict()
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    running = {"backbone.1.running_mean", "backbone.1.running_var", "backbone.1.num_batches_tracked"}
    assert moved == {"head.weight", "head.bias"} | (running if statistics == "moving" else set())
    method.train()
    assert method.backbone[1].training == (statistics == "moving")
    assert method.backbone[3].training == (statistics == "moving")
    assert method.head.training


def test_gradients_pass_through_what_is_frozen() -> None:
    method = build(Net)
    freeze(method.backbone[1])
    method.logits(torch.rand(4, 3, 8, 8)).sum().backward()
    assert method.backbone[0].weight.grad.abs().sum() > 0
    assert method.backbone[1].weight.grad is None


def test_a_loss_that_is_not_finite_is_an_error_that_says_where() -> None:
    def explode(epoch: int) -> float:
        return float("nan") if epoch == 2 else 1.0

    with pytest.raises(
        MethodError, match="a finite loss; found nan; in stage 's', epoch 2, step 4; lower the learning rate"
    ):
        trained(build(of_length(Epochs(3), loss=explode)))


def test_a_method_without_stages_is_refused() -> None:
    class Idle(Net):
        def stages(self) -> Sequence[Stage]:
            return []

    with pytest.raises(MethodError, match="at least one stage; found none; in Idle"):
        trained(build(Idle))


def test_an_unknown_optimiser_is_refused() -> None:
    class Lost(Net):
        def step(self, batch: Batch, context: Context) -> None:  # type: ignore[override]
            context.minimise(super().step(batch, context), "d")

    with pytest.raises(MethodError, match="an optimiser of stage 'train': main; found 'd'"):
        trained(build(Lost))


def wrong_output(change: Callable[[Tensor], Any]) -> type[Net]:
    class Wrong(Net):
        def predict(self, batch: TestBatch) -> Output:
            return Output(change(super().predict(batch).logits))

    return Wrong


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda logits: logits[:, :2], r"logits of shape \(22, 3\); found \(22, 2\); in Wrong.predict"),
        (lambda logits: logits[:5], r"logits of shape \(22, 3\); found \(5, 3\)"),
        (lambda logits: logits.mean(dim=0), r"found \(3,\)"),
        (lambda logits: logits.numpy(), "logits of shape .* found ndarray"),
        (
            lambda logits: logits * float("nan"),
            r"\(22, 3\) probabilities; found 22 rows with NaN or infinity; in predictions of Wrong",
        ),
    ],
)
def test_wrong_predictions_are_refused(change: Callable[[Tensor], Any], message: str) -> None:
    with pytest.raises(MethodError, match=message):
        probabilities(build(wrong_output(change)))


def test_predictions_are_in_order_and_softmax_of_the_logits() -> None:
    class Echo(Net):
        def predict(self, batch: TestBatch) -> Output:
            assert not self.training
            assert not torch.is_grad_enabled()
            first = batch.images[:, :, 0, 0]
            return Output(first, {"corner": first.sum(dim=1)})

    method, images = build(Echo), training_set().images
    made, extras = predict(method, images, {}, Normalise((0.0,), (1.0,)), Accelerator(cpu=True))
    corner = images.take(np.arange(COUNT))[:, 0, 0].astype(np.float64) / 255
    expected = np.exp(corner) / np.exp(corner).sum(axis=1, keepdims=True)
    assert np.abs(made - expected).max() < 1e-6
    assert np.abs(extras["corner"] - corner.sum(axis=1)).max() < 1e-6
    assert method.training
