"""Run one training spec: split, build, train, predict, and say what came out. The only place that sees test labels."""

from __future__ import annotations

import copy
import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState

from ferbench.data.store import Store
from ferbench.errors import ConfigError, DataError, MethodError
from ferbench.options import Options, parse_options
from ferbench.plugins import Registry, import_factory
from ferbench.predictions import Predictions
from ferbench.protocols.base import Fold
from ferbench.representation.representations import Representations
from ferbench.run.cost import flops_of, peak_memory, reset_peak_memory
from ferbench.run.division import divide, tested_columns
from ferbench.run.faceless import with_unseen
from ferbench.run.outcome import Outcome, Selection
from ferbench.run.representation import measured
from ferbench.spec import TrainingSpec
from ferbench.train.loop import Hooks, Trainer, seed_everything
from ferbench.train.method import Method, Setup
from ferbench.train.prediction import predict, represent
from ferbench.train.task import Array, Column, ImageRows, Task, TrainingSet, encode
from ferbench.train.transforms import Normalise
from ferbench.weights import LoadedWeights


@dataclass(frozen=True)
class Services:
    """What a cell is lent while it runs.

    Attributes:
        registry: installed plugins.
        weights: loaded weights by role.
        checkpoint: file to resume from and to save to; None: no checkpoints.
        save: called with the training state when a checkpoint may be due.
        progress: called with the share done and the images seen; raises to stop.
        keep_state: keep the parameters of the selected epoch.
    """

    registry: Registry
    weights: Mapping[str, LoadedWeights] = field(default_factory=dict)
    checkpoint: Path | None = None
    save: Callable[[Callable[[], dict[str, Any]]], None] = lambda _state: None
    progress: Callable[[float, int], None] = lambda _share, _images: None
    keep_state: bool = False


@dataclass
class _Cell:
    """The parts of one run."""

    spec: TrainingSpec
    services: Services
    store: Store
    test_store: Store
    fold: Fold
    hidden: frozenset[str]

    def training_set(self) -> tuple[TrainingSet, dict[str, Column]]:
        """Copy the training rows of every column a method may see; nothing of the test rows comes along."""
        columns: dict[str, Array] = {}
        kinds: dict[str, Column] = {}
        for name in self.store.info["columns"]:
            if name not in self.hidden:
                columns[name], kinds[name] = encode(self.store.column(name)[self.fold.train])
        images = ImageRows(self.store.images, self.fold.train)
        labels = self.fold.train_labels.copy()
        for array in (labels, *columns.values()):
            array.setflags(write=False)  # what a method changes must be state of its own, or a resume would lose it
        return TrainingSet(images, labels, columns), kinds

    def inputs(self, store: Store, rows: npt.NDArray[np.int64], kinds: Mapping[str, Column]) -> dict[str, Array]:
        """Return the declared test inputs, coded as in training."""
        entry = self.services.registry.method(self.spec.method, "cell").entry
        result: dict[str, Array] = {}
        for name in entry.test_inputs:
            values, categories = store.column(name)[rows], kinds[name].categories
            if categories is None:
                result[name] = _known(values.astype(np.float32), name, self.spec.method)
            else:
                codes = {category: code for code, category in enumerate(categories)}
                unseen = sorted({str(value) for value in values} - codes.keys())
                if unseen:
                    raise DataError(
                        expected=f"test values of {name!r} that occur in training",
                        found=f"{len(unseen)} that do not, such as {unseen[0]!r}",
                        where=f"the test input {name!r} of {self.spec.method}",
                        remedy="use a protocol that has them on both sides",
                    )
                result[name] = np.asarray([codes[str(value)] for value in values], dtype=np.int64)
        return result


def _known(values: Array, name: str, method: str) -> Array:
    unknown = int(np.isnan(values).reshape(len(values), -1).any(axis=1).sum())
    if unknown:
        raise DataError(
            expected=f"a value of {name!r} for every image that is predicted",
            found=f"none for {unknown} of {len(values)}",
            where=f"the test input {name!r} of {method}",
            remedy="drop the images without it, or use a method that does without",
        )
    return values


