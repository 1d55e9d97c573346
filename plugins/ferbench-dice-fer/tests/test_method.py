"""The method under the harness's loop: what each stage learns, what it leaves alone, what is predicted."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from accelerate import Accelerator
from torch import Tensor, nn

from ferbench.train import Context, TestBatch, build_backbone
from ferbench.train.prediction import predict
from ferbench.weights import LoadedWeights
from ferbench_dice_fer.equations import adversarial, distance, donsker_varadhan
from ferbench_dice_fer.method import DiceFER


def copied(*parts: nn.Module) -> list[Tensor]:
    return [parameter.detach().clone() for part in parts for parameter in part.parameters()]


def changed(before: list[Tensor], *parts: nn.Module) -> bool:
    return any(not torch.equal(one, other) for one, other in zip(before, copied(*parts), strict=True))


def objective(toys: Any, **options: object) -> float:
    """Return the first stage's loss of one batch whose maps have four locations."""
    method = toys.build(toys.training(side=64), **options)
    context = toys.context(method, "expression")
    method.eval()  # so that every variant sees the same codes
    with torch.no_grad():
        method.expression.of(0).head.weight.mul_(30)  # codes that differ, as they do after some training
    return method.learn_expression(toys.batch(side=64), context).item()


def test_the_first_stages_loss_is_equation_8(toys: Any) -> None:
    method, batch = toys.build(delta=0.3), toys.batch()
    context = toys.context(method, "expression")
    method.eval()
    loss = method.learn_expression(batch, context).item()
    encoder, statistics = method.expression.of(0), method.expression_statistics.of(0)
    (codes_m, maps_m), (codes_n, maps_n) = encoder(batch.images[:, 0]), encoder(batch.images[:, 1])
    expected = 0.0
    for maps, codes in ((maps_m, codes_n), (maps_n, codes_m)):  # cross-referenced
        found = statistics(maps, codes)
        expected += 0.5 * found.whole.item() + 1.0 * found.places.item()
    expected -= 0.3 * distance(codes_m, codes_n, "mean").item()
    assert loss == pytest.approx(-expected, abs=1e-4)
    assert set(context.logs) == {"global_exp", "local_exp"}


def test_swapping_codes_differs_from_not_swapping(toys: Any) -> None:
    assert abs(objective(toys) - objective(toys, swap=False)) > 1e-4


@pytest.mark.parametrize(
    "options",
    [
        {"mu_exp": 0.0},
        {"nu_exp": 0.0},
        {"delta": 0.0},
        {"local": "mean"},
        {"estimator": "jsd"},
        {"distance": "sum"},
        {"negatives": "rolled"},
    ],
    ids=str,
)
def test_each_part_of_the_first_stage_counts(toys: Any, options: dict[str, object]) -> None:
    assert abs(objective(toys) - objective(toys, **options)) > 1e-6  # the same twice is the same to the last digit


class Turns:
    """Watches who takes which turn in the second stage, and what each of them changes."""

    def __init__(self, method: DiceFER, context: Context) -> None:
        self.method, self.losses, self.moved = method, {}, {}
        self._minimise = context.minimise
        context.minimise = self  # type: ignore[method-assign]

    def __call__(self, loss: Tensor, *names: str) -> None:
        (name,) = names
        parts = {part: getattr(self.method, part) for part in ("expression", "identity", "discriminator")}
        before = {part: copied(module) for part, module in parts.items()}
        self._minimise(loss, name)
        self.losses[name] = loss.item()
        self.moved[name] = {part for part, module in parts.items() if changed(before[part], module)}


def second_stage(toys: Any, **options: object) -> tuple[DiceFER, Turns, Context]:
    """Take one step of the second stage."""
    method = toys.build(**options)
    context = toys.context(method, "identity")
    turns = Turns(method, context)
    torch.manual_seed(5)
    method.learn_identity(toys.batch(), context)
    return method, turns, context


