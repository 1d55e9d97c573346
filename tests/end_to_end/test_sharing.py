"""Two runs at once over one results folder share the work."""

from __future__ import annotations

from workbench import Workbench, finish

GRID = """
[weights.elsewhere.recipe]
dataset = "toy"
dataset_options = { seed = 77 }
method = "toy-learner"
options = { epochs = 2, delay = 0.05 }

[benchmark.shared]
preprocessor = { name = "resize", options = { size = 16 } }
dataset = [{ name = "toy" }]
protocol = [{ name = "official" }]
seeds = [1, 2, 3, 4, 5, 6, 7, 8]
entry = [
  { name = "Learner", method = "toy-learner", options = { epochs = 2, delay = 0.03 } },
  { name = "Pretrained", method = "toy-learner", options = { epochs = 1 }, weights = { backbone = "elsewhere" } },
  { name = "Breaks", method = "toy-raises", options = { delay = 0.03 } },
]
"""


def test_two_runs_share_the_cells(bench: Workbench) -> None:
    bench.write(GRID)
    started = []
    for name in ("first", "second"):
        bench.env["FERBENCH_TOY_LOG"] = str(bench.folder / name)
        words = ("run", "shared", "--workers", "1", "--select", "entry=Learner", "--select", "entry=Pretrained")
        started.append(bench.start(*words))
    for process in started:
        finish(process, code=0)
    logs = [(bench.folder / name).read_text().split() for name in ("first", "second")]
    assert all(logs)
    together = [line for log in logs for line in log]
    assert len(together) == len(set(together)) == 17  # 16 cells and one recipe
    assert len(bench.records()) == 16
    assert sorted(cell["state"] for cell in bench.plan("shared")) == ["done"] * 16 + ["pending"] * 8


def test_what_failed_in_one_run_is_not_tried_by_the_other(bench: Workbench) -> None:
    bench.write(GRID.replace(", 5, 6, 7, 8", ""))
    bench.env["FERBENCH_TOY_LOG"] = str(bench.folder / "log")
    words = ("run", "shared", "--workers", "1", "--select", "entry=Breaks", "--select", "entry=Learner")
    for process in [bench.start(*words), bench.start(*words)]:
        finish(process, code=1)
    trainings = (bench.folder / "log").read_text().split()
    assert len(trainings) == len(set(trainings)) == 8
    states = {cell["entry"]: cell["state"] for cell in bench.plan("shared")}
    assert states == {"Learner": "done", "Breaks": "failed", "Pretrained": "pending"}
