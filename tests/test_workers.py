"""Workers whose run has ended without waiting for them: they end too, and blame nobody."""

from __future__ import annotations

import multiprocessing
from pathlib import Path
from types import SimpleNamespace

import pytest

from ferbench.run.jobs import Stopped
from ferbench.run.worker import _Reporter, worker_main


def test_a_cell_whose_progress_nobody_hears_is_stopped_and_has_not_failed() -> None:
    here, there = multiprocessing.Pipe()
    reporter = _Reporter(there, multiprocessing.get_context("spawn").Event())
    reporter.start("cell")
    reporter.last -= 60
    here.close()
    with pytest.raises(Stopped):
        reporter.progress(0.5, 32)


def test_a_worker_that_nobody_hears_ends_without_a_traceback(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FERBENCH_CACHE", str(tmp_path / "cache"))
    spawn = multiprocessing.get_context("spawn")
    here, there = spawn.Pipe()
    stop = spawn.Event()
    process = spawn.Process(target=worker_main, args=(there, stop, tmp_path, 20.0, 0))
    process.start()
    there.close()
    here.send(SimpleNamespace(id="no-cell", recipe=None))  # it will fail, and that is to be told
    here.close()
    process.join(60)
    assert process.exitcode == 0
    assert "Traceback" not in capfd.readouterr().err
