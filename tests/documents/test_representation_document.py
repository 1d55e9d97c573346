"""What docs/representations.md shows runs from the command line."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from workbench import STRANGER, Workbench

DOCUMENT = Path(__file__).parents[2] / "docs" / "representations.md"
ENTRY = """BROKEN = RepresentationMetricEntry(name="toy-broken", factory="ferbench_toy.looks:broken")


@hookimpl"""
BROKEN = """

def broken(given):
    return 1 / 0
"""


def example(language: str) -> list[str]:
    """Return the document's blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def test_what_the_document_shows_runs_from_the_command_line(tmp_path: Path) -> None:
    """The document's benchmark, with the metric it shows in a stranger's plugin and one that breaks besides."""
    (benchmark,), (hook, function) = example("toml"), example("python")
    plugin = tmp_path / "plugin"
    shutil.copytree(STRANGER, plugin, ignore=shutil.ignore_patterns("__pycache__"))
    with (plugin / "ferbench_toy" / "plugin.py").open("a") as stream:
        stream.write(
            "\n\n" + hook.replace("    return [\n", "    return [\n        BROKEN,\n").replace("@hookimpl", ENTRY)
        )
    (plugin / "ferbench_toy" / "looks.py").write_text(function + BROKEN)
    bench = Workbench(tmp_path, plugin)
    bench.write(benchmark.replace('"toy-spread",', '"toy-spread", "toy-broken",').replace("steps = 500", "steps = 50"))
    done = bench.run("looks", "--workers", "1")
    (record,) = bench.records().values()
    assert set(record["representation"]["metrics"]) == {"identity-leakage", "retrieval", "toy-spread"}
    assert record["representation"]["metrics"]["toy-spread"]["values"]["expression"] > 0
    assert record["warnings"] == ["representation metrics, toy-broken failed: ZeroDivisionError: division by zero"]
    (left_out,) = record["representation"]["left_out"].items()
    assert left_out == ("mutual-information-gap", "the method gives no representation identity (it gives expression)")
    steps = {one["name"]: one["options"].get("steps") for one in record["spec"]["representation_metrics"]}
    assert steps["mutual-information-gap"] == 50
    stamps = bench.stamps()
    value = record["representation"]["metrics"]["identity-leakage"]["values"]["expression/linear"]
    assert "## identity-leakage, %" in done.out
    assert re.search(rf"\| Learner +\| expression/linear +\| {100 * value:.2f} \(1\)", done.out)
    again = bench.run("looks", "--workers", "1")
    assert bench.stamps() == stamps, "nothing is done twice"
    assert again.out == done.out
