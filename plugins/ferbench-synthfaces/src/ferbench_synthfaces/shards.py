"""Generating a data set in parallel, in shards that outlive a killed process.

Nothing here knows about faces: `generate` takes pieces of work and a function that makes the rows of one piece, and
gives Arrow files that can be mapped into memory. Each file appears complete or not at all, so whoever runs again
after a kill repeats only the pieces that were in flight.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Generic, TypeVar

import pyarrow as pa

from ferbench.data.pool import in_processes
from ferbench.datasource import Site
from ferbench.errors import DataError

Item = TypeVar("Item")

Rows = Mapping[str, Sequence[Any]]
"""Columns by name, all of one length."""


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
        DataError: the cache cannot be written.
        StorageError: a worker died.
    """
    starts = range(0, len(work.items), work.per_shard)
    paths = [site.cache / f"shard-{number:05d}-of-{len(starts):05d}.arrow" for number in range(len(starts))]
    missing = [number for number, path in enumerate(paths) if not path.exists()]
    with _writing(site.cache), site.progress(description, len(work.items)) as advance:
        done = sum(_size(work, number) for number in range(len(starts)) if number not in set(missing))
        if done:
            advance(done)
        tasks = [(_items(work, number), paths[number]) for number in missing]
        write = partial(_write_shard, work.make, work.schema)
        if site.workers > 1 and len(missing) > 1:
            for _, rows in in_processes(write, tasks, min(site.workers, len(missing))):
                advance(rows)
        else:
            for task in tasks:
                advance(write(task))
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


def _write_shard(make: Callable[[Sequence[Item]], Rows], schema: pa.Schema, task: tuple[Sequence[Item], Path]) -> int:
    """Make one shard and write it aside, then rename it; return its number of rows."""
    items, path = task
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