def make_accelerator(compute: Mapping[str, Any]) -> Accelerator:
    """Return an accelerator with the cell's precision; one process may run cells of different precision in turn."""
    AcceleratorState._reset_state()  # the library keeps the first precision of a process for good
    precision = "bf16" if compute["precision"] == "bf16" else "no"
    accelerator = Accelerator(mixed_precision=precision)
    if accelerator.num_processes > 1:
        raise ConfigError(
            expected="one process a cell",
            found=f"{accelerator.num_processes} processes (started by a distributed launcher)",
            where="the environment",
            remedy="start 'ferbench run' itself; --workers shares cells out over several GPUs",
        )
    return accelerator


def run_training(spec: TrainingSpec, services: Services) -> Outcome:
    """Train and test a spec.

    Raises:
        FerbenchError: data, weights or method break their contract.
        Exception: whatever a method raises.
    """
    store = Store.open(spec.data)
    test_store = Store.open(spec.test) if spec.test is not None else store
    fold = divide(spec, store, test_store, services.registry)
    cell = _Cell(spec, services, store, test_store, fold, frozenset(store.info["hidden"]))
    training, kinds = cell.training_set()
    _set_threads(spec)
    accelerator = make_accelerator(spec.compute)
    method = _build(cell, training, kinds)
    if spec.compute["channels_last"]:
        method.to(memory_format=torch.channels_last)
    method.to(accelerator.device)
    return _train_and_test(cell, method, training, kinds, accelerator)


def _set_threads(spec: TrainingSpec) -> None:
    import cv2

    threads = int(spec.compute["threads"])
    torch.set_num_threads(threads)
    cv2.setNumThreads(threads)


def _build(cell: _Cell, training: TrainingSet, kinds: Mapping[str, Column]) -> Method[Options]:
    spec, fold = cell.spec, cell.fold
    where = f"method {spec.method}"
    provided = cell.services.registry.method(spec.method, where)
    height, width, channels = cell.store.images.shape[1:]
    task = Task(
        classes=fold.classes,
        image_shape=(height, width, channels),
        samples=len(training),
        class_counts=tuple(np.bincount(training.labels, minlength=len(fold.classes)).tolist()),
        columns=kinds,
        seed=spec.seed,
        target=spec.target,
    )
    options = parse_options(provided.entry.config, spec.options, where)
    seed_everything(spec.seed, "build")
    made = import_factory(provided)(Setup(task, options, cell.services.weights))
    if not isinstance(made, Method):
        raise MethodError(
            expected="a ferbench.train.Method",
            found=type(made).__name__,
            where=f"factory {provided.entry.factory}",
            remedy="derive the class from Method or Classifier",
        )
    return made


class _Examination:
    """Predicts the validation and the test part, and joins the answers with what is true."""

    def __init__(
        self, cell: _Cell, method: Method[Options], kinds: Mapping[str, Column], accelerator: Accelerator
    ) -> None:
        self._fold, self._method, self._accelerator = cell.fold, method, accelerator
        self._seed = cell.spec.seed
        self._transform = method.transforms().test
        self._ids = cell.test_store.strings("id")[cell.fold.test]
        self._columns = tested_columns(cell.test_store, cell.fold)
        self._seen = ~cell.test_store.dropped[cell.fold.test]
        rows = cell.fold.test[self._seen]
        self._validation = (
            ImageRows(cell.store.images, cell.fold.validation),
            cell.inputs(cell.store, cell.fold.validation, kinds),
        )
        self._test = ImageRows(cell.test_store.images, rows), cell.inputs(cell.test_store, rows, kinds)

    def __call__(self) -> tuple[float, float, Predictions]:
        """Return validation accuracy, validation loss and test predictions of the method as it is now."""
        labels = self._fold.validation_labels
        guess, _ = predict(self._method, *self._validation, self._transform, self._accelerator)
        share = float((guess.argmax(axis=1) == labels).mean())
        chosen = guess[np.arange(len(guess)), labels].astype(np.float64)
        loss = float(-np.log(np.maximum(chosen, 1e-12)).mean())
        answers = predict(self._method, *self._test, self._transform, self._accelerator)
        return share, loss, self.joined(*with_unseen(*answers, self._seen, self._ids, self._fold.test_labels))

    def joined(self, probabilities: Array, extras: Mapping[str, Array]) -> Predictions:
        """Return answers to all test images with the true labels."""
        made, fold = probabilities.astype(np.float32), self._fold
        return Predictions(self._ids, made, fold.test_labels, fold.classes, self._columns, extras)

    def represented(self) -> Representations:
        """Return representations of the test images that have a face to look at, with what is true of these."""
        features = represent(self._method, *self._test, self._transform, self._accelerator)
        columns = {name: values[self._seen] for name, values in self._columns.items()}
        labels, ids = self._fold.test_labels[self._seen], self._ids[self._seen]
        return Representations(features, labels, self._fold.classes, columns, self._seed, ids)


