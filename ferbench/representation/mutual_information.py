"""Mutual information of two representations, bounded from below by a trained critic.

Donsker & Varadhan (1983): I(X; Y) ≥ E over p(x, y) of T − log E over p(x) p(y) of e^T for every function T, with
equality at T = log p(x, y) / (p(x) p(y)) + any constant. Belghazi et al., "Mutual information neural estimation",
ICML 2018, take a network for T. Here it is trained on half of the images and the bound is evaluated on the other half:
on the images it has learned, a network can exceed the mutual information at will.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from ferbench.representation.draws import halves, partners, ranks
from ferbench.representation.options import MutualInformationOptions
from ferbench.representation.representations import Measured, NotMeasured, Representations, Rows

LEAST = 8
"""Images that each part must have, or a bound would say nothing."""

PARTNERS = 4
"""Pairs in which an image comes first."""

SHUFFLES = 8
"""Pairings of the evaluation's x with other y, for the expectation under independence."""

GLANCE = 2
"""The same for each look at the pairs that choose the step."""

CHOOSING = 5
"""One in so many images to learn from is kept aside to choose the critic's step."""

Floats = npt.NDArray[np.floating[Any]]
Critic = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Paired:
    """Samples (x, y) of a joint distribution.

    Attributes:
        x: (M, D) float32.
        y: (M, E) float32.
    """

    x: Floats
    y: Floats

    def __len__(self) -> int:
        """Return M."""
        return len(self.x)


@dataclass(frozen=True)
class Samples:
    """Pairs of one joint distribution for three purposes.

    Attributes:
        taught: the critic learns from them.
        chooser: the critic is left as it was when its bound on these was highest.
        test: the bound is evaluated on them.
    """

    taught: Paired
    chooser: Paired
    test: Paired


def mutual_information_gap(given: Representations, options: MutualInformationOptions) -> Measured:
    """Return I(R_M; R_N) − I(R_M; Q_M): what R shares with R of another image of the class, less what it shares with Q.

    R is the representation `expression`, Q `identity`; M and N are different test images of one class, drawn at
    random. Keys: `expression-expression` and `expression-identity` for the two bounds and `gap`, in nats. A bound may
    fall below 0 by what it costs a critic to be wrong on images it has not seen.

    Raises:
        NotMeasured: too few test images share a class.
    """
    parts = _parts(given)
    if min(len(np.unique(first)) for first, _ in parts) < LEAST:
        raise NotMeasured(f"fewer than {LEAST} images in some part of the test images have another of their class")
    expression, identity = given.features["expression"], given.features["identity"]
    same_class = [Paired(expression[first], expression[second]) for first, second in parts]
    same_image = [Paired(expression[rows], identity[rows]) for rows in (np.unique(first) for first, _ in parts)]
    bounds: dict[str, float] = {}
    chosen: dict[str, int] = {}
    for name, sides in (("expression-expression", same_class), ("expression-identity", same_image)):
        seed = given.seed_of("mutual information", name)
        bounds[name], chosen[name] = bound_of(Samples(*sides), options, seed)
    names = ("images_learned_from", "images_that_choose_the_step", "images_tested_on")
    settings = {
        "estimator": "Donsker-Varadhan bound of a trained critic, on images it has not seen",
        "unit": "nats",
        **options.model_dump(mode="json"),
        **{name: len(np.unique(first)) for name, (first, _) in zip(names, parts, strict=True)},
        "partners_of_an_image": PARTNERS,
        "shuffles": SHUFFLES,
        "chosen_step": chosen,
    }
    # A critic that says nothing attains 0: a bound below it is worse than none, and no information to be subtracted.
    gap = max(0.0, bounds["expression-expression"]) - max(0.0, bounds["expression-identity"])
    return Measured({**bounds, "gap": gap}, settings=settings)


def _parts(given: Representations) -> list[tuple[Rows, Rows]]:
    """Return pairs of one class to learn from, to choose the step by, and to evaluate on."""
    rng = given.rng("mutual information")
    learn, test = halves(given.labels, rng)
    choosing = ranks(given.labels[learn], rng) % CHOOSING == 0
    taught, chooser = learn[~choosing], learn[choosing]
    # The few that choose find partners among those learned from; no image of the evaluation stands in any other pair.
    sets = ((taught, taught), (chooser, learn), (test, test))
    return [partners(given.labels, rows, pool, PARTNERS, rng) for rows, pool in sets]