def test_expression_has_no_gradient_in_the_second_stage(toys: Any) -> None:
    method, turns, _ = second_stage(toys)
    assert all(parameter.grad is None for parameter in method.expression.parameters())
    assert all(parameter.grad is None for parameter in method.expression_statistics.parameters())
    assert turns.moved == {"discriminator": {"discriminator"}, "identity": {"identity"}}


def test_frozen_expression_keeps_its_batch_statistics(toys: Any) -> None:
    method = toys.build()
    toys.context(method, "identity")
    method.train()
    before = {name: value.clone() for name, value in method.expression.named_buffers()}
    method.learn_identity(toys.batch(), toys.context(method, "identity"))
    assert all(torch.equal(before[name], value) for name, value in method.expression.named_buffers())


def test_the_discriminators_turn_leaves_the_encoders_unchanged(toys: Any) -> None:
    for options in ({}, {"finetune_expression": True}, {"adversary": "minimax"}):
        _, turns, _ = second_stage(toys, **options)
        assert list(turns.moved) == ["discriminator", "identity"]
        assert turns.moved["discriminator"] == {"discriminator"}
        assert "discriminator" not in turns.moved["identity"]


def test_expression_trains_on_request(toys: Any) -> None:
    method, turns, _ = second_stage(toys, finetune_expression=True)
    assert turns.moved["identity"] == {"identity", "expression"}
    assert all(parameter.requires_grad for parameter in method.expression.parameters())


def test_the_discriminator_maximises_equation_10(toys: Any) -> None:
    """Real: E beside another image's I. Fake: E beside its own."""
    method, batch = toys.build(), toys.batch()
    context = toys.context(method, "identity")
    turns = Turns(method, context)
    untrained = toys.build()
    torch.manual_seed(5)
    method.learn_identity(batch, context)
    torch.manual_seed(5)
    order = torch.randperm(len(batch.images))
    untrained.train()
    untrained.expression.eval()
    with torch.no_grad():
        expression, identity = (
            untrained.expression.pairs(batch.images).codes,
            untrained.identity.pairs(batch.images).codes,
        )
        tell = untrained.discriminator.of(0)
        expected = sum(
            adversarial(tell(expression[:, side], identity[order, side]), tell(expression[:, side], identity[:, side]))
            for side in (0, 1)
        )
    assert turns.losses["discriminator"] == pytest.approx(-float(expected), abs=1e-5)
    assert not torch.equal(order, torch.arange(len(order)))


@pytest.mark.parametrize(
    ("zeta", "adversary", "expected"),
    [
        (0.0, "minimax", 0.0),
        (0.5, "minimax", -0.5 * 4 * math.log(2)),  # both terms of eq. 10, of M and of N
        (0.5, "non-saturating", 0.5 * 2 * math.log(2)),
    ],
)
def test_the_second_stages_loss_is_equation_11(toys: Any, zeta: float, adversary: str, expected: float) -> None:
    method = toys.build(lr=1e-9, zeta=zeta, adversary=adversary)
    context = toys.context(method, "identity")
    turns = Turns(method, context)
    with torch.no_grad():  # a discriminator that says 1/2 whatever it sees
        for parameter in method.discriminator.of(0).layers[-1].parameters():
            parameter.zero_()
    method.learn_identity(toys.batch(), context)
    information = 0.5 * sum(context.logs["global_id"]) + 1.0 * sum(context.logs["local_id"])
    assert turns.losses["identity"] == pytest.approx(expected - information, abs=1e-4)
    assert abs(information) > 1e-3


@pytest.mark.parametrize("options", [{"mu_id": 0.0}, {"nu_id": 0.0}], ids=str)
def test_each_part_of_the_second_stage_counts(toys: Any, options: dict[str, object]) -> None:
    assert abs(second_stage(toys)[1].losses["identity"] - second_stage(toys, **options)[1].losses["identity"]) > 1e-4


