"""An edited loss is never answered with an old number."""

from __future__ import annotations

from collections.abc import Callable

from workbench import Workbench, finish, wait_until

GRID = """
[benchmark.edited]
preprocessor = { name = "resize", options = { size = 16 } }
dataset = [{ name = "toy" }]
protocol = [{ name = "official" }]
entry = [{ name = "Learner", method = "toy-learner" }]
"""


def test_editing_a_method_makes_new_cells_and_keeps_old_records(copied: Callable[[], Workbench]) -> None:
    bench = copied()
    bench.write(GRID)
    bench.run("edited")
    (old,) = bench.plan("edited")
    stamps = bench.stamps()
    source = bench.plugin / "ferbench_toy" / "learners.py"
    original = source.read_text()
    source.write_text(original.replace("LOSS_SCALE = 1.0", "LOSS_SCALE = 3.0"))
    (edited,) = bench.plan("edited")
    assert (edited["state"], edited["reason"]) == ("pending", "source changed")
    assert edited["id"] != old["id"]
    rows = bench.call("report", "edited", "--format", "json").json
    assert rows == []  # no number rather than yesterday's
    as_run = bench.call("report", "edited", "--format", "json", "--as-run").json
    assert len(as_run) == 1
    bench.run("edited")
    assert set(bench.records()) == {old["id"], edited["id"]}
    assert bench.digests()[old["id"]] != bench.digests()[edited["id"]]
    source.write_text(original)
    (again,) = bench.plan("edited")
    assert (again["id"], again["state"], again["reason"]) == (old["id"], "done", "")
    assert {file: stamp for file, stamp in bench.stamps().items() if file in stamps} == stamps


def test_editing_a_method_while_it_runs_stops_the_run(copied: Callable[[], Workbench]) -> None:
    """A cell is named after its code when the run begins; workers that import other code must not use that name."""
    bench = copied()
    bench.write(GRID)
    process = bench.start("run", "edited", "--workers", "1")
    wait_until((bench.folder / "cache" / "sources").exists)
    source = bench.plugin / "ferbench_toy" / "learners.py"
    source.write_text(source.read_text().replace("LOSS_SCALE = 1.0", "LOSS_SCALE = 3.0"))
    message = finish(process, code=2).message
    assert message["found"] == "edited meanwhile: method"
    assert bench.records() == {}
    assert [cell["state"] for cell in bench.plan("edited")] == ["pending"]
    assert not list(bench.results.glob("failures/*"))


def test_editing_a_data_set_makes_new_cells(copied: Callable[[], Workbench]) -> None:
    bench = copied()
    bench.write(GRID)
    (old,) = bench.plan("edited")
    source = bench.plugin / "ferbench_toy" / "patterns.py"
    source.write_text(source.read_text().replace("0.4, 1, 3", "0.5, 1, 3"))
    (drawn_otherwise,) = bench.plan("edited")
    assert drawn_otherwise["id"] != old["id"]
