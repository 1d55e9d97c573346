"""Methods that fail, each in its own way, in the epoch that the option `epoch` names."""

from __future__ import annotations

import os
import signal
from dataclasses import replace

import torch
from torch import Tensor

from ferbench.train import Batch, Context, Output, TestBatch
from ferbench_toy.learners import Learner, note_training
from ferbench_toy.options import FaultyOptions


class Faulty(Learner):
    """Does what `fault` does when its time has come."""

    options: FaultyOptions

    def _step(self, batch: Batch, context: Context) -> Tensor:
        loss = self.loss(batch)
        return self.fault(loss, context) if context.epoch >= self.options.epoch else loss

    def fault(self, loss: Tensor, context: Context) -> Tensor:
        """Fail."""
        return loss


class Raises(Faulty):
    """Raises."""

    def fault(self, loss: Tensor, context: Context) -> Tensor:
        """Raise."""
        raise RuntimeError("the toy broke, as it was told to")


class NanLoss(Faulty):
    """Gives a loss that is not a number."""

    def fault(self, loss: Tensor, context: Context) -> Tensor:
        """Return NaN."""
        return loss * float("nan")


class Hungry(Faulty):
    """Asks for more memory than there is anywhere."""

    def fault(self, loss: Tensor, context: Context) -> Tensor:
        """Allocate 4 EB."""
        return loss + torch.zeros(2**60).sum()


class Killed(Faulty):
    """Kills its own process, as the kernel does when memory runs out; goes through after `deaths` attempts."""

    def begin(self, context: Context) -> None:
        """Count the attempts."""
        self.attempt = note_training(self, context)

    def fault(self, loss: Tensor, context: Context) -> Tensor:
        """Die."""
        if self.attempt <= self.options.deaths:
            os.kill(os.getpid(), signal.SIGKILL)
        return loss


class NanLogits(Learner):
    """Predicts NaN."""

    def predict(self, batch: TestBatch) -> Output:
        """Return NaN."""
        made = super().predict(batch)
        return replace(made, logits=made.logits * float("nan"))


class WrongShape(Learner):
    """Predicts one class too many."""

    def predict(self, batch: TestBatch) -> Output:
        """Return (B, K + 1)."""
        made = super().predict(batch)
        return replace(made, logits=torch.cat([made.logits, made.logits[:, :1]], dim=1))
