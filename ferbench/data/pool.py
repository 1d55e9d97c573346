"""Work shared out over processes: preparing, verifying, rendering. Single-threaded each, and gone with their parent."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from itertools import islice
from typing import TypeVar

from ferbench.errors import StorageError

Task = TypeVar("Task")
Result = TypeVar("Result")

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OPENCV_FOR_THREADS_NUM")
_AHEAD = 2
"""Tasks that wait beside each worker: none idles, and memory holds few."""


def in_processes(
    function: Callable[[Task], Result],
    tasks: Iterable[Task],
    workers: int,
    begin: Callable[[], None] | None = None,
) -> Iterator[tuple[Task, Result]]:
    """Apply a function to tasks in worker processes, a few tasks ahead of the results that are taken.

    Args:
        function: picklable: a module's function or a `functools.partial` of one. Its result may depend on the task
            alone: which process does it, and when, is not known.
        tasks: picklable; taken one by one, in this process.
        workers: how many processes.
        begin: called once in each process before its first task.

    Yields:
        Tasks with their results, in the order in which they are done.

    Raises:
        StorageError: a process died, most often for lack of memory.
        Exception: what the function raises; what has not begun is then never begun.
    """
    waiting = iter(tasks)
    context = multiprocessing.get_context("spawn")
    with (
        _single_threaded(),
        ProcessPoolExecutor(workers, mp_context=context, initializer=partial(_settle, begin)) as pool,
    ):
        running: dict[Future[Result], Task] = {}
        try:
            while True:
                for task in islice(waiting, workers * _AHEAD - len(running)):
                    running[pool.submit(function, task)] = task
                if not running:
                    return
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    yield running.pop(future), future.result()
        except BrokenProcessPool:
            raise StorageError(
                expected="worker processes that live until their work is done",
                found="one that ended by itself, most often for lack of memory",
                where="a pool of processes",
                remedy="run again with fewer workers: what is done is kept",
            ) from None
        finally:
            # What runs ends on its own; what has not begun never does, be it an error, Ctrl-C or a taker that stops.
            pool.shutdown(wait=False, cancel_futures=True)


@contextmanager
def _single_threaded() -> Iterator[None]:
    """Give processes started inside one thread each: libraries read these variables when they are imported."""
    before = {name: os.environ.get(name) for name in _THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(_THREAD_VARIABLES, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _settle(begin: Callable[[], None] | None) -> None:
    """Tie a worker to its parent: Ctrl-C is the parent's to handle, and a killed parent leaves no worker behind."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if begin is not None:
        begin()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
