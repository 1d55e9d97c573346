"""Run one training spec: split, build, train, predict, and say what came out. The only place that sees test labels."""

from __future__ import annotations

import hashlib
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
from ferbench.errors import ConfigError, MethodError
from ferbench.metrics.classification import accuracy
from ferbench.options import Options, parse_options
from ferbench.plugins import Registry, import_factory
from ferbench.predictions import Predictions
from ferbench.protocols.base import Fold, check_fold
from ferbench.spec import TrainingSpec
from ferbench.train.loop import Hooks, Trainer, seed_everything
from ferbench.train.method import Method, Setup
from ferbench.train.prediction import predict
from ferbench.train.task import Array, Column, ImageRows, Task, TrainingSet, encode
from ferbench.train.transforms import Transform
from ferbench.weights import LoadedWeights


@dataclass
class Outcome:
    """What training and testing a spec gave.

    Attributes:
        fold: the division used.
        classes: class names.
        epochs: test predictions of the epochs that were selected, by epoch.
        selected: epoch by selection (`validation`, `last`, `oracle`).
        validation: validation accuracy by evaluated epoch.
        history: means of what was logged, by epoch.
        diagnostics: values recorded for training samples.
        kept: arrays the method wants stored.
        training_ids: (N,) ids of the training samples.
        clean_labels: (N,) names of their classes before the protocol changed any.
        cost: parameters, FLOPs, seconds, images/s, memory.
        state: parameters of the epoch chosen on validation data, when asked for.
        normalisation: mean and std of the input.
    """

    fold: Fold
    classes: tuple[str, ...]
    epochs: dict[int, Predictions] = field(default_factory=dict)
    selected: dict[str, int] = field(default_factory=dict)
    validation: list[float] = field(default_factory=list)
    history: list[dict[str, Any]] = field(default_factory=list)
    diagnostics: dict[str, dict[int, list[float]]] = field(default_factory=dict)
    kept: dict[str, list[object]] = field(default_factory=dict)
    training_ids: npt.NDArray[np.str_] | None = None
    clean_labels: npt.NDArray[np.str_] | None = None
    cost: dict[str, float] = field(default_factory=dict)
    state: dict[str, torch.Tensor] | None = None
    normalisation: tuple[tuple[float, ...], tuple[float, ...]] | None = None


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
class _Selection:
    """Follows the evaluated epochs and keeps what the three selections need."""

    outcome: Outcome
    evaluate: Callable[[], tuple[float, float, Predictions]]
    state: Callable[[], dict[str, torch.Tensor]] | None
    best: tuple[float, float] = (-1.0, 0.0)
    best_test: float = -1.0

    def __call__(self, epoch: int) -> None:
        validation, loss, predictions = self.evaluate()
        outcome = self.outcome
        outcome.validation.append(validation)
        outcome.selected["last"] = epoch
        # Equal accuracy: the lower validation loss, then the earlier epoch.
        if (validation, -loss) > self.best:
            self.best = (validation, -loss)
            outcome.selected["validation"] = epoch
            if self.state is not None:
                outcome.state = self.state()
        tested = accuracy(predictions) if len(predictions.ids) else 0.0
        if tested > self.best_test:
            self.best_test = tested
            outcome.selected["oracle"] = epoch
        outcome.epochs[epoch] = predictions
        for old in set(outcome.epochs) - set(outcome.selected.values()):
            del outcome.epochs[old]

    def saved(self) -> dict[str, Any]:
        outcome = self.outcome
        return {
            "best": self.best,
            "best_test": self.best_test,
            "selected": outcome.selected,
            "validation": outcome.validation,
            "predicted": {epoch: (made.probabilities, made.extras) for epoch, made in outcome.epochs.items()},
            "state": outcome.state,
        }

    def restore(self, saved: Mapping[str, Any], like: Callable[[Array, Mapping[str, Array]], Predictions]) -> None:
        self.best, self.best_test = saved["best"], saved["best_test"]
        self.outcome.selected, self.outcome.validation = saved["selected"], saved["validation"]
        self.outcome.epochs = {epoch: like(*made) for epoch, made in saved["predicted"].items()}
        self.outcome.state = saved["state"]


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
        return TrainingSet(images, self.fold.train_labels, columns), kinds

    def inputs(self, store: Store, rows: npt.NDArray[np.int64], kinds: Mapping[str, Column]) -> dict[str, Array]:
        """Return the declared test inputs, coded as in training."""
        entry = self.services.registry.method(self.spec.method, "cell").entry
        result: dict[str, Array] = {}
        for name in entry.test_inputs:
            values, categories = store.column(name)[rows], kinds[name].categories
            if categories is None:
                result[name] = values.astype(np.float32)
            else:
                codes = {category: code for code, category in enumerate(categories)}
                result[name] = np.asarray([codes.get(str(value), -1) for value in values], dtype=np.int64)
        return result

    def test_columns(self) -> dict[str, Array]:
        """Return the test data's columns for the metrics."""
        return {
            name: self.test_store.column(name)[self.fold.test]
            for name in self.test_store.info["columns"]
            if name not in {"split", "landmarks", "box"}
        }


