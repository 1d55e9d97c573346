"""Two runs at once over one results folder share the work."""

from __future__ import annotations

from collections import Counter

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
seeds = [1, 2, 3, 4, 5]
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
        started.append(bench.start("run", "shared", "--workers", "1"))
    for process in started:
        ended = finish(process, code=1)  # in both, whichever of them saw the cells fail
        assert "5 failed" in ended.err
    logs = [(bench.folder / name).read_text().split() for name in ("first", "second")]
    assert all(logs)
    together = [line for log in logs for line in log]
    assert len(together) == len(set(together)) == 16  # 15 cells, those that fail too, and one recipe
    states = Counter((cell["entry"], cell["state"]) for cell in bench.plan("shared"))
    assert states == {("Learner", "done"): 5, ("Pretrained", "done"): 5, ("Breaks", "failed"): 5}
    assert len(bench.records()) == 10
