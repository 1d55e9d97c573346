"""40 cells of about a second of training each: long-lived workers against one process a cell."""

from __future__ import annotations

import pickle
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from toy_store import cell_spec, make_store

from ferbench.plugins import discover
from ferbench.records import RecordStore
from ferbench.run.executors import LocalProcesses
from ferbench.run.jobs import Job
from ferbench.run.scheduler import Scheduler
from ferbench.run.session import cores

CELLS = 40
ONE = """
import pickle, sys
from pathlib import Path
from ferbench.plugins import discover
from ferbench.run.work import Workplace
job = pickle.loads(Path(sys.argv[1]).read_bytes())
Workplace(Path(sys.argv[2]), discover(), lambda share, images: None).do(job)
"""


class Quiet:
    """A display that shows nothing."""

    def started(self, job: Job) -> None:
        """Ignore."""

    def progressed(self, job: Job, share: float, images: int) -> None:
        """Ignore."""

    def ended(self, job: Job, kind: str, error: str) -> None:
        """Fail loudly: a cell that did not run must not count as fast."""
        if kind != "finished":
            raise RuntimeError(f"{job.title}: {kind} {error}")


def together(jobs: list[Job], results: Path) -> float:
    """Run the jobs as `ferbench run` does; returns seconds, start and end of the workers included."""
    begun = time.perf_counter()
    executor = LocalProcesses(cores(), results, 1, 20.0)
    Scheduler(executor, RecordStore(results), Quiet()).run(jobs)
    executor.close(stop=False)
    return time.perf_counter() - begun


def apart(jobs: list[Job], results: Path) -> float:
    """Run each job in a process of its own, as many at a time as there are cores; returns seconds."""

    def one(job: Job) -> None:
        path = results / f"{job.id}.pickle"
        path.write_bytes(pickle.dumps(job))
        subprocess.run([sys.executable, "-c", ONE, str(path), str(results)], check=True, env=None)

    begun = time.perf_counter()
    with ThreadPoolExecutor(cores()) as pool:
        list(pool.map(one, jobs))
    return time.perf_counter() - begun


def main() -> None:
    """Time both and print the ratio."""
    registry = discover()
    data = make_store(700, 32)
    options = {"backbone": "resnet-tiny", "epochs": 4, "batch_size": 32, "augment": "none"}
    jobs = [Job(cell_spec(registry, data, seed, **options), f"cell {seed}") for seed in range(CELLS)]
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
        shared = together(jobs, Path(first))
        store = RecordStore(Path(first))
        training = sum(store.read(job.id).content["cost"]["train_seconds"] for job in jobs) / CELLS
        single = apart(jobs, Path(second))
    print(f"{CELLS} cells, {training:.2f} s of training each, {cores()} at a time")
    print(f"long-lived workers: {shared:.1f} s; one process a cell: {single:.1f} s; ratio {single / shared:.2f}")


if __name__ == "__main__":
    main()