def test_identity_is_asked_what_expression_and_identity_together_tell_of_the_image(toys: Any) -> None:
    _, _, context = second_stage(toys)
    fresh, batch = toys.build().train(), toys.batch()
    fresh.expression.eval()
    expression, identity = fresh.expression.pairs(batch.images), fresh.identity.pairs(batch.images)
    both = torch.cat([expression.codes, identity.codes], dim=2)
    found = [fresh.identity_statistics.of(0)(identity.maps[:, side], both[:, side]) for side in (0, 1)]
    assert context.logs["global_id"] == pytest.approx([one.whole.item() for one in found], abs=1e-4)


def codes_of(method: DiceFER, images: Tensor) -> Tensor:
    method.eval()
    with torch.no_grad():
        return method.features(images)["expression"]


def test_the_adversarial_weight_reaches_expression_only_if_it_trains_on(toys: Any) -> None:
    """Frozen, expression cannot depend on ζ: the paper's Fig. 4 needs it to train."""
    images = torch.randn(4, 1, 32, 32, generator=torch.Generator().manual_seed(1))
    for finetune in (False, True):
        made = []
        for zeta in (0.0, 0.5):
            method = toys.build(zeta=zeta, finetune_expression=finetune, epochs=1)
            toys.train(method)
            made.append(codes_of(method, images))
        assert torch.equal(*made) != finetune


@pytest.mark.parametrize("finetune", [False, True])
def test_the_classifier_trains_alone_unless_told(toys: Any, finetune: bool) -> None:
    method = toys.build(finetune_classifier=finetune)
    context = toys.context(method, "identity")  # the stage before it, which froze
    context = toys.context(method, "classifier")
    before, others = copied(method.expression), copied(method.identity, method.discriminator)
    batch = toys.batch()
    flat = type(batch)((batch.images.flatten(0, 1),), batch.labels.flatten(), batch.index.flatten())
    loss = method.classify(flat, context)
    context.minimise(loss)
    assert loss.item() == pytest.approx(1.386, abs=0.4)
    assert changed(before, method.expression) == finetune
    assert not changed(others, method.identity, method.discriminator)


def test_expression_alone_predicts(toys: Any) -> None:
    method, images = toys.build().eval(), torch.rand(5, 1, 32, 32)
    before = method.predict(TestBatch((images,))).logits
    with torch.no_grad():
        for parameter in [*method.identity.parameters(), *method.discriminator.parameters()]:
            parameter.add_(torch.randn_like(parameter))
    assert torch.equal(method.predict(TestBatch((images,))).logits, before)
    with torch.no_grad():
        method.expression.of(0).head.bias.add_(1)
    assert not torch.equal(method.predict(TestBatch((images,))).logits, before)


def test_features_are_both_codes(toys: Any) -> None:
    method, images = toys.build().eval(), torch.rand(3, 1, 32, 32)
    made = method.features(images)
    assert set(made) == {"expression", "identity"}
    assert torch.equal(made["expression"], method.expression.of(0)(images).codes)
    assert torch.equal(made["identity"], method.identity.of(0)(images).codes)


def test_the_classifier_has_two_hidden_layers(toys: Any) -> None:
    layers = [part for part in toys.build().classifier if isinstance(part, nn.Linear)]
    assert [(one.in_features, one.out_features) for one in layers] == [(16, 16), (16, 16), (16, 4)]


def test_the_stages_lengths_batches_and_optimisers(toys: Any) -> None:
    method = toys.build(epochs=7, identity_epochs=3, classifier_lr=0.02, batch_size=10)
    first, second, third = method.stages()
    assert [(one.name, one.length.count) for one in (first, second, third)] == [
        ("expression", 7),
        ("identity", 3),
        ("classifier", 7),
    ]
    assert (first.recipe.count, second.recipe.count, third.recipe.batch_size) == (5, 5, 10)
    assert set(second.optimizers()) == {"discriminator", "identity"}
    assert third.optimizers()["classifier"].optimizer.param_groups[0]["lr"] == 0.02


