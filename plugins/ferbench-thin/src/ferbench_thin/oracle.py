"""The oracle of Table 2: the ensemble whose tree is told the true exogenous variable, in training and at test."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor
from torch.nn.functional import cross_entropy

from ferbench.errors import ConfigError
from ferbench.train import Batch, Context, Output, Setup, TestBatch
from ferbench_thin.equations import one_hot_bins
from ferbench_thin.networks import Ensemble, TreeGate
from ferbench_thin.options import OracleOptions
from ferbench_thin.recipe import TrainingRecipe


class Oracle(TrainingRecipe[OracleOptions]):
    """A tree-gated ensemble conditioned by the true bin of a column, one-hot.

    Attributes:
        column: the column it is told.
    """

    column: ClassVar[str]

    def __init__(self, setup: Setup[OracleOptions]) -> None:
        super().__init__(setup)
        options = setup.options
        if options.low >= options.high:
            raise ConfigError(
                expected="low below high (the paper uses −90° to 90° for rotation, 0.5 to 1 for scale)",
                found=f"low = {options.low}, high = {options.high}",
                where=f"the options of thin-oracle-{self.column}",
                remedy="give the ends of the variable's range",
            )
        self.classifier = Ensemble(self.trunk.width, options.expert_hidden, len(setup.task.classes), 2**options.depth)
        self.gate = TreeGate(options.bins, options.depth)

    def loss(self, batch: Batch, context: Context) -> Tensor:
        """Return the cross-entropy of the mixed logits (eq. 6)."""
        return cross_entropy(self._logits(batch), batch.labels)

    def predict(self, batch: TestBatch) -> Output:
        """Return the mixed logits."""
        return Output(self._logits(batch))

    def _logits(self, batch: Batch | TestBatch) -> Tensor:
        options = self.options
        told = one_hot_bins(batch.columns[self.column], options.low, options.high, options.bins)
        logits: Tensor = self.classifier(self.trunk(batch.images), self.gate(told))
        return logits


class RotationOracle(Oracle):
    """Told the column `rotation`, in degrees."""

    column = "rotation"


class ScaleOracle(Oracle):
    """Told the column `scale`."""

    column = "scale"
