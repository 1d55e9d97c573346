"""Turn an outcome into a record: predictions, metrics, provenance, cost."""

from __future__ import annotations

import math
import platform
import subprocess
import time
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from ferbench.metrics.evaluate import evaluate, metric_sources
from ferbench.metrics.label_permutation import permuted_labels
from ferbench.plugins import Registry
from ferbench.predictions import Predictions
from ferbench.records import DIAGNOSTICS, PREDICTIONS, SELECTIONS, RecordStore, prediction_table
from ferbench.run.jobs import Job
from ferbench.run.outcome import Outcome, prediction_digest

PACKAGES = (
    "accelerate",
    "albumentations",
    "datasets",
    "ferbench",
    "numpy",
    "opencv-python-headless",
    "pandas",
    "pillow",
    "pyarrow",
    "scikit-learn",
    "scipy",
    "timm",
    "torch",
    "torchvision",
)


def publish_record(store: RecordStore, job: Job, outcome: Outcome, run: Mapping[str, Any], registry: Registry) -> None:
    """Write the record of a finished cell.

    Args:
        store: the results folder.
        job: what was asked.
        outcome: what came out.
        run: when it started, whether it was resumed, digests of its weights.
        registry: installed metrics.
    """
    metric_errors: dict[str, str] = {}
    by_epoch = {epoch: evaluate(made, registry, metric_errors) for epoch, made in outcome.epochs.items()}
    fold = outcome.fold
    content = {
        "id": job.id,
        "design_id": job.spec.design_id,
        "spec": job.spec.as_json,
        "protocol": job.spec.protocol_label,
        "classes": list(outcome.classes),
        "samples": {"train": len(fold.train), "validation": len(fold.validation), "test": len(fold.test)},
        "fold_notes": fold.notes,
        "selected_epochs": outcome.selected,
        "metric_sources": {n: d for n, d in metric_sources(registry).items() if n not in metric_errors},
        "metric_errors": metric_errors,
        "metrics": {selection: by_epoch[outcome.selected[selection]] for selection in SELECTIONS},
        "warnings": _warnings(outcome),
        "validation_accuracy": outcome.validation,
        "history": _without_nan(outcome.history),
        "kept": _without_nan(outcome.kept),
        **_representation(outcome),
        "cost": outcome.cost,
        "predictions_sha256": prediction_digest(outcome),
        "provenance": {
            "weights": {
                role: {"name": spec.name, "sha256": run["weights"][role]} for role, spec in job.spec.weights.items()
            },
            "data": [[part.dataset, part.fingerprint] for part in job.spec.prepared],
            "resumed": run["resumed"],
            "started": _time(run["started"]),
            "finished": _time(time.time()),
            **environment(),
        },
    }
    files = {PREDICTIONS: _tables(outcome)}
    if outcome.diagnostics:
        files[DIAGNOSTICS] = _diagnostics(outcome)
    store.write(content, files, outcome.state if job.keep else None)


def _warnings(outcome: Outcome) -> list[str]:
    """Return what a reader should be told before believing the figures."""
    permuted = permuted_labels(_answered(outcome.epochs[outcome.selected["validation"]]))
    failed = outcome.representation.get("failed", {})
    return [
        *(str(found) for found in permuted),
        *(f"representation metrics, {name} failed: {error}" for name, error in failed.items()),
    ]


def _representation(outcome: Outcome) -> dict[str, Any]:
    """Return the record's account of representations, and of which epoch they are; nothing when none was asked for."""
    if not outcome.representation:
        return {}
    where = {"selection": "validation", "epoch": outcome.selected["validation"]}
    return {"representation": {**where, **_without_nan(outcome.representation)}}


def _answered(made: Predictions) -> Predictions:
    """Leave out images that were dropped for want of a face: their answers are nobody's."""
    seen = made.columns.get("face_found", np.ones(len(made.ids), dtype=bool))
    return Predictions(made.ids[seen], made.probabilities[seen], made.labels[seen], made.classes)


def _without_nan(value: Any) -> Any:  # noqa: ANN401  any JSON value
    """Return `value` with null where a number is NaN or infinite: JSON has neither, and a log may hold both."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _without_nan(part) for key, part in value.items()}
    return [_without_nan(part) for part in value] if isinstance(value, list) else value


def _time(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def _tables(outcome: Outcome) -> pa.Table:
    return prediction_table({epoch: outcome.epochs[epoch] for epoch in sorted(outcome.epochs)})


def _diagnostics(outcome: Outcome) -> pa.Table:
    """Join what a method recorded of training samples with their clean labels: only the harness can."""
    assert outcome.training_ids is not None  # run_training sets both
    assert outcome.clean_labels is not None
    rows = []
    for name, values in outcome.diagnostics.items():
        for position, numbers in sorted(values.items()):
            rows.append(
                {
                    "diagnostic": name,
                    "id": str(outcome.training_ids[position]),
                    "value": numbers,
                    "label": outcome.classes[outcome.fold.train_labels[position]],
                    "clean_label": str(outcome.clean_labels[position]),
                }
            )
    return pa.Table.from_pylist(rows)


@cache
def environment() -> dict[str, Any]:
    """Return package versions, commit and hardware of this process."""
    packages = {}
    for name in PACKAGES:
        try:
            packages[name] = version(name)
        except PackageNotFoundError:
            packages[name] = "not installed"
    return {
        "packages": packages,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": _processor(),
        "accelerators": [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())],
        "commit": _commit(),
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _commit() -> str:
    """Return the commit of the core's source, with '+' when the working tree differs; empty outside a checkout."""
    folder = Path(__file__).parent

    def git(*words: str) -> str:
        done = subprocess.run(["git", "-C", str(folder), *words], capture_output=True, text=True, check=False)
        return done.stdout.strip() if done.returncode == 0 else ""

    try:
        commit = git("rev-parse", "HEAD")
        changed = git(
            "status", "--porcelain", "--untracked-files=no", "--", str(folder), str(folder.parent / "plugins")
        )
    except FileNotFoundError:  # no git on this machine
        return ""
    return commit + ("+" if commit and changed else "")
