"""Progress of a run: bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from ferbench.datasource import Advance
from ferbench.run.jobs import Job

LINE_SECONDS = 10.0


class RunDisplay:
    """Shows preparation and cells.

    Args:
        console: where to.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self._bars = console.is_terminal
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not self._bars,
        )
        self._all: TaskID | None = None
        self._tasks: dict[str, TaskID] = {}
        self._counts = {"finished": 0, "failed": 0, "elsewhere": 0}
        self._total, self._begun, self._images = 0, time.monotonic(), 0
        self._rate: list[tuple[float, int]] = []

    def __enter__(self) -> Self:
        """Start showing."""
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop showing."""
        self._progress.stop()

    @contextmanager
    def bar(self, description: str, total: int) -> Iterator[Advance]:
        """Show a bar for work that is not a cell: rendering, preparing, verifying."""
        task = self._progress.add_task(description, total=total, note="")
        last = time.monotonic()
        done = 0

        def advance(steps: int = 1) -> None:
            nonlocal last, done
            done += steps
            self._progress.advance(task, steps)
            if not self._bars and time.monotonic() - last > LINE_SECONDS:
                last = time.monotonic()
                self._line(f"{description}: {done}/{total}")

        if not self._bars:
            self._line(f"{description}: {total}")
        yield advance
        self._progress.remove_task(task)

    def begin(self, jobs: int) -> None:
        """Show the bar of all jobs."""
        self._total, self._begun = jobs, time.monotonic()
        self._all = self._progress.add_task("[bold]cells", total=jobs, note="")

    def started(self, job: Job) -> None:
        """Show a bar for a job."""
        if job.id in self._tasks:  # begun again: its worker died, or another run was at it
            return
        self._tasks[job.id] = self._progress.add_task(f"  {job.title}", total=100, note="")
        self._refresh()

    def progressed(self, job: Job, share: float, images: int) -> None:
        """Move a job's bar; the rate is of the last half minute over all workers."""
        now = time.monotonic()
        self._rate = [(at, count) for at, count in self._rate if now - at < 30] + [(now, images)]
        if job.id in self._tasks:
            self._progress.update(self._tasks[job.id], completed=round(share * 100))
        self._refresh()

    def ended(self, job: Job, kind: str, error: str) -> None:
        """Remove a job's bar and say how it ended."""
        self._counts[kind] += 1
        task = self._tasks.pop(job.id, None)
        if task is not None:
            self._progress.remove_task(task)
        if self._all is not None:
            self._progress.advance(self._all)
        if kind == "failed":
            self._line(f"failed: {job.title}: {error}", style="red")
        elif not self._bars:
            done = sum(self._counts.values())
            seconds = time.monotonic() - self._begun
            self._line(f"[{done}/{self._total}] {seconds:.0f} s  {job.title}")
        self._refresh()

    def _line(self, text: str, style: str | None = None) -> None:
        # Soft wrap: a log line stays one line, whatever width is assumed where there is no terminal.
        self.console.print(text, style=style, highlight=False, markup=False, soft_wrap=True)

    def _refresh(self) -> None:
        if self._all is None:
            return
        span = max(1.0, time.monotonic() - self._rate[0][0]) if self._rate else 1.0
        rate = sum(count for _, count in self._rate) / span
        note = f"{len(self._tasks)} running, {self._counts['failed']} failed, {rate:.0f} images/s"
        self._progress.update(self._all, note=note)
