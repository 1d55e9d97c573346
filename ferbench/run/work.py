"""Do one job from start to publication: lease, weights, training, record."""

from __future__ import annotations

import json
import os
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save

from ferbench.canonical import digest, file_digest
from ferbench.errors import SourceChangedError, StorageError, WeightsError
from ferbench.places import explained, new_folder, sweep_asides
from ferbench.plugins import Registry
from ferbench.records import RecordStore
from ferbench.run.cell import Services, run_training
from ferbench.run.jobs import Job, Stopped, failure
from ferbench.run.leases import Leases
from ferbench.run.outcome import Outcome
from ferbench.run.publish import publish_record
from ferbench.sources import representation_source, training_sources
from ferbench.spec import FileWeightsSpec, RecipeWeightsSpec, TrainingSpec, WeightsSpec
from ferbench.trained import INFO, PARAMETERS, weights_folder, weights_ready, weights_root
from ferbench.weights import LoadedWeights, read_weights, without_heads

BUSY, FINISHED, GIVEN_UP = "busy", "finished", "given-up"
KEPT_WEIGHTS = 4
"""Weights a worker keeps in memory: recipes trained for each fold would fill it otherwise."""


@dataclass
class Workplace:
    """Where a worker works.

    Attributes:
        results: the results folder.
        registry: installed plugins.
        progress: called with the share done and the images seen; raises to stop.
        checkpoint_seconds: least time between two checkpoints of a cell.
    """

    results: Path
    registry: Registry
    progress: Callable[[float, int], None]
    checkpoint_seconds: float = 20.0
    _loaded: dict[str, LoadedWeights] = field(default_factory=dict)

    def do(self, job: Job) -> str:
        """Do a job unless it is done or somebody else is at it.

        Returns:
            `finished` (now or before), `busy`, or `given-up` (another run has failed at it since this one began).
        """
        store = RecordStore(self.results)
        leases = Leases(weights_root() / "leases" if job.recipe else store.running / "leases")
        with leases.take(job.id) as free:
            if not free:
                return BUSY
            if weights_ready(job.id) if job.recipe else (store.records / job.id).exists():
                return FINISHED
            if job.recipe is None and store.has_failed(job.id):
                return GIVEN_UP
            checkpoint = (weights_root() if job.recipe else store.running) / f"{job.id}.checkpoint"
            sweep_asides(weights_folder(job.id) if job.recipe else store.records / job.id)
            for left in checkpoint.parent.glob(f"{job.id}.*.part"):  # by one who was killed: the lease is ours
                left.unlink(missing_ok=True)
            try:
                self._run(job, store, checkpoint)
            except (Stopped, StorageError, SourceChangedError):
                raise
            except Exception as error:
                # Before the lease ends: another run that waits for it must find the failure, not try again.
                if job.recipe is None:
                    text = "".join(traceback.format_exception(error))
                    store.write_failure(job.id, failure(job, f"{type(error).__name__}: {error}", text))
                raise
            checkpoint.unlink(missing_ok=True)
        return FINISHED

    def _run(self, job: Job, store: RecordStore, checkpoint: Path) -> None:
        started = time.time()
        _check_sources(job.spec, self.registry)
        weights = {role: self._weights(spec, job) for role, spec in job.spec.weights.items()}
        services = Services(
            registry=self.registry,
            weights=weights,
            checkpoint=checkpoint,
            save=_Saver(checkpoint, self.checkpoint_seconds),
            progress=self.progress,
            keep_state=job.recipe is not None or job.keep,
        )
        resumed = checkpoint.is_file()
        outcome = run_training(job.spec, services)
        if job.recipe is not None:
            _publish_weights(job, outcome)
            return
        digests = {role: loaded.digest for role, loaded in weights.items()}
        publish_record(store, job, outcome, {"started": started, "resumed": resumed, "weights": digests}, self.registry)

    def _weights(self, spec: WeightsSpec, job: Job) -> LoadedWeights:
        key = f"{spec.name} {digest(spec.as_json)}"
        if key not in self._loaded:
            if len(self._loaded) == KEPT_WEIGHTS:
                self._loaded.pop(next(iter(self._loaded)))
            self._loaded[key] = _read(spec, job)
        loaded = self._loaded[key]
        # A method may train the very tensors it is given; the next cell must get them as they were.
        return replace(loaded, state={name: value.clone() for name, value in loaded.state.items()})


