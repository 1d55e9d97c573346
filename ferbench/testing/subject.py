"""A method under test: how it is built, on what it is trained, and what it then says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from accelerate import Accelerator

from ferbench.entries import MethodEntry
from ferbench.plugins import Provided, discover, import_factory
from ferbench.testing.findings import Failed
from ferbench.testing.toys import Toys
from ferbench.train import Batch, Method, Setup, TrainingSet
from ferbench.train.loop import seed_everything
from ferbench.train.prediction import predict
from ferbench.train.task import Array
from ferbench.weights import LoadedWeights


@dataclass(frozen=True)
class Subject:
    """A method under test.

    Attributes:
        provided: its entry, and the distribution that lists it.
        options: under which it trains in seconds on toys.
        weights: pretrained weights by role, if it cannot do without.
        toys: the data.
    """

    provided: Provided[MethodEntry]
    options: Mapping[str, Any] = field(default_factory=dict)
    weights: Mapping[str, LoadedWeights] = field(default_factory=dict)
    toys: Toys = field(default_factory=Toys)

    @classmethod
    def installed(cls, name: str, **options: object) -> Subject:
        """Return an installed method by name.

        Raises:
            PluginError: there is no such method, or plugins are unsound.
        """
        registry = discover()
        registry.require_sound()
        return cls(registry.method(name, "the conformance kit"), options)

    @property
    def entry(self) -> MethodEntry:
        """Its entry."""
        return self.provided.entry

    def build(self, seed: int = 0) -> Method[Any]:
        """Return it untrained.

        Raises:
            Failed: its factory is no method.
            PluginError: its factory cannot be imported.
        """
        factory = import_factory(self.provided)
        if not (isinstance(factory, type) and issubclass(factory, Method)):
            raise Failed(f"{self.entry.factory} is no ferbench.train.Method", "derive from Method, or from Classifier")
        seed_everything(seed, "build")
        options = self.entry.config.model_validate(dict(self.options))
        made: Method[Any] = factory(Setup(self.toys.task(), options, dict(self.weights)))
        return made

    def training(self) -> TrainingSet:
        """Return the training data, with the columns that the entry asks for."""
        return self.toys.training()

    def inputs(self, training: TrainingSet) -> dict[str, Array]:
        """Return the declared test inputs."""
        return {name: training.columns[name] for name in self.entry.test_inputs}

    def predicted(
        self, method: Method[Any], data: TrainingSet | None = None
    ) -> tuple[npt.NDArray[np.float32], dict[str, Array]]:
        """Return probabilities and extras of images, by the harness's own code."""
        data = data or self.training()
        transform = method.transforms().test
        return predict(method, data.images, self.inputs(data), transform, Accelerator(cpu=True))

    def batch(self, method: Method[Any], size: int = 12) -> Batch:
        """Return a training batch of the first images, as the method's training transform leaves them."""
        data, rows = self.training(), np.arange(size)
        columns = {name: values[rows] for name, values in {**data.columns, "label": data.labels}.items()}
        views = method.transforms().train(data.images.take(rows), columns, np.random.default_rng(0))
        made = {name: torch.from_numpy(np.ascontiguousarray(values)) for name, values in views.columns.items()}
        return Batch(views.images, made.pop("label"), torch.from_numpy(rows), made)
