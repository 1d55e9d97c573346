"""The oracle of Table 2: the ensemble whose tree is told the true exogenous variable, in training and at test."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from torch import Tensor
from torch.nn.functional import cross_entropy

from ferbench.errors import ConfigError, DataError
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
        self.initialise(self.classifier)
        self.initialise(self.gate)

    def start(self, context: Context) -> None:
        """Refuse a training set that the bins do not cover: all that is beyond an end would share its bin.

        Raises:
            DataError: a value of the column is missing, or lies outside `low` to `high`.
        """
        low, high = self.options.low, self.options.high
        values = np.asarray(context.training.columns[self.column], dtype=np.float64)
        covered = (values >= low) & (values <= high)  # a missing value is NaN: not covered either
        if not covered.all():
            raise DataError(
                expected=f"a {self.column} between low = {low} and high = {high} for every training image",
                found=f"{int((~covered).sum())} others of {len(values)}, such as {values[~covered][0]}",
                where=f"the column {self.column!r} of the training images of thin-oracle-{self.column}",
                remedy="give the ends of the variable's range as low and high, or drop images without a value",
            )

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
