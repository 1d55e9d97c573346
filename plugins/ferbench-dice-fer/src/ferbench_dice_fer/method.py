"""DICE-FER: Decoupling Identity Confounders for Enhanced Facial Expression Recognition (Aquib, Verma, Akhtar).

Equation numbers are the paper's. M and N are the two images of a pair with one expression; E is an expression code, I
an identity code. There is no public code of the authors; the README lists what the paper leaves open.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from ferbench.train import Batch, Context, Output, TestBatch
from ferbench_dice_fer.equations import adversarial, deception, distance
from ferbench_dice_fer.networks import Encoded
from ferbench_dice_fer.recipe import TrainingRecipe

SIDES = 0, 1
"""M and N."""


class DiceFER(TrainingRecipe):
    """Expression first, by what the images of a pair share; then identity, by what that leaves; then the classifier."""

    def learn_expression(self, batch: Batch, context: Context) -> Tensor:
        """Return −L^exp (eq. 8)."""
        return -self._expression_objective(self.expression.pairs(batch.images), context)

    def _expression_objective(self, pairs: Encoded, context: Context) -> Tensor:
        """Return L^exp = L_MI^exp − δ L_1 (eq. 6 to 8)."""
        options, codes = self.options, pairs.codes
        shared = codes.flip(1) if options.swap else codes  # beside M the code of N, beside N that of M
        total = -options.delta * distance(codes[:, 0], codes[:, 1], options.distance)  # eq. 7
        for side in SIDES:
            found = self.expression_statistics.of(side)(pairs.maps[:, side], shared[:, side])
            total = total + found.weighted(options.mu_exp, options.nu_exp)  # eq. 6
            found.log(context, "exp")
        return total

    def learn_identity(self, batch: Batch, context: Context) -> None:
        """Let the discriminator, then the encoders take a turn at L^id (eq. 11)."""
        with torch.set_grad_enabled(self.options.finetune_expression):
            expression = self.expression.pairs(batch.images)
        identity = self.identity.pairs(batch.images)
        order = torch.randperm(len(batch.images)).to(batch.images.device)
        told = self._told_apart(expression.codes.detach(), identity.codes.detach(), order)
        confusion = torch.stack([adversarial(real, fake) for real, fake in told]).sum()  # eq. 10
        context.log("adversarial", confusion)
        context.minimise(-confusion, "discriminator")

        # Eq. 9 is about what E leaves: it changes I alone, whether or not E is trained on.
        objective = self._identity_objective(expression.codes.detach(), identity, context)
        if self.options.zeta > 0:
            told = self._told_apart(expression.codes, identity.codes, order)
            caught = torch.stack([deception(real, fake, self.options.adversary) for real, fake in told]).sum()
            objective = objective - self.options.zeta * caught
        if self.options.finetune_expression:
            objective = objective + self._expression_objective(expression, context)
        context.minimise(-objective, "identity")

    def _identity_objective(self, expression: Tensor, identity: Encoded, context: Context) -> Tensor:
        """Return L_MI^id, of each image with its T = [E, I] (eq. 9), E being codes (B, 2, D)."""
        both = torch.cat([expression, identity.codes], dim=2)
        total = both.new_zeros(())
        for side in SIDES:
            found = self.identity_statistics.of(side)(identity.maps[:, side], both[:, side])
            total = total + found.weighted(self.options.mu_id, self.options.nu_id)
            found.log(context, "id")
        return total

    def _told_apart(self, expression: Tensor, identity: Tensor, order: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Return D's logits for E beside another image's I (real) and beside its own (fake), of M and of N."""
        told = []
        for side in SIDES:
            discriminator, codes, own = self.discriminator.of(side), expression[:, side], identity[:, side]
            told.append((discriminator(codes, own[order]), discriminator(codes, own)))
        return told

    def classify(self, batch: Batch, context: Context) -> Tensor:
        """Return the mean cross-entropy of the classifier on E."""
        with torch.set_grad_enabled(self.options.finetune_classifier):
            codes = self.expression.codes(batch.images)
        return cross_entropy(self.classifier(codes), batch.labels)

    def predict(self, batch: TestBatch) -> Output:
        """Return the classifier's logits on E; the identity encoder has no say in them."""
        return Output(self.classifier(self.expression.codes(batch.images)))

    def features(self, images: Tensor) -> Mapping[str, Tensor]:
        """Return E as `expression` and I as `identity`."""
        return {"expression": self.expression.codes(images), "identity": self.identity.codes(images)}
