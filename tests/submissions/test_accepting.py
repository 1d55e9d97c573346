"""What a run left is accepted as it is, and its rows join a leaderboard with the same figures."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from spoiled import metric, representations
from submissions import Opened, reasons
from workbench import Workbench

from ferbench.submission.content import RecordContent, read_model
from ferbench.submission.verdict import Verdict

CELLS = 2 * (1 + 2) * 2


def test_what_a_run_left_is_accepted(home: Workbench, verify: Callable[[Path], Verdict]) -> None:
    verdict = verify(home.folder / "grid.zip")
    assert reasons(verdict) == ""
    assert verdict.accepted
    assert (verdict.benchmark, verdict.rows) == ("grid", {"Learner": CELLS // 2, "Pretrained": CELLS // 2})
    assert verdict.notes == []


def test_packed_again_untouched_it_is_accepted(
    given: Opened, verify: Callable[[Path], Verdict], tmp_path: Path
) -> None:
    given.sum_up()
    assert verify(given.packed(tmp_path / "again.zip")).accepted


def test_the_same_rows_give_the_same_bytes(home: Workbench) -> None:
    home.call("submit", "grid", "--out", "again.zip")
    assert (home.folder / "again.zip").read_bytes() == (home.folder / "grid.zip").read_bytes()


def test_it_holds_records_and_nothing_else(home: Workbench) -> None:
    with zipfile.ZipFile(home.folder / "grid.zip") as archive:
        names = archive.namelist()
    assert names[0] == "submission.json"
    assert {Path(name).name for name in names[1:]} == {"record.json", "predictions.parquet", "SHA256SUMS"}
    assert len(names) == 1 + 3 * CELLS


def test_whole_columns_alone_are_a_submission_too(
    given: Opened, verify: Callable[[Path], Verdict], tmp_path: Path
) -> None:
    content = given.manifest
    gone = [cell for cell in content["cells"] if cell["protocol"] == "official"]
    for cell in gone:
        for file in (given.folder / "records" / cell["id"]).iterdir():
            file.unlink()
        content["cells"].remove(cell)
    given.write_manifest(content)
    assert reasons(verify(given.packed(tmp_path / "column.zip"))) == ""


def test_accepted_rows_join_a_leaderboard_with_the_same_figures(home: Workbench, tmp_path: Path) -> None:
    home.call("submit", "grid", "--entry", "Learner", "--out", "one.zip")
    home.call("submit", "grid", "--entry", "Pretrained", "--out", "two.zip")
    board = str(tmp_path / "board")
    told = home.call("verify-submission", "one.zip", "two.zip", "--add-to", board, "--json").json
    assert [one["accepted"] for one in told] == [True, True]
    made = home.call("report", "grid", "--results", board, "--as-run", "--format", "json").json
    assert made == home.call("report", "grid", "--format", "json").json
    again = home.call("verify-submission", "one.zip", "--add-to", board)
    assert again.out.splitlines()[-1] == "one.zip: accepted"
    assert home.call("report", "grid", "--results", board, "--as-run", "--format", "json").json == made


CROSSED = """
[benchmark.crossed]
preprocessor = { name = "resize", options = { size = 16 } }
metrics = ["accuracy"]
dataset = [{ name = "toy" }, { name = "toy-b", source = "toy", options = { seed = 5, classes = 3 } }]
protocol = [{ name = "cross-dataset" }]
entry = [{ name = "Learner", method = "toy-learner", options = { epochs = 1, weight_decay = 0 } }]
"""


def test_columns_of_two_data_sets_are_submitted_too(tmp_path: Path) -> None:
    bench = Workbench(tmp_path)
    bench.write(CROSSED)
    bench.run("crossed")
    bench.call("submit", "crossed")
    told = bench.call("verify-submission", "crossed.ferbench.zip", "--add-to", "board")
    assert told.out.splitlines()[-1] == "crossed.ferbench.zip: accepted"
    made = bench.call("report", "crossed", "--results", "board", "--as-run", "--format", "json").json
    assert made == bench.call("report", "crossed", "--format", "json").json
    assert {row["dataset"] for row in made} == {"toy->toy-b", "toy-b->toy"}


def test_a_measure_of_one_number_and_any_name_in_a_log_are_sound(given: Opened) -> None:
    def more(content: dict[str, Any]) -> None:
        content["representation"] = representations({"sharpness": {"values": {"": 0.5}, "seconds": 0.1}})
        content["history"][0]["loss->x"] = 1.0

    given.edit_record(more)
    read = read_model(given.record() / "record.json", RecordContent)
    assert read.measured is not None
    assert read.measured.metrics["sharpness"].values == {"": 0.5}


def test_a_refused_submission_is_told_and_adds_nothing(home: Workbench, given: Opened, tmp_path: Path) -> None:
    metric(0.05)(given)
    given.sum_up()
    given.packed(home.folder / "edited.zip")
    done = home.call("verify-submission", "edited.zip", "--add-to", str(tmp_path / "board"), code=1)
    assert done.out.splitlines()[-1] == "edited.zip: refused, 1 reason"
    assert "its predictions give" in done.out
    assert not (tmp_path / "board").exists()


def test_a_row_of_the_same_name_with_other_cells_is_not_mixed_in(
    home: Workbench, given: Opened, tmp_path: Path
) -> None:
    board = str(tmp_path / "board")
    home.call("verify-submission", "grid.zip", "--add-to", board)
    content = given.manifest
    for cell in [cell for cell in content["cells"] if cell["protocol"] == "official"]:
        for file in (given.folder / "records" / cell["id"]).iterdir():
            file.unlink()
        content["cells"].remove(cell)
    given.write_manifest(content)
    given.packed(home.folder / "less.zip")
    done = home.call("verify-submission", "less.zip", "grid.zip", "--add-to", board, code=1)
    assert "found 'Learner' with other cells" in done.out
    assert done.out.splitlines()[-1] == "grid.zip: accepted"  # one file's trouble is not the others'


def test_a_record_that_is_gone_is_told(home: Workbench, tmp_path: Path) -> None:
    results = tmp_path / "results"
    shutil.copytree(home.results, results)
    shutil.rmtree(next((results / "records").iterdir()))
    message = home.call("submit", "grid", "--as-run", "--results", str(results), code=2).message
    assert message["expected"] == "a complete record"


def test_an_unfinished_row_is_not_submitted(home: Workbench, tmp_path: Path) -> None:
    message = home.call("submit", "grid", "--results", str(tmp_path / "none"), code=2).message
    assert "every fold and seed is done" in message["expected"]
    message = home.call("submit", "grid", "--entry", "Lerner", code=2).message
    assert "did you mean 'Learner'?" in message["remedy"]


def test_an_unknown_benchmark_is_told(home: Workbench, tmp_path: Path) -> None:
    other = Workbench(tmp_path / "other")
    other.write((home.folder / "benchmarks.toml").read_text().replace("benchmark.grid", "benchmark.other"))
    done = other.call("verify-submission", str(home.folder / "grid.zip"), code=1)
    assert "grid.zip: the benchmark grid: is not known here" in done.out
    message = home.call("verify-submission", "nowhere.zip", code=2).message
    assert message["found"] == "no such file"
