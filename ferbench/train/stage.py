"""A stage: one phase of training, with its length, batches, optimisers and step."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from ferbench.train.batch import Batch
from ferbench.train.recipes import Recipe, Shuffled

if TYPE_CHECKING:
    from ferbench.train.context import Context


@dataclass(frozen=True)
class Epochs:
    """A fixed number of epochs."""

    count: int


@dataclass(frozen=True)
class Steps:
    """A fixed number of updates; the last epoch may be cut short.

    Attributes:
        count: updates in all.
        evaluate_every: updates that count as one epoch; one pass over the recipe's batches by default.
    """

    count: int
    evaluate_every: int | None = None


@dataclass(frozen=True)
class Until:
    """Until the mean training loss has not fallen for `patience` epochs.

    Attributes:
        at_most: epochs, whatever the loss does.
        patience: epochs without a fall.
        tolerance: smallest fall that counts, relative to the best loss.
    """

    at_most: int
    patience: int = 10
    tolerance: float = 1e-3


Length = Epochs | Steps | Until


@dataclass
class Optim:
    """An optimiser with its schedule.

    Attributes:
        optimizer: over the parameters that it alone updates.
        scheduler: its learning-rate schedule.
        every_step: step the schedule after each update instead of each epoch.
        clip: largest gradient norm.
    """

    optimizer: Optimizer
    scheduler: LRScheduler | None = None
    every_step: bool = False
    clip: float | None = None

    @property
    def parameters(self) -> Sequence[Tensor]:
        """The parameters it updates."""
        return [parameter for group in self.optimizer.param_groups for parameter in group["params"]]


Step = Callable[[Batch, "Context"], Tensor | None]


@dataclass(frozen=True)
class Stage:
    """One phase of training.

    Attributes:
        name: unique within the method.
        step: computes the loss of a batch and returns it; or updates through `context.minimise` itself and
            returns None.
        optimizers: builds the optimisers when the stage starts, by name.
        length: epochs, steps or a stop rule.
        recipe: how batches are drawn.
        start: work before the first batch (freezing, copying a branch). A resumed cell calls the `start` of every
            stage up to its own before it loads the saved state: what is frozen must be set there.
        after_update: work after each step (moving averages, weights that follow recent losses).
        end_of_epoch: work after each epoch; `context.statistics()` passes over the training data.
        predictive: True where epochs are evaluated and may be selected; None: the last stage only.
    """

    name: str
    step: Step
    optimizers: Callable[[], Mapping[str, Optim]]
    length: Length
    recipe: Recipe = field(default_factory=Shuffled)
    start: Callable[[Context], None] | None = None
    after_update: Callable[[Context], None] | None = None
    end_of_epoch: Callable[[Context], None] | None = None
    predictive: bool | None = None
