"""A worker process: takes jobs one after the other and reports. Dies with its parent, never by Ctrl-C."""

from __future__ import annotations

import contextlib
import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
import time
import traceback
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event as StopEvent
from pathlib import Path

from ferbench.errors import SourceChangedError, StorageError
from ferbench.run.executors import Event
from ferbench.run.jobs import Job, Stopped

REPORT_SECONDS = 0.2
GONE = (BrokenPipeError, ConnectionResetError)
"""What sending raises when the run has ended without waiting: it was interrupted while it was ending."""


def worker_main(connection: Connection, stop: StopEvent, results: Path, seconds: float, number: int) -> None:
    """Run jobs until told to end.

    Args:
        connection: jobs in, events out.
        stop: set when the run is interrupted.
        results: the results folder.
        seconds: least time between two checkpoints.
        number: of this worker, for dealing out GPUs.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_die_with_parent, daemon=True).start()
    _first_to_die_of_memory()
    os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"  # what deterministic GPU arithmetic asks for

    import torch

    from ferbench.plugins import discover
    from ferbench.run.work import Workplace

    if torch.cuda.device_count() > 1:
        torch.cuda.set_device(number % torch.cuda.device_count())
    torch.use_deterministic_algorithms(True, warn_only=True)
    reporter = _Reporter(connection, stop)
    place = Workplace(results, discover(), reporter.progress, seconds)
    while (job := _next(connection)) is not None:
        try:
            connection.send(_attempt(place, job, reporter))
        except GONE:
            return


def _next(connection: Connection) -> Job | None:
    try:
        job: Job | None = connection.recv()
    except EOFError:
        return None
    return job


class _Reporter:
    """Sends progress now and then, and raises when the run is interrupted."""

    def __init__(self, connection: Connection, stop: StopEvent) -> None:
        self.connection, self.stop = connection, stop
        self.job, self.images, self.last = "", 0, 0.0

    def start(self, job: str) -> None:
        self.job, self.images, self.last = job, 0, time.monotonic()

    def progress(self, share: float, images: int) -> None:
        self.images += images
        if time.monotonic() - self.last < REPORT_SECONDS:
            return
        if self.stop.is_set():
            raise Stopped
        try:
            self.connection.send(Event("progress", self.job, share, self.images))
        except GONE:
            raise Stopped from None  # it is no fault of the cell's
        self.images, self.last = 0, time.monotonic()


def _attempt(place: object, job: Job, reporter: _Reporter) -> Event:
    from ferbench.run.work import Workplace

    assert isinstance(place, Workplace)
    reporter.start(job.id)
    try:
        return Event(place.do(job), job.id)
    except Stopped:
        return Event("stopped", job.id)
    except (StorageError, SourceChangedError) as error:
        return Event("blocked", job.id, problem=error)
    except Exception as error:  # noqa: BLE001  a method may raise anything; it fails its own cell, with a record
        text = "".join(traceback.format_exception(error))
        return Event("failed", job.id, error=f"{type(error).__name__}: {error}", traceback=text)


def _die_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)


def _first_to_die_of_memory() -> None:
    """Let the kernel choose the worker, not the scheduler, when memory runs out."""
    score = Path("/proc/self/oom_score_adj")
    with contextlib.suppress(OSError):  # not Linux, or a container that does not let us
        score.write_text("1000")