def bound_of(samples: Samples, options: MutualInformationOptions, seed: int) -> tuple[float, int]:
    """Train a critic and return the Donsker–Varadhan bound on pairs it has not seen, in nats.

    Args:
        samples: of one joint distribution.
        options: the budget.
        seed: of initialisation and draws.

    Returns:
        The bound, and the step of the critic that was chosen; 0 is the untrained one.
    """
    taught, chooser, test = (
        _standardised(part, samples.taught) for part in (samples.taught, samples.chooser, samples.test)
    )
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.manual_seed(seed)
        critic = _Critic(taught.x.shape[1] + taught.y.shape[1], options.hidden)
        step = _train(critic, taught, chooser, options, np.random.default_rng(seed))
    return bound(critic, test, np.random.default_rng([seed, 1])), step


def _train(
    critic: _Critic, taught: Paired, chooser: Paired, options: MutualInformationOptions, rng: np.random.Generator
) -> int:
    """Leave the critic as it was when its bound on the choosing pairs was highest; return the step."""
    optimizer = torch.optim.AdamW(critic.parameters(), lr=options.lr, weight_decay=options.weight_decay)
    x, y = torch.from_numpy(taught.x), torch.from_numpy(taught.y)
    size = min(options.batch_size, len(taught))
    best, chosen, kept = bound(critic, chooser, np.random.default_rng(0), GLANCE), 0, _copied(critic)
    for step in range(1, options.steps + 1):
        drawn = torch.from_numpy(rng.choice(len(taught), size, replace=False))
        others = torch.from_numpy(rng.permutation(len(taught))[:size])
        joint, product = critic(x[drawn], y[drawn]), critic(x[drawn], y[others])
        loss = -(joint.mean() - (torch.logsumexp(product, dim=0) - np.log(size)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % options.check_every == 0 or step == options.steps:
            reached = bound(critic, chooser, np.random.default_rng(0), GLANCE)
            if reached > best:
                best, chosen, kept = reached, step, _copied(critic)
    critic.load_state_dict(kept)
    return chosen


def bound(critic: Critic, pairs: Paired, rng: np.random.Generator, shuffles: int = SHUFFLES) -> float:
    """Return mean T over the pairs − log mean e^T over shuffled ones; a constant added to T changes nothing.

    Args:
        critic: T, (M, D) and (M, E) → (M,).
        pairs: of the joint distribution.
        rng: shuffles.
        shuffles: how often, for the mean under independence.
    """
    x, y = torch.from_numpy(pairs.x), torch.from_numpy(pairs.y)
    with torch.no_grad():
        joint = critic(x, y).double()
        product = torch.cat(
            [critic(x, y[torch.from_numpy(_shuffled(len(pairs), rng))]).double() for _ in range(shuffles)]
        )
    level = joint.mean()
    return float(-(torch.logsumexp(product - level, dim=0) - np.log(len(product))))


def _shuffled(count: int, rng: np.random.Generator) -> Rows:
    """Return a cyclic order of all: nothing stays in its place."""
    order = rng.permutation(count)
    moved = np.empty(count, dtype=np.int64)
    moved[order] = np.roll(order, 1)
    return moved


def _standardised(pairs: Paired, like: Paired) -> Paired:
    def scaled(values: Floats, reference: Floats) -> Floats:
        spread = reference.std(axis=0)
        return np.ascontiguousarray((values - reference.mean(axis=0)) / np.where(spread > 0, spread, 1), np.float32)

    return Paired(scaled(pairs.x, like.x), scaled(pairs.y, like.y))


def _copied(critic: _Critic) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in critic.state_dict().items()}


class _Critic(nn.Module):
    """A perceptron of the two vectors, one after the other."""

    def __init__(self, width: int, hidden: tuple[int, ...]) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for size in hidden:
            layers += [nn.Linear(width, size), nn.ReLU()]
            width = size
        self.layers = nn.Sequential(*layers, nn.Linear(width, 1))

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Return (M, D) and (M, E) → (M,)."""
        score: Tensor = self.layers(torch.cat([x, y], dim=1))[:, 0]
        return score
