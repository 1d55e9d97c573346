"""Generating a data set in parallel, in shards that outlive a killed process.

Nothing here knows about faces: `generate` takes pieces of work and a function that makes the rows of one piece, and
gives Arrow files that can be mapped into memory. Each file appears complete or not at all, so whoever runs again
after a kill repeats only the pieces that were in flight.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import pyarrow as pa

from ferbench.datasource import Advance, Site
from ferbench.errors import DataError

Item = TypeVar("Item")

Rows = Mapping[str, Sequence[Any]]
"""Columns by name, all of one length."""

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OPENCV_FOR_THREADS_NUM")


@dataclass(frozen=True)
class Work(Generic[Item]):
    """A data set to generate.

    Attributes:
        items: one for each row; picklable.
        make: makes the rows of consecutive items, in their order. A pure function of them: it runs in any process, on
            any division into shards. Picklable, so a module's function or a `functools.partial` of one.
        schema: of the files.
        per_shard: rows in a file.
    """

    items: Sequence[Item]
    make: Callable[[Sequence[Item]], Rows]
    schema: pa.Schema
    per_shard: int = 200


def generate(work: Work[Item], site: Site, description: str) -> list[Path]:
    """Make every shard that `site.cache` does not hold yet.

    Args:
        work: what to make.
        site: where, with how many processes, under which progress bar.
        description: beside the bar.

    Returns:
        The Arrow stream files, in the order of the items.

    Raises:
        DataError: the cache cannot be written, or a worker died.
    """
    starts = range(0, len(work.items), work.per_shard)
    paths = [site.cache / f"shard-{number:05d}-of-{len(starts):05d}.arrow" for number in range(len(starts))]
    missing = [number for number, path in enumerate(paths) if not path.exists()]
    with _writing(site.cache), site.progress(description, len(work.items)) as advance:
        done = sum(_size(work, number) for number in range(len(starts)) if number not in set(missing))
        if done:
            advance(done)
        if site.workers > 1 and len(missing) > 1:
            _in_processes(work, paths, missing, site.workers, advance)
        else:
            for number in missing:
                advance(_write_shard(work.make, _items(work, number), work.schema, paths[number]))
    return paths


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise DataError(
            expected="a cache folder that can be written",
            found=str(error),
            where=str(folder),
            remedy="free some space, correct the permissions, or choose another cache folder",
        ) from error


def _items(work: Work[Item], number: int) -> Sequence[Item]:
    return work.items[number * work.per_shard : (number + 1) * work.per_shard]


def _size(work: Work[Item], number: int) -> int:
    return len(_items(work, number))


def _in_processes(
    work: Work[Item], paths: Sequence[Path], missing: Sequence[int], workers: int, advance: Advance
) -> None:
    context = multiprocessing.get_context("spawn")
    with (
        _single_threaded(),
        ProcessPoolExecutor(min(workers, len(missing)), mp_context=context, initializer=_settle_worker) as pool,
    ):
        futures: list[Future[int]] = [
            pool.submit(_write_shard, work.make, _items(work, number), work.schema, paths[number]) for number in missing
        ]
        try:
            for future in as_completed(futures):
                advance(future.result())
        except BrokenProcessPool:
            raise DataError(
                expected="worker processes that live until their shards are written",
                found="one that ended by itself, most often for lack of memory",
                where=str(paths[0].parent),
                remedy="run again with fewer workers: what is written is kept",
            ) from None
        except BaseException:
            # The shards in flight end on their own; what has not begun never does.
            pool.shutdown(wait=False, cancel_futures=True)
            raise


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


def _settle_worker() -> None:
    """Tie a worker to its parent: Ctrl-C is the parent's to handle, and a killed parent leaves no worker behind."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _write_shard(make: Callable[[Sequence[Item]], Rows], items: Sequence[Item], schema: pa.Schema, path: Path) -> int:
    """Make one shard and write it aside, then rename it; return its number of rows."""
    table = pa.table({name: pa.array(values, schema.field(name).type) for name, values in make(items).items()}, schema)
    aside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with aside.open("wb") as file:
            with pa.ipc.new_stream(file, schema) as writer:
                writer.write_table(table)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
    return int(table.num_rows)