def divide(spec: TrainingSpec, store: Store, test_store: Store, registry: Registry) -> Fold:
    """Return the spec's train / validation / test division, checked for leaks.

    Raises:
        DataError: the data cannot be divided so, or a subject or an image stands on both sides.
    """
    where = f"{spec.data.dataset}, {spec.protocol_label}, fold {spec.fold}"
    provided = registry.protocol(spec.protocol, where)
    options = parse_options(provided.entry.options, spec.protocol_options, where)
    protocol = import_factory(provided)(options)
    # A recipe on the cell's own data divides by the label, as the cell does; only then comes its own target.
    by_label = spec.target == "label" or spec.protocol != "all"
    samples = store.samples() if by_label else store.samples(spec.target, spec.target_edges)
    test_samples = test_store.samples() if spec.test is not None else None
    fold: Fold = protocol.split(samples, spec.fold, spec.seed, test_samples)
    if spec.protocol != "all":
        check_fold(fold, samples, protocol.crosses, where)
    if by_label and spec.target != "label":
        targets = store.samples(spec.target, spec.target_edges)
        fold = Fold(
            targets.classes,
            fold.train,
            targets.labels[fold.train],
            fold.validation,
            targets.labels[fold.validation],
            fold.test[:0],
            fold.test_labels[:0],
            {**fold.notes, "target": spec.target},
        )
    return fold


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


def _train_and_test(
    cell: _Cell,
    method: Method[Options],
    training: TrainingSet,
    kinds: Mapping[str, Column],
    accelerator: Accelerator,
) -> Outcome:
    fold, services = cell.fold, cell.services
    test_ids = cell.test_store.strings("id")[fold.test]
    columns = cell.test_columns() if len(fold.test) else {}
    transform = method.transforms().test
    parts = {
        "validation": (ImageRows(cell.store.images, fold.validation), cell.inputs(cell.store, fold.validation, kinds)),
        "test": (ImageRows(cell.test_store.images, fold.test), cell.inputs(cell.test_store, fold.test, kinds)),
    }

    def tested(probabilities: Array, extras: Mapping[str, Array]) -> Predictions:
        made = probabilities.astype(np.float32)
        return Predictions(test_ids, made, fold.test_labels, fold.classes, columns, extras)

    def evaluate() -> tuple[float, float, Predictions]:
        guess, _ = predict(method, *parts["validation"], transform, accelerator)
        share = float((guess.argmax(axis=1) == fold.validation_labels).mean())
        chosen = guess[np.arange(len(guess)), fold.validation_labels].astype(np.float64)
        loss = float(-np.log(np.maximum(chosen, 1e-12)).mean())
        probabilities, extras = predict(method, *parts["test"], transform, accelerator)
        return share, loss, tested(probabilities, extras)

    def state() -> dict[str, torch.Tensor]:
        # Tensors alone: extra state may be anything, and is there for resuming, not for whoever loads the weights.
        tensors = {name: value for name, value in method.state_dict().items() if isinstance(value, torch.Tensor)}
        return {name: value.detach().cpu().clone() for name, value in tensors.items()}

    outcome = Outcome(fold, fold.classes)
    selection = _Selection(outcome, evaluate, state if services.keep_state else None)
    hooks = Hooks(
        evaluated=selection,
        checkpoint=lambda training_state: services.save(
            lambda: {"training": training_state(), "selection": selection.saved()}
        ),
        progress=services.progress,
        evaluate_every=int(cell.spec.compute["evaluate_every"]),
    )
    trainer = Trainer(method, training, accelerator, cell.spec.seed, hooks)
    saved = _load_checkpoint(services.checkpoint)
    if saved is not None:
        selection.restore(saved["selection"], tested)
    _reset_peak_memory()
    trainer.run(saved["training"] if saved is not None else None)
    _finish(cell, method, trainer, outcome, transform)
    return outcome


def _load_checkpoint(path: Path | None) -> Mapping[str, Any] | None:
    if path is None or not path.is_file():
        return None
    # Our own file, written by this cell's earlier attempt: it holds numpy arrays and Python numbers.
    loaded: Mapping[str, Any] = torch.load(path, map_location="cpu", weights_only=False)
    return loaded


def _finish(
    cell: _Cell,
    method: Method[Options],
    trainer: Trainer,
    outcome: Outcome,
    transform: Transform,
) -> None:
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
    outcome.normalisation = (tuple(normalise.mean), tuple(normalise.std))
    outcome.cost = {
        "parameters": float(sum(parameter.numel() for parameter in method.parameters())),
        "flops": _flops(method, cell, transform, trainer.context.accelerator),
        "train_seconds": position.seconds,
        "images_per_second": position.images / max(position.seconds, 1e-9),
        "peak_memory_mb": _peak_memory(),
    }


def _flops(method: Method[Options], cell: _Cell, transform: Transform, accelerator: Accelerator) -> float:
    """Return the floating-point operations of predicting one image."""
    from torch.utils.flop_counter import FlopCounterMode

    one = ImageRows(cell.store.images, cell.fold.train[:1])
    _, kinds = cell.training_set()
    counter = FlopCounterMode(display=False)
    with counter:
        predict(method, one, cell.inputs(cell.store, cell.fold.train[:1], kinds), transform, accelerator)
    return float(counter.get_total_flops())


def _reset_peak_memory() -> None:
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    elif (peak := Path("/proc/self/clear_refs")).exists():
        peak.write_text("5")  # Linux: start the process's high-water mark anew


def _peak_memory() -> float:
    """Return the peak memory in MB: of the GPU where there is one, else of the process."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 1e6
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1e3
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def prediction_digest(outcome: Outcome) -> str:
    """Return the SHA-256 of the selected predictions, for comparing two runs at a glance."""
    total = hashlib.sha256()
    for epoch in sorted(outcome.epochs):
        total.update(np.ascontiguousarray(outcome.epochs[epoch].probabilities).tobytes())
    return total.hexdigest()
