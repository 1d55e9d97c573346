"""The training loop: stages, several optimisers, freezing, exact resumption, and contracts that are checked."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from accelerate import Accelerator
from torch import Tensor, nn
from toyfaces.methods import Net
from toyfaces.options import NetOptions

from ferbench.errors import MethodError
from ferbench.train import (
    Batch,
    Context,
    Epochs,
    FlipShift,
    Groups,
    Method,
    Normalise,
    Optim,
    Output,
    Setup,
    Shuffled,
    Stage,
    Steps,
    Task,
    TestBatch,
    TrainingSet,
    Transforms,
    Until,
    Views,
    freeze,
)
from ferbench.train.loop import Hooks, Trainer, seed_everything
from ferbench.train.prediction import predict
from ferbench.train.task import ImageRows

COUNT, CLASSES = 22, 3


def training_set() -> TrainingSet:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (COUNT + 9, 8, 8, 3), dtype=np.uint8)
    labels = np.arange(COUNT) % CLASSES
    columns = {"pose": rng.uniform(-60, 60, COUNT).astype(np.float32), "subject": np.arange(COUNT) // 4}
    return TrainingSet(ImageRows(images, np.arange(COUNT) + 5), labels, columns)


def build(kind: type[Method[Any]], **options: object) -> Any:
    seed_everything(0, "build")
    task = Task(tuple("abc"), (8, 8, 3), COUNT, (8, 7, 7))
    return kind(Setup(task, NetOptions.model_validate(options)))


class Watch:
    """The harness around a training run: notes what happens, and may stop it after some epochs."""

    def __init__(self, stop_after: int | None = None) -> None:
        self.evaluated: list[int] = []
        self.saved: list[bytes] = []
        self.images = 0
        self.shares: list[float] = []
        self.stop_after = stop_after

    def hooks(self, evaluate_every: int = 1) -> Hooks:
        return Hooks(self.evaluated.append, self._save, self._progress, evaluate_every)

    def _save(self, state: Callable[[], dict[str, Any]]) -> None:
        stream = io.BytesIO()
        torch.save(state(), stream)
        self.saved.append(stream.getvalue())
        if self.stop_after is not None and len(self.saved) == self.stop_after:
            raise KeyboardInterrupt

    def _progress(self, share: float, images: int) -> None:
        self.images += images
        self.shares.append(share)


def trained(
    method: Method[Any], watch: Watch | None = None, saved: bytes | None = None, evaluate_every: int = 1
) -> Trainer:
    watch = watch or Watch()
    trainer = Trainer(method, training_set(), Accelerator(cpu=True), 0, watch.hooks(evaluate_every))
    trainer.run(None if saved is None else torch.load(io.BytesIO(saved), weights_only=False))
    return trainer


def probabilities(method: Method[Any]) -> npt.NDArray[np.float32]:
    images = training_set().images
    return predict(method, images, {}, method.transforms().test, Accelerator(cpu=True))[0]


class Hard(Net):
    """Two stages, state for each sample, a schedule for each, dropout and random numbers in the step."""

    def __init__(self, setup: Setup[NetOptions]) -> None:
        super().__init__(setup)
        self.register_buffer("losses", torch.zeros(COUNT))
        self.register_buffer("average", torch.zeros(CLASSES, 4))
        self.register_buffer("updates", torch.zeros((), dtype=torch.int64))
        self.critic = nn.Linear(4, 1)

    def stages(self) -> Sequence[Stage]:
        return [
            Stage("warm", self.warm, self._warm_optims, Epochs(2), Shuffled(6), end_of_epoch=self.learn_averages),
            Stage("fine", self.fine, self._fine_optims, Epochs(3), Groups(3, 2), start=self.begin_fine,
                  after_update=self.count),
        ]  # fmt: skip

    def warm(self, batch: Batch, context: Context) -> Tensor:
        each = nn.functional.cross_entropy(self.logits(batch.images), batch.labels, reduction="none")
        self.losses[batch.index] = each.detach()
        context.record("loss", batch.index, each)
        return each.mean()

    def begin_fine(self, context: Context) -> None:
        freeze(self.backbone[0])

    def fine(self, batch: Batch, context: Context) -> None:
        images = batch.images.flatten(0, 1)
        maps = self.backbone(images).mean(dim=(2, 3))
        noisy = maps + 0.1 * torch.randn_like(maps)
        context.minimise(self.critic(noisy.detach()).square().mean() + self.critic.bias.sum(), "critic")
        loss = nn.functional.cross_entropy(self.head(noisy), batch.labels.flatten())
        context.minimise(loss - 0.01 * self.critic(noisy).mean(), "main")
        context.log("loss", loss)
        context.keep("averages", self.average)

    def learn_averages(self, context: Context) -> None:
        total = torch.zeros_like(self.average)
        for batch in context.statistics(batch_size=5):
            total.index_add_(0, batch.labels, self.backbone(batch.images).mean(dim=(2, 3)))
        self.average.copy_(0.5 * self.average + 0.5 * total)

    def count(self, context: Context) -> None:
        self.updates += 1

    def _warm_optims(self) -> Mapping[str, Optim]:
        sgd = torch.optim.SGD(self.parameters(), lr=0.1, momentum=0.9)
        return {"main": Optim(sgd, torch.optim.lr_scheduler.StepLR(sgd, 1, 0.5), clip=1.0)}

    def _fine_optims(self) -> Mapping[str, Optim]:
        main = torch.optim.Adam([p for p in [*self.backbone.parameters(), *self.head.parameters()] if p.requires_grad])
        critic = torch.optim.SGD(self.critic.parameters(), lr=0.1, momentum=0.9)
        cosine = torch.optim.lr_scheduler.CosineAnnealingLR(main, 9)
        return {"main": Optim(main, cosine, every_step=True), "critic": Optim(critic)}


def same(first: Mapping[str, Tensor], second: Mapping[str, Tensor]) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


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


def of_length(length: Any, batch_size: int = 8, loss: Callable[[int], float] = lambda step: 1.0) -> type[Net]:
    class Long(Net):
        def stages(self) -> Sequence[Stage]:
            return [Stage("s", self.step, self.optimizers, length, Shuffled(batch_size))]

        def step(self, batch: Batch, context: Context) -> Tensor:
            return super().step(batch, context) * 0 + loss(context.epoch)

    return Long


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
