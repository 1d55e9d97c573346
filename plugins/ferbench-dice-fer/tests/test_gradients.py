"""What each turn of training learns from: the gradients of every network against the equations written out."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, l1_loss

from ferbench.train import Batch, Context
from ferbench_dice_fer.method import DiceFER

SIDES = (0, 1)
ENCODERS = pytest.mark.parametrize("encoders", ["shared", "separate"])
Gradients = dict[str, Tensor]


def gradients(method: DiceFER, loss: Tensor) -> Gradients:
    """Return the gradient of every parameter that the loss trains."""
    trained = {name: value for name, value in method.named_parameters() if value.requires_grad}
    found = torch.autograd.grad(loss, list(trained.values()), retain_graph=True, allow_unused=True)
    return {name: value for name, value in zip(trained, found, strict=True) if value is not None}


def check_alike(found: Gradients, expected: Gradients) -> None:
    assert found.keys() == expected.keys()
    for name, value in found.items():
        assert torch.allclose(value, expected[name], rtol=1e-3, atol=1e-5), name
    assert any(value.abs().max() > 1e-3 for value in found.values())


def parts(names: Gradients) -> set[str]:
    return {name.split(".")[0] for name in names}


def equation_8(method: DiceFER, batch: Batch, swap: bool) -> Tensor:
    """Return L^exp, each image by the encoder, and its information by the statistics networks, of its side."""
    options = method.options
    seen = [method.expression.of(side)(batch.images[:, side]) for side in SIDES]
    total = -options.delta * l1_loss(seen[0].codes, seen[1].codes)
    for side in SIDES:
        code = seen[1 - side if swap else side].codes
        found = method.expression_statistics.of(side)(seen[side].maps, code)
        total = total + options.mu_exp * found.whole + options.nu_exp * found.places
    return total


@ENCODERS
@pytest.mark.parametrize("swap", [True, False])
def test_the_first_stage_trains_encoders_and_statistics_networks_by_equation_8(
    toys: Any, encoders: str, swap: bool
) -> None:
    method, batch = toys.build(encoders=encoders, swap=swap, delta=0.3), toys.batch()
    context = toys.context(method, "expression")
    method.eval()  # batch norm would see the images of both sides together
    found = gradients(method, method.learn_expression(batch, context))
    assert parts(found) == {"expression", "expression_statistics"}
    check_alike(found, gradients(method, -equation_8(method, batch, swap)))


class SecondStage:
    """Holds each turn of one step of the second stage against eq. 10 and 11, in the state that it starts from."""

    def __init__(self, toys: Any, **options: object) -> None:
        self.method: DiceFER = toys.build(zeta=0.5, lr=1e-2, **options)
        self.batch: Batch = toys.batch()
        context: Context = toys.context(self.method, "identity")
        self.method.eval()
        self.found: dict[str, Gradients] = {}
        self.expected: dict[str, Gradients] = {}
        self._minimise = context.minimise
        context.minimise = self._watch  # type: ignore[method-assign]
        torch.manual_seed(5)
        self.order = torch.randperm(len(self.batch.images))
        torch.manual_seed(5)
        self.method.learn_identity(self.batch, context)

    def _watch(self, loss: Tensor, name: str) -> None:
        goal = self._discriminator() if name == "discriminator" else self._identity()
        self.found[name], self.expected[name] = gradients(self.method, loss), gradients(self.method, goal)
        self._minimise(loss, name)

    def _codes(self) -> tuple[list[Any], list[Any]]:
        method, images = self.method, self.batch.images
        return (
            [method.expression.of(side)(images[:, side]) for side in SIDES],
            [method.identity.of(side)(images[:, side]) for side in SIDES],
        )

    def _told(self, side: int, expression: Tensor, identity: Tensor) -> tuple[Tensor, Tensor]:
        """Return D's logits of codes drawn independently and of an image's own."""
        tell = self.method.discriminator.of(side)
        return tell(expression, identity[self.order]), tell(expression, identity)

    def _discriminator(self) -> Tensor:
        with torch.no_grad():
            expression, identity = self._codes()
        total = torch.zeros(())
        for side in SIDES:
            real, fake = self._told(side, expression[side].codes, identity[side].codes)
            total = total + _says(real, 1) + _says(fake, 0)
        return total

    def _identity(self) -> Tensor:
        options, (expression, identity) = self.method.options, self._codes()
        total = torch.zeros(())
        for side in SIDES:
            codes, own = expression[side].codes, identity[side].codes
            told = torch.cat([codes.detach(), own], dim=1)  # eq. 9 changes I alone
            found = self.method.identity_statistics.of(side)(identity[side].maps, told)
            real, fake = self._told(side, codes, own)
            minimax = options.adversary == "minimax"
            caught = -_says(real, 1) - _says(fake, 0) if minimax else _says(fake, 1)
            total = total - options.mu_id * found.whole - options.nu_id * found.places + options.zeta * caught
        return total - equation_8(self.method, self.batch, True) if options.finetune_expression else total


def _says(logits: Tensor, answer: int) -> Tensor:
    return binary_cross_entropy_with_logits(logits, torch.full_like(logits, answer))


@ENCODERS
@pytest.mark.parametrize("finetune", [False, True])
@pytest.mark.parametrize("adversary", ["non-saturating", "minimax"])
def test_the_second_stage_takes_turns_by_equations_10_and_11(
    toys: Any, encoders: str, finetune: bool, adversary: str
) -> None:
    stage = SecondStage(toys, encoders=encoders, finetune_expression=finetune, adversary=adversary)
    assert list(stage.found) == ["discriminator", "identity"]
    assert parts(stage.found["discriminator"]) == {"discriminator"}
    more = {"expression", "expression_statistics"} if finetune else set()
    assert parts(stage.found["identity"]) == {"identity", "identity_statistics", "discriminator"} | more
    for name, found in stage.found.items():
        check_alike(found, stage.expected[name])