def _train_and_test(
    cell: _Cell,
    method: Method[Options],
    training: TrainingSet,
    kinds: Mapping[str, Column],
    accelerator: Accelerator,
) -> Outcome:
    services = cell.services
    examination = _Examination(cell, method, kinds, accelerator)

    outcome = Outcome(cell.fold, cell.fold.classes)
    keep = services.keep_state or bool(cell.spec.representation_metrics)
    selection = Selection(outcome, examination, (lambda: _state_of(method)) if keep else None)
    hooks = Hooks(
        evaluated=selection,
        checkpoint=lambda training_state: services.save(
            lambda: {"training": training_state(), "selection": selection.saved(), "made_by": _arithmetic()}
        ),
        progress=services.progress,
        evaluate_every=int(cell.spec.compute["evaluate_every"]),
    )
    trainer = Trainer(method, training, accelerator, cell.spec.seed, hooks)
    saved = _load_checkpoint(services.checkpoint)
    if saved is not None:
        selection.restore(saved["selection"], examination.joined)
    reset_peak_memory()
    trainer.run(saved["training"] if saved is not None else None)
    _finish(cell, method, trainer, outcome)
    if cell.spec.representation_metrics:
        assert outcome.state is not None  # an epoch was selected, and its state kept
        outcome.representation = measured(
            method,
            outcome.state,
            examination.represented,
            cell.spec,
            services.registry,
            lambda: services.progress(1, 0),
        )
    return outcome


def _state_of(method: Method[Options]) -> dict[str, Any]:
    """Return a copy of all that training changes, extra state too: from it the method is what it was."""
    return {
        name: value.detach().cpu().clone() if isinstance(value, torch.Tensor) else copy.deepcopy(value)
        for name, value in method.state_dict().items()
    }


def _load_checkpoint(path: Path | None) -> Mapping[str, Any] | None:
    if path is None or not path.is_file():
        return None
    # Our own file, written by this cell's earlier attempt: it holds numpy arrays and Python numbers.
    loaded: Mapping[str, Any] = torch.load(path, map_location="cpu", weights_only=False)
    # Half a training here and half there would be neither's: with other arithmetic it begins anew.
    return loaded if loaded["made_by"] == _arithmetic() else None


def _arithmetic() -> list[str]:
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else platform.processor() or platform.machine()
    return [torch.__version__, np.__version__, device]


def _finish(cell: _Cell, method: Method[Options], trainer: Trainer, outcome: Outcome) -> None:
    position = trainer.position
    if not outcome.selected:
        raise MethodError(
            expected="at least one evaluated epoch in a predictive stage",
            found="none",
            where=f"method {cell.spec.method}",
            remedy="declare a stage predictive",
        )
    outcome.history = position.history
    outcome.diagnostics = trainer.context.diagnostics
    outcome.training_ids = cell.store.strings("id")[cell.fold.train]
    samples = cell.store.samples(cell.spec.target, cell.spec.target_edges)
    outcome.clean_labels = np.asarray(samples.classes)[samples.labels[cell.fold.train]]
    outcome.kept = trainer.context.kept
    normalise = method.normalise()
    if isinstance(normalise, Normalise):  # whitening has no numbers of its own
        outcome.normalisation = (tuple(normalise.mean), tuple(normalise.std))
    outcome.cost = {
        "parameters": float(sum(parameter.numel() for parameter in method.parameters())),
        "flops": _flops(cell, method, trainer),
        "train_seconds": position.seconds,
        "images_per_second": position.images / max(position.seconds, 1e-9),
        "peak_memory_mb": peak_memory(),
    }


def _flops(cell: _Cell, method: Method[Options], trainer: Trainer) -> float:
    rows = cell.fold.train[:1]
    _, kinds = cell.training_set()
    inputs = cell.inputs(cell.store, rows, kinds)
    transform = method.transforms().test
    return flops_of(
        lambda: predict(method, ImageRows(cell.store.images, rows), inputs, transform, trainer.context.accelerator)
    )
