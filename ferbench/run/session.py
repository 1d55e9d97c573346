"""One `ferbench run`: prepare the data, run what is pending, say how it ended. Imports torch only in workers."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ferbench.canonical import canonical_json
from ferbench.datasource import ProgressBar
from ferbench.options import parse_options
from ferbench.plan import DONE, FAILED, PENDING, Cell, Plan
from ferbench.plugins import Registry, import_factory
from ferbench.records import RecordStore
from ferbench.resolve import Resolver
from ferbench.run.display import RunDisplay
from ferbench.run.jobs import Job, jobs_for
from ferbench.run.scheduler import Scheduler, Tally
from ferbench.spec import PreparedSpec, TrainingSpec

if TYPE_CHECKING:
    from ferbench.data.preprocess import Preprocessor


@dataclass(frozen=True)
class RunSettings:
    """How to run; nothing here changes a number.

    Attributes:
        results: the results folder.
        workers: processes; None: one a GPU, or as many as the cores allow with the benchmark's threads a cell.
        retry_failed: run failed cells again.
        checkpoint_seconds: least time between two checkpoints of a cell.
    """

    results: Path
    workers: int | None = None
    retry_failed: bool = False
    checkpoint_seconds: float = 20.0


def cores() -> int:
    """Return the number of cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def gpus() -> int:
    """Return the number of NVIDIA GPUs this process may use, without importing torch."""
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    present = len(list(Path("/dev").glob("nvidia[0-9]*")))
    return present if chosen is None else min(present, len([name for name in chosen.split(",") if name.strip()]))


def prepare_all(
    specs: Sequence[PreparedSpec], resolver: Resolver, registry: Registry, workers: int, progress: ProgressBar
) -> None:
    """Make every store and every derived attribute that is not there yet.

    Raises:
        DataError: a data set cannot be read; nothing has been trained yet.
    """
    from ferbench.data.store import is_prepared

    missing = {spec.fingerprint: spec for spec in specs if not is_prepared(spec)}
    if not missing:
        return
    from ferbench.data.derive import add_derived
    from ferbench.data.prepare import Preparation, prepare

    for spec in missing.values():
        job = Preparation(
            replace(spec, derived=()), resolver.sources[spec.fingerprint], maker(spec, resolver.files, registry)
        )
        prepare(job, workers=workers, progress=progress)
        for part in spec.derived:
            entry = registry.attribute(part.name, "preparation")
            options = parse_options(entry.entry.options, part.options, part.name)
            add_derived(spec, part, import_factory(entry)(options), progress)


def maker(spec: PreparedSpec, files: Mapping[str, Path], registry: Registry) -> Callable[[], Preprocessor]:
    """Return what builds the preprocessor of a spec, in this process or another.

    Args:
        spec: the prepared data.
        files: weights files by SHA-256.
        registry: installed preprocessors.
    """
    provided = registry.preprocessor(spec.preprocessor, "preparation")
    options = parse_options(provided.entry.options, spec.preprocessor_options, spec.preprocessor)
    weights = {role: files[sha256] for role, sha256 in spec.weights.items()}
    return partial(import_factory(provided), options, *([weights] if provided.entry.weights else []))


def check_divisions(jobs: Sequence[Job], registry: Registry) -> None:
    """Divide each column of the grid once before anything is trained: data that cannot be divided is told now.

    Raises:
        DataError: fewer subjects than folds, an empty class, a subject on both sides.
    """
    from ferbench.data.store import Store
    from ferbench.run.division import divide

    stores: dict[str, Store] = {}
    seen: set[str] = set()
    for spec in (job.spec for job in jobs if job.recipe is None):
        fingerprints = [part.fingerprint for part in spec.prepared]
        column = canonical_json([fingerprints, spec.protocol, spec.protocol_options])
        if column in seen:
            continue
        seen.add(column)
        for part in spec.prepared:
            stores.setdefault(part.fingerprint, Store.open(part))
        divide(spec, stores[fingerprints[0]], stores[fingerprints[-1]], registry)


def stores_of(jobs: Sequence[Job]) -> list[PreparedSpec]:
    """Return the stores that jobs read, each once."""
    return list({part.fingerprint: part for job in jobs for part in _all_parts(job.spec)}.values())


def _all_parts(spec: TrainingSpec) -> list[PreparedSpec]:
    return [*spec.prepared, *(part for recipe in spec.recipes for part in _all_parts(recipe.training))]


def run_plan(plan: Plan, cells: Sequence[Cell], settings: RunSettings, display: RunDisplay) -> Tally:
    """Run the cells that are not done.

    Args:
        plan: the benchmark they are of.
        cells: those of the plan that are wanted.
        settings: how.
        display: where progress goes.

    Returns:
        Ids of what finished and what failed now; cells that failed before and are not retried count as failed.
    """
    store = RecordStore(settings.results)
    store.check_writable()
    store.sweep()
    wanted = {PENDING, FAILED} if settings.retry_failed else {PENDING}
    for cell in cells:
        if cell.state == DONE:
            store.read(cell.id)  # a finished cell is not run again; an altered one is told now
        if cell.state == FAILED and settings.retry_failed:
            store.forget_failure(cell.id)
    left = [cell for cell in cells if cell.state in wanted]
    jobs = jobs_for(left, plan.resolver.files, keep=plan.benchmark.keep == "selected")
    tally = _execute(plan, jobs, settings, display) if jobs else Tally()
    if not settings.retry_failed:
        tally.failed += [cell.id for cell in cells if cell.state == FAILED]
    return tally


def _execute(plan: Plan, jobs: list[Job], settings: RunSettings, display: RunDisplay) -> Tally:
    from ferbench.run.executors import LocalProcesses

    threads = plan.benchmark.compute.threads
    workers = settings.workers or gpus() or max(1, cores() // threads)
    prepare_all(stores_of(jobs), plan.resolver, plan.resolver.registry, settings.workers or cores(), display.bar)
    check_divisions(jobs, plan.resolver.registry)
    display.begin(len(jobs))
    executor = LocalProcesses(min(workers, len(jobs)), settings.results, threads, settings.checkpoint_seconds)
    finished = False
    try:
        tally = Scheduler(executor, RecordStore(settings.results), display).run(jobs)
        finished = True
    finally:
        executor.close(stop=not finished)
    return tally
