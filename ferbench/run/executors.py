"""Executors: where jobs are done. One small interface; local processes behind it."""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Protocol

from ferbench.errors import FerbenchError
from ferbench.run.jobs import Job


@dataclass(frozen=True)
class Event:
    """What an executor reports.

    Attributes:
        kind: `progress`, `finished`, `busy`, `failed`, `stopped`, `died` (the worker is gone), `given-up` (another run
            has failed at it meanwhile) or `blocked` (no cell's fault: the disk is full, the code was edited).
        job: the id of the job.
        share: of the job that is done, 0 … 1.
        images: images seen since the last report.
        error: one line, for `failed` and `died`.
        traceback: for `failed`.
        problem: for `blocked`.
    """

    kind: str
    job: str
    share: float = 0.0
    images: int = 0
    error: str = ""
    traceback: str = ""
    problem: FerbenchError | None = None


class Executor(Protocol):
    """Does jobs somewhere. Slurm or Ray would stand behind the same four calls."""

    def free(self) -> int:
        """Return how many jobs it would take now."""

    def submit(self, job: Job) -> None:
        """Start a job."""

    def events(self, timeout: float) -> Sequence[Event]:
        """Wait up to `timeout` seconds for reports."""

    def close(self, *, stop: bool) -> None:
        """Let workers end; with `stop`, interrupt the jobs they are at."""


@dataclass
class _Worker:
    process: BaseProcess
    connection: Connection
    job: Job | None = None


class LocalProcesses:
    """Long-lived worker processes on this machine: libraries are imported and data mapped once, not once a cell.

    Args:
        count: workers; with GPUs they are dealt out in turn.
        results: the results folder.
        threads: threads of the numeric libraries in each worker.
        checkpoint_seconds: least time between two checkpoints of a cell.
    """

    def __init__(self, count: int, results: Path, threads: int, checkpoint_seconds: float) -> None:
        self._context = multiprocessing.get_context("spawn")
        self._stop = self._context.Event()
        self._results, self._threads, self._seconds = results, threads, checkpoint_seconds
        self._workers = [self._start(number) for number in range(count)]

    def _start(self, number: int) -> _Worker:
        from ferbench.run.worker import worker_main

        here, there = self._context.Pipe()
        for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
            os.environ[name] = str(self._threads)
        arguments = (there, self._stop, self._results, self._seconds, number)
        process = self._context.Process(target=worker_main, args=arguments, name=f"ferbench-worker-{number}")
        # Until a worker has set itself up, Ctrl-C must not reach it and end in a traceback. The mask is inherited.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        there.close()
        return _Worker(process, here)

    def free(self) -> int:
        """Return the number of idle workers."""
        return sum(worker.job is None for worker in self._workers)

    def submit(self, job: Job) -> None:
        """Give a job to an idle worker."""
        worker = next(worker for worker in self._workers if worker.job is None)
        worker.job = job
        try:
            worker.connection.send(job)
        except (BrokenPipeError, ConnectionResetError):
            return  # it died; events() reports it with this job

    def events(self, timeout: float) -> Sequence[Event]:
        """Wait for reports; a dead worker is reported with its job and replaced."""
        multiprocessing.connection.wait([worker.connection for worker in self._workers], timeout)
        found: list[Event] = []
        for number, worker in enumerate(self._workers):
            try:
                while worker.connection.poll():
                    event: Event = worker.connection.recv()
                    if event.kind != "progress":
                        worker.job = None
                    found.append(event)
            except (EOFError, OSError):  # the latter: it died in the middle of a message
                found += self._bury(number, worker)
        return found

    def _bury(self, number: int, worker: _Worker) -> list[Event]:
        worker.process.join(5)
        code = worker.process.exitcode
        worker.connection.close()
        self._workers[number] = self._start(number)
        if worker.job is None:
            return []
        how = f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"
        hint = "; out of memory?" if code == -9 else ""
        return [Event("died", worker.job.id, error=f"the worker process ended by {how}{hint}")]

    def close(self, *, stop: bool) -> None:
        """End the workers."""
        if stop:
            self._stop.set()
        for worker in self._workers:
            try:
                worker.connection.send(None)
            except (BrokenPipeError, ConnectionResetError):
                continue  # it is gone already
        for worker in self._workers:
            worker.process.join(10 if stop else 60)
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()
            worker.connection.close()
