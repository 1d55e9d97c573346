"""THIN: THrowable Information Networks (Arnaud, Dapogny, Bailly), and the architectures of its Fig. 3.

Equation and section numbers are the paper's. No public code of the authors was found.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from ferbench.errors import ConfigError
from ferbench.train import Batch, Context, Output, Setup, TestBatch, freeze
from ferbench_thin.equations import absolute_cosine
from ferbench_thin.exogenous import ExogenousNetwork, Seen, exogenous_network
from ferbench_thin.networks import Classifier, Ensemble, TreeGate
from ferbench_thin.options import ThinOptions
from ferbench_thin.recipe import TrainingRecipe
from ferbench_thin.remembered import Remembered

GATED = ("exogenous-gated", "thin")
ROLE = "exogenous."
ENDOGENOUS = "expression"


class Thin(TrainingRecipe[ThinOptions]):
    """An ensemble whose weak classifiers are weighted by a tree that exogenous networks condition.

    Weights: roles `exogenous.NAME`, one for each exogenous variable; several are concatenated in front of the tree.
    Role `backbone` for the endogenous representation to start from.

    Attributes:
        trunk: F, the endogenous representation.
        classifier: a single classifier (baseline) or the ensemble.
        gate: the tree; None without one.
        exogenous: γ and c of each exogenous variable, frozen.
    """

    def __init__(self, setup: Setup[ThinOptions]) -> None:
        check_roles(setup)
        super().__init__(setup)
        options, classes = setup.options, len(setup.task.classes)
        self.exogenous = nn.ModuleDict(
            {
                role.removeprefix(ROLE): exogenous_network(
                    role, setup.weights[role], options.trunk, setup.task.image_shape, self.normalise()
                )
                for role in exogenous_roles(setup)
            }
        )
        freeze(self.exogenous)  # batch norm too: in evaluation mode for good (section 3.1)
        self.classifier: Classifier | Ensemble
        if options.architecture == "baseline":
            self.classifier = Classifier(self.trunk.width, options.hidden, classes)
        else:
            self.classifier = Ensemble(self.trunk.width, options.expert_hidden, classes, 2**options.depth)
        width = self._condition_width()
        self.gate = None if width is None else TreeGate(width, options.depth, batch_norm=options.gate_norm != "none")
        for part in (self.classifier, self.gate):
            if part is not None:
                self.initialise(part)
        self._remembered: Remembered | None = None

    def _condition_width(self) -> int | None:
        if self.options.architecture == "tree-gated":
            return self.trunk.width
        if self.options.architecture in GATED:
            return sum(network.condition_width(self.options.gate_input) for network in self.networks.values())
        return None

    @property
    def networks(self) -> Mapping[str, ExogenousNetwork]:
        """The exogenous networks by variable."""
        return {name: part for name, part in self.exogenous.items() if isinstance(part, ExogenousNetwork)}

    def start(self, context: Context) -> None:
        """Look once at images that no augmentation changes: what frozen networks say of them never changes."""
        if self.networks and self.options.augment == "none":
            self._remembered = Remembered.of(context, self._see, self.options.gate_input)

    def loss(self, batch: Batch, context: Context) -> Tensor:
        """Return L = L_sup + λ L_sim (eq. 6 to 8)."""
        condition, said = self._conditioned(batch)
        endogenous = self.trunk(batch.images)
        loss = cross_entropy(self._classified(endogenous, condition), batch.labels)
        if self.options.architecture == "thin":
            similarity = self._similarities(endogenous, said).mean()
            context.log("similarity", similarity)
            loss = loss + self.options.dispelling * similarity
        return loss

    def predict(self, batch: TestBatch) -> Output:
        """Return the mixed logits; extras: `cosine` (B, variables), `gate` (B, L)."""
        endogenous = self.trunk(batch.images)
        seen = self._see(batch.images)
        condition = self._condition([one.condition(self.options.gate_input) for one in seen])
        gate = self._gate(endogenous, condition)
        extras: dict[str, Tensor] = {}
        if seen:
            extras["cosine"] = self._similarities(endogenous, [one.logits for one in seen])
        if gate is not None and self.options.record_gate:
            extras["gate"] = gate
        return Output(self._mixed(endogenous, gate), extras)

    def features(self, images: Tensor) -> Mapping[str, Tensor]:
        """Return h_endo as `expression`, and h_exo of each variable under its name (`identity`, `rotation`)."""
        seen = zip(self.networks, self._see(images), strict=True)
        return {ENDOGENOUS: self.trunk(images), **{name: one.representation for name, one in seen}}

    def _see(self, images: Tensor) -> list[Seen]:
        with torch.no_grad():
            return [network(images) for network in self.networks.values()]

    def _conditioned(self, batch: Batch) -> tuple[Tensor | None, Sequence[Tensor]]:
        """Return what conditions the tree (B, D), and z_exo of the exogenous representations."""
        if not self.networks:
            return None, []
        if self._remembered is not None:
            return self._remembered.of_batch(batch.index)
        seen = self._see(batch.images)
        return self._condition([one.condition(self.options.gate_input) for one in seen]), [one.logits for one in seen]

    @staticmethod
    def _condition(parts: Sequence[Tensor]) -> Tensor | None:
        return torch.cat(list(parts), dim=1) if parts else None

    def _gate(self, endogenous: Tensor, condition: Tensor | None) -> Tensor | None:
        if self.gate is None:
            return None
        gate: Tensor = self.gate(endogenous if condition is None else condition)
        return gate

    def _mixed(self, endogenous: Tensor, gate: Tensor | None) -> Tensor:
        logits: Tensor = self.classifier(endogenous) if gate is None else self.classifier(endogenous, gate)
        return logits

    def _classified(self, endogenous: Tensor, condition: Tensor | None) -> Tensor:
        return self._mixed(endogenous, self._gate(endogenous, condition))

    def _similarities(self, endogenous: Tensor, said: Sequence[Tensor]) -> Tensor:
        """Return |cos| of eq. 7 for each variable (B, V); the gradient goes through c into F alone."""
        pairs = zip(self.networks.values(), said, strict=True)
        return torch.stack([absolute_cosine(own, network.classifier(endogenous)) for network, own in pairs], dim=1)


def exogenous_roles(setup: Setup[ThinOptions]) -> list[str]:
    """Return the roles of exogenous networks, in order of their names."""
    return sorted(role for role in setup.weights if role.startswith(ROLE))


def check_roles(setup: Setup[ThinOptions]) -> None:
    """Refuse a gate without an exogenous network, such a network without a gate, and a role without a proper name.

    Raises:
        ConfigError: any of these.
    """
    architecture, roles = setup.options.architecture, exogenous_roles(setup)
    for role in roles:
        _check_name(role)
    if (architecture in GATED) == bool(roles):
        return
    raise ConfigError(
        expected="weights of an exogenous network in a role such as exogenous.identity (the paper uses identity for "
        "faces, rotation and scale for digits and sprites)"
        if not roles
        else f"no exogenous network with architecture = {architecture!r}",
        found="none" if not roles else ", ".join(roles),
        where=f"the entry of thin, architecture = {architecture!r}",
        remedy='add weights = { "exogenous.identity" = "a name of [weights]" }'
        if not roles
        else "remove those weights, or choose exogenous-gated or thin",
    )


def _check_name(role: str) -> None:
    """Refuse a variable that no part of a module, or no representation, can be named after."""
    name = role.removeprefix(ROLE)
    if name and "." not in name and name != ENDOGENOUS and not hasattr(nn.ModuleDict(), name):
        return
    raise ConfigError(
        expected=f"a role {ROLE}NAME, NAME a word without a dot and not {ENDOGENOUS!r}, the name of the endogenous "
        "representation, nor one that torch keeps for itself (keys, type, training)",
        found=repr(role),
        where="the weights of the entry of thin",
        remedy="name the exogenous variable otherwise, such as exogenous.identity or exogenous.rotation",
    )