def test_it_learns(toys: Any) -> None:
    training, held_out = toys.training(128), toys.training(80, noise=1)
    method = toys.build(training=training, epochs=24, identity_epochs=2, lr=3e-3)
    trainer = toys.train(method, training)
    made, _ = predict(method, held_out.images, {}, method.transforms().test, Accelerator(cpu=True))
    assert (made.argmax(axis=1) == held_out.labels).mean() > 0.6  # chance is a quarter
    by_stage = {
        name: [row for row in trainer.position.history if row["stage"] == name]
        for name in ("expression", "identity", "classifier")
    }
    assert by_stage["expression"][-1]["loss"] < by_stage["expression"][0]["loss"] - 0.5
    assert by_stage["expression"][-1]["local_exp"] > by_stage["expression"][0]["local_exp"] + 0.5
    assert by_stage["identity"][-1]["local_id"] > by_stage["identity"][0]["local_id"]
    assert by_stage["classifier"][-1]["loss"] < by_stage["classifier"][0]["loss"]


@pytest.mark.parametrize(
    "options",
    [
        {"encoders": "separate"},
        {"estimator": "jsd", "local": "mean"},
        {"adversary": "minimax", "finetune_expression": True, "finetune_classifier": True, "clip": 1.0},
        {"swap": False, "augment": "rotations", "whiten": False},
        {"augment": "none", "distance": "sum"},
    ],
    ids=str,
)
def test_every_choice_trains_and_predicts(toys: Any, options: dict[str, object]) -> None:
    method = toys.build(epochs=1, **options)
    before = copied(method)
    trainer = toys.train(method, toys.training(32))
    assert changed(before, method)
    assert [row["stage"] for row in trainer.position.history] == ["expression", "identity", "classifier"]
    made, _ = predict(method, toys.training(8).images, {}, method.transforms().test, Accelerator(cpu=True))
    assert made.shape == (8, 4)


@pytest.mark.parametrize(("stop_after", "options"), [(1, {}), (3, {}), (5, {}), (3, {"finetune_expression": True})])
def test_a_resumed_cell_goes_on_exactly(toys: Any, stop_after: int, options: dict[str, object]) -> None:
    training = toys.training(32)
    whole = toys.build(augment="rotations", **options)
    expected = toys.train(whole, training)
    toys.train(toys.build(augment="rotations", **options), training, stop_after=stop_after)
    assert len(toys.saved) == stop_after
    saved = toys.saved[-1]
    resumed = toys.build(augment="rotations", **options)
    trainer = toys.train(resumed, training, saved=saved)
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name
    assert trainer.position.history == expected.position.history


@pytest.mark.parametrize("encoders", ["shared", "separate"])
def test_weights_reach_every_encoder(toys: Any, encoders: str) -> None:
    torch.manual_seed(7)
    backbone = build_backbone("resnet-tiny")  # of colour images, as face recognition's are
    weights = LoadedWeights("faces", backbone.state_dict(), "0", (0.4, 0.5, 0.6), (0.2, 0.2, 0.2))
    method = toys.build(weights={"backbone": weights}, encoders=encoders)
    for encoder in [*method.expression, *method.identity]:
        assert torch.equal(encoder.backbone.layer4[0].conv1.weight, backbone.layer4[0].conv1.weight)
        assert torch.allclose(encoder.backbone.conv1[0].weight, backbone.conv1[0].weight.mean(dim=1, keepdim=True))


def test_whitening_makes_brightness_and_contrast_alike(toys: Any) -> None:
    images = toys.training(4).images.take(torch.arange(4).numpy())
    darker = (images // 2 + 10).astype(images.dtype)
    see: Callable[..., Tensor] = lambda method, given: method.transforms().test(given, {}, None).images[0]  # noqa: E731
    white, plain = toys.build(), toys.build(whiten=False)
    assert torch.allclose(see(white, images), see(white, darker), atol=0.1)
    assert not torch.allclose(see(plain, images), see(plain, darker), atol=0.1)


def test_colour_images_train(toys: Any) -> None:
    training = toys.training(32, channels=3)
    toys.train(toys.build(training=training, epochs=1), training)


def test_the_estimate_of_the_method_is_the_estimators(toys: Any) -> None:
    method = toys.build()
    assert method.expression_statistics.of(0).form.estimator is donsker_varadhan
