"""The scheduler: shares jobs out to an executor, follows them, and writes down what failed."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from ferbench.records import RecordStore
from ferbench.run.executors import Event, Executor
from ferbench.run.jobs import Job, failure
from ferbench.trained import weights_ready

ATTEMPTS = 2
"""How often a cell is begun when its worker dies under it (not when it raises)."""

BUSY_SECONDS = 1.0


class Display(Protocol):
    """Shows how a run goes on."""

    def started(self, job: Job) -> None:
        """A job was begun."""

    def progressed(self, job: Job, share: float, images: int) -> None:
        """A job went on."""

    def ended(self, job: Job, kind: str, error: str) -> None:
        """A job ended: `finished`, `failed`, `elsewhere` (another run did it)."""


@dataclass
class Tally:
    """How a run ended: ids by outcome."""

    finished: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


@dataclass
class Scheduler:
    """Runs jobs to their end.

    Attributes:
        executor: who does them.
        store: where records and failures go.
        display: who shows them.
    """

    executor: Executor
    store: RecordStore
    display: Display
    tally: Tally = field(default_factory=Tally)
    _jobs: dict[str, Job] = field(default_factory=dict)
    _waiting: dict[str, Job] = field(default_factory=dict)
    _running: dict[str, Job] = field(default_factory=dict)
    _not_before: dict[str, float] = field(default_factory=dict)
    _attempts: dict[str, int] = field(default_factory=dict)
    _broken: dict[str, Event] = field(default_factory=dict)

    def run(self, jobs: Iterable[Job]) -> Tally:
        """Run all jobs; one that fails does not stop the others."""
        self._jobs = {job.id: job for job in jobs}
        self._waiting = dict(self._jobs)
        while self._waiting or self._running:
            self._hand_out()
            for event in self.executor.events(0.2):
                self._handle(event)
        return self.tally

    def _hand_out(self) -> None:
        now = time.monotonic()
        free = self.executor.free()
        if not free:
            return
        unsettled = set(self._waiting) | set(self._running)
        for job in list(self._waiting.values()):
            if free == 0:
                break
            if self._not_before.get(job.id, 0) > now or job.needs & unsettled:
                continue
            del self._waiting[job.id]
            broken = job.needs & set(self._broken)
            if broken:
                why = "; ".join(
                    f"{self._jobs[identity].title}: {self._broken[identity].error}" for identity in sorted(broken)
                )
                trace = "".join(self._broken[identity].traceback for identity in sorted(broken))
                self._fail(job, Event("failed", job.id, error=f"what it needs has failed: {why}", traceback=trace))
                continue
            self._running[job.id] = job
            self.executor.submit(job)
            self.display.started(job)
            free -= 1

    def _handle(self, event: Event) -> None:
        job = self._jobs[event.job]
        if event.kind == "progress":
            self.display.progressed(job, event.share, event.images)
            return
        self._running.pop(job.id, None)
        if event.kind == "finished":
            self._finish(job, "finished")
        elif event.kind == "busy":
            self._wait_for_the_other(job)
        elif event.kind == "given-up":
            self.tally.failed.append(job.id)
            self.display.ended(job, "failed", str(self.store.read_failure(job.id).get("error", "")))
        elif event.kind == "blocked":
            assert event.problem is not None  # the worker sends both
            raise event.problem
        elif event.kind == "died" and self._attempts.get(job.id, 1) < ATTEMPTS:
            self._attempts[job.id] = self._attempts.get(job.id, 1) + 1
            self._waiting[job.id] = job
        else:
            self._fail(job, event)

    def _finish(self, job: Job, kind: str) -> None:
        self.tally.finished.append(job.id)
        self.display.ended(job, kind, "")

    def _wait_for_the_other(self, job: Job) -> None:
        """Another run is at it: look again in a moment; if that run dies, its lease ends and the job is free."""
        done = weights_ready(job.id) if job.recipe else (self.store.records / job.id).exists()
        if done:
            self._finish(job, "elsewhere")
            return
        self._waiting[job.id] = job
        self._not_before[job.id] = time.monotonic() + BUSY_SECONDS

    def _fail(self, job: Job, event: Event) -> None:
        self.tally.failed.append(job.id)
        self._broken[job.id] = event
        if job.recipe is None and not self.store.has_failed(job.id):  # what raised is written down by its worker
            self.store.write_failure(job.id, failure(job, event.error, event.traceback))
        self.display.ended(job, "failed", event.error)