def _read(spec: WeightsSpec, job: Job) -> LoadedWeights:
    return _from_file(spec, job) if isinstance(spec, FileWeightsSpec) else _from_recipe(spec)


def _check_sources(spec: TrainingSpec, registry: Registry) -> None:
    """Refuse to run other code than the cell is named after.

    Raises:
        SourceChangedError: it was edited after the run was planned.
    """
    method, protocol = registry.method(spec.method, "cell"), registry.protocol(spec.protocol, "cell")
    found = training_sources(method.package, protocol.package)
    changed = [name for name, value in spec.sources.items() if found.get(name) != value]
    for metric in spec.representation_metrics:
        package = registry.representation_metric(metric.name, "cell").package
        changed += [metric.name] if representation_source(package) != metric.source else []
    if changed:
        raise SourceChangedError(
            expected="the source code as it was when the run began",
            found=f"edited meanwhile: {', '.join(changed)}",
            where=f"the code of {spec.method} ({method.distribution} {method.version})",
            remedy="run again: cells of the edited code are new ones",
        )


class _Saver:
    """Saves a checkpoint when the last one is old enough: aside, then renamed."""

    def __init__(self, path: Path, seconds: float) -> None:
        self.path, self.seconds, self.last = path, seconds, time.monotonic()

    def __call__(self, state: Callable[[], dict[str, Any]]) -> None:
        if time.monotonic() - self.last < self.seconds:
            return
        aside = self.path.with_suffix(f".{os.getpid()}.part")
        with explained(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            try:
                with aside.open("wb") as stream:  # a stream of our own tells a full disk as such
                    torch.save(state(), stream)
                    stream.flush()
                    os.fsync(stream.fileno())
                os.replace(aside, self.path)
            finally:
                aside.unlink(missing_ok=True)
        self.last = time.monotonic()


def _from_file(spec: FileWeightsSpec, job: Job) -> LoadedWeights:
    options = spec.options
    path = job.weight_files[spec.sha256]
    state = read_weights(path, f"weights {spec.name}: {path}", allow_pickle=bool(options["allow_pickle"]))
    mean, std = (tuple(options[name]) if options[name] is not None else None for name in ("mean", "std"))
    kept = state if options["keep_head"] else without_heads(state)
    return LoadedWeights(spec.name, kept, spec.sha256, mean, std, bool(options["keep_head"]))


def _from_recipe(spec: RecipeWeightsSpec) -> LoadedWeights:
    folder = weights_folder(spec.training.id)
    info = json.loads((folder / INFO).read_text())
    found = file_digest(folder / PARAMETERS)
    if found != info["sha256"]:
        raise WeightsError(
            expected=f"SHA-256 {info['sha256']}",
            found=found,
            where=str(folder / PARAMETERS),
            remedy="remove that folder; the recipe is trained again",
        )
    prefix = "" if spec.keep_head else "backbone."
    state = {key.removeprefix(prefix): value for key, value in load_file(folder / PARAMETERS).items()}
    kept = state if spec.keep_head else without_heads(state)
    mean, std = (tuple(info[name]) if info[name] is not None else None for name in ("mean", "std"))
    return LoadedWeights(spec.name, kept, found, mean, std, spec.keep_head)


def _publish_weights(job: Job, outcome: Outcome) -> None:
    assert outcome.state is not None  # asked for with keep_state
    mean, std = outcome.normalisation or (None, None)
    with new_folder(weights_folder(job.id)) as folder:
        tensors = {name: value.contiguous() for name, value in outcome.state.items() if isinstance(value, torch.Tensor)}
        (folder / PARAMETERS).write_bytes(save(tensors))  # save_file would not tell a full disk as such
        info: Mapping[str, Any] = {
            "sha256": file_digest(folder / PARAMETERS),
            "mean": mean,
            "std": std,
            "spec": job.spec.as_json,
            "classes": len(outcome.classes),
            "validation_accuracy": outcome.validation,
            "selected_epoch": outcome.selected["validation"],
            "cost": outcome.cost,
        }
        (folder / INFO).write_text(json.dumps(info, indent=1))
