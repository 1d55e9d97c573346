"""The network that Ada-DF starts from, trained on single labels: the baseline of its ablation (Table 2, first row)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from ferbench.train import Batch, Context, Output, TestBatch
from ferbench_ada_df.network import Branch
from ferbench_ada_df.options import RecipeOptions
from ferbench_ada_df.recipe import TrainingRecipe


class SingleLabel(TrainingRecipe[RecipeOptions]):
    """One branch, cross-entropy."""

    branch: Branch

    def build(self, body: nn.Module, width: int, classes: int) -> None:
        """Make the branch."""
        self.branch = Branch(body, width, classes)

    def step(self, batch: Batch, context: Context) -> Tensor:
        """Return the mean cross-entropy over all views."""
        logits = self.branch(self.stem(torch.cat(batch.views)))
        return cross_entropy(logits, batch.labels.repeat(len(batch.views)))

    def predict(self, batch: TestBatch) -> Output:
        """Return the mean logits of the views."""
        return Output(torch.stack([self.branch(self.stem(view)) for view in batch.views]).mean(dim=0))

    def features(self, images: Tensor) -> Mapping[str, Tensor]:
        """Return the pooled features as the expression representation."""
        return {"expression": self.branch.body(self.stem(images))}
