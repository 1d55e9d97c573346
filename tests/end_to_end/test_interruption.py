"""Stopped at any moment, by whatever means: the same command goes on, and ends where an undisturbed run ends."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from workbench import Finished, Workbench, finish, group_members, wait_until

GRID = """
[benchmark.long]
preprocessor = { name = "resize", options = { size = 16 } }
metrics = ["accuracy", "macro-f1"]
dataset = [{ name = "toy" }]
protocol = [{ name = "official" }, { name = "k-fold", options = { k = 3 } }]
entry = [
  { name = "Learner", method = "toy-learner", options = { epochs = 6, delay = 0.03, augment = "light" } },
  { name = "Turns", method = "toy-adversarial", options = { epochs = 6, delay = 0.03 } },
]
"""


@dataclass
class Story:
    """What happened on a workbench that was disturbed again and again.

    Attributes:
        bench: where.
        reference: a workbench on which nobody disturbed the same run.
        endings: how each disturbed run ended.
        seconds: how long each took to end once it was told to.
        overwritten: files of finished records that a later run touched.
        survivors: command lines of processes that outlived their parent by 10 s.
    """

    bench: Workbench
    reference: Workbench
    endings: dict[str, Finished]
    seconds: dict[str, float]
    overwritten: list[str]
    survivors: list[str]


@dataclass
class _Disturber:
    bench: Workbench
    story: Story
    chance: random.Random

    def disturb(self, name: str, number: int, *, group: bool, ready: Callable[[float], bool], workers: int = 1) -> None:
        """Start the run, wait until it is `ready` and a moment longer, send a signal, wait for the end."""
        before, begun = self.bench.stamps(), time.time()
        process = self.bench.start("run", "long", "--workers", str(workers), "--checkpoint-seconds", "0")
        wait_until(lambda: process.poll() is not None or ready(begun))
        assert process.poll() is None, f"{name}: it ended too soon\n{process.communicate()}"
        time.sleep(self.chance.uniform(0, 0.6))
        told = time.monotonic()
        (os.killpg if group else os.kill)(process.pid, number)
        self.story.endings[name] = finish(process, code=None)
        self.story.seconds[name] = time.monotonic() - told
        end = time.monotonic() + 10
        while (alive := group_members(process.pid)) and time.monotonic() < end:
            time.sleep(0.05)
        for member in alive:
            self.story.survivors.append(Path(f"/proc/{member}/cmdline").read_text().replace("\0", " "))
            os.kill(member, signal.SIGKILL)
        after = self.bench.stamps()
        self.story.overwritten += [file for file, stamp in before.items() if after.get(file) != stamp]

    def checkpointed(self, begun: float) -> bool:
        """Return whether a worker has saved a checkpoint since the run began."""
        return any(path.stat().st_mtime > begun for path in self._checkpoints())

    def _checkpoints(self) -> list[Path]:
        return [path for path in self.bench.results.glob("running/*.checkpoint") if path.exists()]

    def preparing(self, begun: float) -> bool:
        """Return whether the data is being prepared."""
        return (self.bench.folder / "cache" / "sources").exists()

    def importing(self, begun: float) -> bool:
        """Return whether workers have been started; they are importing then."""
        return (self.bench.folder / "cache" / "prepared").exists() and time.time() - begun > 2


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    """Disturb a run in seven ways while another run of the same grid goes through undisturbed."""
    reference = Workbench(tmp_path_factory.mktemp("undisturbed"))
    reference.write(GRID)
    undisturbed = reference.start("run", "long", "--workers", "2")
    bench = Workbench(tmp_path_factory.mktemp("disturbed"), env={"FERBENCH_TOY_SLOW_DATA": "0.005"})
    bench.write(GRID)
    story = Story(bench, reference, {}, {}, [], [])
    disturber = _Disturber(bench, story, random.Random(20))
    disturber.disturb("killed while preparing", signal.SIGKILL, group=True, ready=disturber.preparing)
    finish(undisturbed)
    disturber.disturb("Ctrl-C while importing", signal.SIGINT, group=True, ready=disturber.importing)
    disturber.disturb("Ctrl-C", signal.SIGINT, group=True, ready=disturber.checkpointed)
    disturber.disturb("killed", signal.SIGKILL, group=True, ready=disturber.checkpointed, workers=2)
    disturber.disturb("terminated", signal.SIGTERM, group=False, ready=disturber.checkpointed)
    disturber.disturb("parent killed", signal.SIGKILL, group=False, ready=disturber.checkpointed, workers=2)
    story.endings["undisturbed at last"] = bench.run("long", "--checkpoint-seconds", "0")
    return story


def test_ends_as_if_nothing_had_happened(story: Story) -> None:
    assert story.bench.digests() == story.reference.digests()
    assert len(story.bench.digests()) == 8
    for style in ("json", "csv", "latex"):
        made, expected = (b.call("report", "long", "--format", style).out for b in (story.bench, story.reference))
        assert made == expected


def test_markdown_differs_in_cost_and_provenance_only(story: Story) -> None:
    made, expected = ((b.results / "leaderboards" / "long.md").read_text() for b in (story.bench, story.reference))
    assert made.split("## Cost")[0] == expected.split("## Cost")[0]


def test_cells_are_resumed_from_checkpoints(story: Story) -> None:
    resumed = [record["provenance"]["resumed"] for record in story.bench.records().values()]
    assert any(resumed)
    assert not any(record["provenance"]["resumed"] for record in story.reference.records().values())


def test_resumed_histories_are_whole(story: Story) -> None:
    expected = {identity: content["history"] for identity, content in story.reference.records().items()}
    assert {identity: content["history"] for identity, content in story.bench.records().items()} == expected


def test_no_finished_record_is_touched(story: Story) -> None:
    assert story.overwritten == []


def test_workers_die_with_their_parent(story: Story) -> None:
    assert story.survivors == []


@pytest.mark.parametrize("how", ["Ctrl-C while importing", "Ctrl-C", "terminated"])
def test_an_interrupted_run_ends_soon_and_says_so(story: Story, how: str) -> None:
    assert story.endings[how].code == 130
    assert story.seconds[how] < 15
    assert "the same command goes on where it stopped" in story.endings[how].err


def test_nothing_is_left_behind(story: Story) -> None:
    left = [path.name for path in (story.bench.results / "running").rglob("*") if path.is_file()]
    assert left in ([], ["guard.lock"])
    assert not list(story.bench.results.glob("failures/*"))
    asides = [path.name for path in story.bench.folder.rglob(".*") if path.name != ".lock"]
    assert asides == []
