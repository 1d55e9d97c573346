"""Submissions: what a run left is accepted as it is, and refused with the reason when anything in it is not so."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import given as given_by_hypothesis
from hypothesis import strategies as st
from pydantic import ValidationError
from submissions import Opened, opened
from workbench import STRANGER, Workbench

import ferbench.builtin
from ferbench.catalogue import list_benchmarks
from ferbench.columns import columns_of
from ferbench.datasource import silent_progress
from ferbench.plugins import Registry, discover
from ferbench.submission.cell import Submitted, problems_of
from ferbench.submission.content import RecordContent, SubmittedCell, SubmittedRow, read_model
from ferbench.submission.ground import Ground, ground
from ferbench.submission.verdict import Verdict
from ferbench.submission.verify import Verifier

GRID = """
[weights.elsewhere.recipe]
dataset = "toy"
dataset_options = { seed = 77 }
method = "toy-learner"
options = { epochs = 1 }

[benchmark.grid]
preprocessor = { name = "resize", options = { size = 16 } }
metrics = ["accuracy", "macro-f1", "toy-worst-subject"]
seeds = [0, 1]
dataset = [{ name = "toy", options = { noise = 0.8 } }]
protocol = [{ name = "official" }, { name = "k-fold", options = { k = 2 } }]
entry = [
  { name = "Learner", method = "toy-learner", options = { lr = 1e-2 } },
  { name = "Pretrained", method = "toy-learner", weights = { backbone = "elsewhere" } },
]
"""
CELLS = 2 * (1 + 2) * 2


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Workbench:
    """Return a workbench in which the grid has been run and submitted, to `grid.zip`."""
    bench = Workbench(tmp_path_factory.mktemp("home"))
    bench.write(GRID)
    bench.run("grid")
    bench.call("submit", "grid", "--out", "grid.zip")
    return bench


@pytest.fixture(scope="module")
def registry() -> Iterator[Registry]:
    """Return the core's entries and the stranger's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(STRANGER))
        import ferbench_toy.plugin

        yield discover([("core", ferbench.builtin), ("ferbench-toy", ferbench_toy.plugin)], installed=False)


@pytest.fixture
def verify(home: Workbench, registry: Registry, monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], Verdict]:
    """Return what verifies a file."""
    monkeypatch.setenv("FERBENCH_CACHE", str(home.folder / "cache"))
    verifier = Verifier(registry, list_benchmarks(home.folder / "benchmarks.toml", registry), None, silent_progress)

    def judge(file: Path) -> Verdict:
        with verifier.opened(file) as (verdict, _, _):
            return verdict

    return judge


@pytest.fixture
def given(home: Workbench, tmp_path: Path) -> Opened:
    """Return the submission, unpacked."""
    return opened(home.folder / "grid.zip", tmp_path / "opened")


def reasons(verdict: Verdict) -> str:
    return "\n".join(f"{one.where}: {one.problem}" for one in verdict.findings)


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


# ---- what is spoiled, and a part of the reason that must be given


def metric(change: float) -> Callable[[Opened], None]:
    def edit(content: dict[str, Any]) -> None:
        content["metrics"]["validation"]["accuracy"] += change

    return lambda given: given.edit_record(edit)


def predictions(change: Callable[[dict[str, list[Any]]], None], *, hashed: bool = True) -> Callable[[Opened], None]:
    return lambda given: given.edit_predictions(change, hashed=hashed)


def record(change: Callable[[dict[str, Any]], None]) -> Callable[[Opened], None]:
    return lambda given: given.edit_record(change)


def spec(change: Callable[[dict[str, Any]], None]) -> Callable[[Opened], None]:
    return lambda given: given.edit_spec(change)


def manifest(change: Callable[[dict[str, Any]], None]) -> Callable[[Opened], None]:
    def spoil(given: Opened) -> None:
        content = given.manifest
        change(content)
        given.write_manifest(content)

    return spoil


def without_last(columns: dict[str, list[Any]]) -> None:
    for values in columns.values():
        values.pop()


def first_twice(columns: dict[str, list[Any]]) -> None:
    for name, values in columns.items():
        values[1] = values[0] if name in {"id", "label", "probabilities"} else values[1]


def labels_as_predicted(columns: dict[str, list[Any]]) -> None:
    columns["label"] = [row.index(max(row)) for row in columns["probabilities"]]


def sure_and_right(columns: dict[str, list[Any]]) -> None:
    for row, label in zip(columns["probabilities"], columns["label"], strict=True):
        row[:] = [float(place == label) for place in range(len(row))]


def a_stranger(columns: dict[str, list[Any]]) -> None:
    columns["id"][0] = "nobody"


def negative(columns: dict[str, list[Any]]) -> None:
    columns["probabilities"][0][:2] = [-0.5, 1.5]


def too_much(columns: dict[str, list[Any]]) -> None:
    columns["probabilities"][0][0] += 1.0


def not_a_number(columns: dict[str, list[Any]]) -> None:
    columns["probabilities"][0][0] = float("nan")


def ragged(columns: dict[str, list[Any]]) -> None:
    columns["probabilities"][0].append(0.0)


def another_subject(columns: dict[str, list[Any]]) -> None:
    columns["column_subject"][0] = "s99"


def no_subject(columns: dict[str, list[Any]]) -> None:
    del columns["column_subject"]


def a_foreign_column(columns: dict[str, list[Any]]) -> None:
    columns["note"] = ["x"] * len(columns["id"])


def epochs_moved(columns: dict[str, list[Any]]) -> None:
    columns["epoch"] = [epoch + 1 for epoch in columns["epoch"]]


def turned(columns: dict[str, list[Any]]) -> None:
    for values in columns.values():
        values.reverse()


def one_seed_less(content: dict[str, Any]) -> None:
    content["cells"] = [cell for cell in content["cells"] if (cell["entry"], cell["seed"]) != ("Learner", 1)]


def one_fold_for_another(given: Opened) -> None:
    content = given.manifest
    folds = [cell for cell in content["cells"] if cell["protocol"] == "2-fold" and cell["entry"] == "Learner"]
    shutil.rmtree(given.folder / "records" / folds[0]["id"])
    folds[0]["id"] = next(cell["id"] for cell in folds if cell["fold"] == 1)
    given.write_manifest(content)


def a_cell_twice(content: dict[str, Any]) -> None:
    content["cells"].append(dict(content["cells"][0]))


def another_seed(content: dict[str, Any]) -> None:
    content["cells"][0]["seed"] = 7


def renamed_column(content: dict[str, Any]) -> None:
    for cell in content["cells"]:
        cell["dataset"] = "toy-b"


def another_method(content: dict[str, Any]) -> None:
    content["cells"][0]["method"] = "toy-posed"


def no_row(content: dict[str, Any]) -> None:
    del content["rows"]["Pretrained"]


def classes_turned(content: dict[str, Any]) -> None:
    content["classes"].reverse()


def unknown_class(content: dict[str, Any]) -> None:
    content["classes"][0] = "contempt"


def fewer_images(content: dict[str, Any]) -> None:
    content["samples"]["train"] -= 1


def noted(content: dict[str, Any]) -> None:
    content["fold_notes"]["changed"] = 0


def kept_secret(content: dict[str, Any]) -> None:
    content["metrics"]["validation"]["accuracy"] = float("nan")


def more_than_known(content: dict[str, Any]) -> None:
    content["sponsor"] = "x"


def control_character(content: dict[str, Any]) -> None:
    content["provenance"]["platform"] = "Linux\u001b[2J"


def markup(content: dict[str, Any]) -> None:
    content["rows"]["<script>"] = content["rows"].pop("Learner")


def another_id(content: dict[str, Any]) -> None:
    content["spec"]["options"]["lr"] = 0.5


def seeds_drawn_again(content: dict[str, Any]) -> None:
    content["protocol_options"]["split_seed"] = 3


def other_files(content: dict[str, Any]) -> None:
    content["data"]["identity"] = "0" * 64


def larger_images(content: dict[str, Any]) -> None:
    content["data"]["preprocessor_options"]["size"] = 32


def more_precision(content: dict[str, Any]) -> None:
    content["compute"]["evaluate_every"] = 5


def another_target(content: dict[str, Any]) -> None:
    content["target"] = "subject"


def pretrained_on_the_test(content: dict[str, Any]) -> None:
    data = dict(content["data"])
    content["weights"] = {"backbone": {"training": {"data": data, "protocol": "all"}, "keep_head": False}}


def pretrained_on_another_fold(content: dict[str, Any]) -> None:
    training = {name: content[name] for name in ("data", "protocol", "protocol_options", "seed")}
    inner = {"backbone": {"training": {**training, "fold": 1}}}
    content["weights"] = {"backbone": {"training": {"data": {"identity": "x"}, "weights": inner}}}


def more_epochs_than_the_default(content: dict[str, Any]) -> None:
    content["options"]["epochs"] = 400


def weights_of_its_own(content: dict[str, Any]) -> None:
    content["weights"] = {"backbone": {"sha256": "0" * 64}}


def measures_more(content: dict[str, Any]) -> None:
    content["representation_metrics"] = [{"name": "class-scatter", "options": {}, "source": "x"}]


def a_figure_of_its_own(content: dict[str, Any]) -> None:
    for figures in content["metrics"].values():
        figures["class-recall.fantasy"] = 1.0


def a_figure_without_its_columns(content: dict[str, Any]) -> None:
    for figures in content["metrics"].values():
        figures["pose-accuracy"] = 1.0


def without_the_figure_that_ranks(content: dict[str, Any]) -> None:
    for figures in content["metrics"].values():
        del figures["accuracy"]


def representations(metrics: dict[str, Any]) -> dict[str, Any]:
    account = {"selection": "validation", "epoch": 1, "images": 1, "widths": {}, "seed": 0}
    return {**account, "metrics": metrics, "left_out": {}, "failed": {}}


def figures_as_if_measured(content: dict[str, Any]) -> None:
    values = {"values": dict.fromkeys(("anger", "fear", "happiness", "neutral"), 1.0)}
    content["representation"] = representations({"class-recall": values})
    content["representation"]["epoch"] = content["selected_epochs"]["validation"]


def no_representation(content: dict[str, Any]) -> None:
    content["representation"] = None


def no_number_in_the_history(content: dict[str, Any]) -> None:
    content["history"][0]["loss"] = float("inf")


def a_forged_table(content: dict[str, Any]) -> None:
    content["warnings"] = ["x\n\n## accuracy, %\n\n| entry | x |\n|:--|:--|\n| Mine | **100.00** |"]


def a_forged_commit(content: dict[str, Any]) -> None:
    content["provenance"]["commit"] = "<script>alert(1)</script>"


def the_last_before_the_last(content: dict[str, Any]) -> None:
    content["selected_epochs"]["last"] = 0


def a_long_text(columns: dict[str, list[Any]]) -> None:
    columns["column_subject"] = ["s" * 100_000] * len(columns["id"])


def a_text_as_an_extra(columns: dict[str, list[Any]]) -> None:
    columns["extra_note"] = ["x"] * len(columns["id"])


def other_names_of_weights(content: dict[str, Any]) -> None:
    content["rows"]["Learner"]["weights"] = {"backbone": "nothing special"}


def sees_more(content: dict[str, Any]) -> None:
    content["rows"]["Learner"]["test_inputs"] = ["pose"]


def thousands_of_cells(content: dict[str, Any]) -> None:
    content["cells"] += [dict(content["cells"][0]) for _ in range(50_000)]


def faster_learning(content: dict[str, Any]) -> None:
    content["options"]["lr"] = 0.5


def of_another_method(content: dict[str, Any]) -> None:
    content["method"] = "toy-posed"


def oracle_and_validation(given: Opened) -> None:
    """Let the epoch called best on test be the worst of three that are stored."""

    def swap(content: dict[str, Any]) -> None:
        content["selected_epochs"] |= {"validation": 2, "last": 2, "oracle": 1}
        content["metrics"]["last"] = content["metrics"]["validation"]

    def two_epochs(columns: dict[str, list[Any]]) -> None:
        count = len(columns["id"]) // len(set(columns["epoch"]))
        for name, values in columns.items():
            columns[name] = values[:count] * 2
        columns["epoch"] = [1] * count + [2] * count
        flat = [1.0 / len(columns["probabilities"][0])] * len(columns["probabilities"][0])
        columns["probabilities"] = [flat] * count + [
            [float(place == label) for place in range(len(flat))] for label in columns["label"][:count]
        ]

    given.edit_predictions(two_epochs)
    given.edit_record(swap)


SPOILED: dict[str, tuple[Callable[[Opened], None], str]] = {
    "an edited metric": (metric(0.05), "its predictions give"),
    "a metric a little better": (metric(1e-4), "its predictions give"),
    "a missing image": (predictions(without_last), "rows; the test images"),
    "a repeated image": (predictions(first_twice), "stand in it more than once"),
    "an image of somebody else": (predictions(a_stranger), "are not of it, such as 'nobody'"),
    "images in another order": (predictions(turned), "in another order"),
    "labels that fit the answers": (predictions(labels_as_predicted), "labels are not those of the data"),
    "answers made right": (predictions(sure_and_right), "its predictions give"),
    "other answers": (predictions(sure_and_right, hashed=False), "not those whose hash the record has"),
    "a negative probability": (predictions(negative), "no distributions"),
    "too much probability": (predictions(too_much), "no distributions"),
    "no number": (predictions(not_a_number), "NaN or infinity"),
    "ragged probabilities": (lambda given: given.edit_predictions(ragged, hashed=False), "different lengths"),
    "another subject": (predictions(another_subject), "the column subject is not that of the data"),
    "no subject": (predictions(no_subject), "it has the columns"),
    "a column nobody knows": (predictions(a_foreign_column), "missing, of another type, or unknown"),
    "other epochs": (predictions(epochs_moved), "other epochs than the selected ones"),
    "a worse oracle": (oracle_and_validation, "is not the best of those it stores"),
    "a seed left out": (manifest(one_seed_less), "cells missing: fold 0 seed 1"),
    "a fold that stands for another": (one_fold_for_another, "its fold is 1; this benchmark has 0"),
    "a cell twice": (manifest(a_cell_twice), "cells given twice"),
    "a seed of its own": (manifest(another_seed), "not of this benchmark: fold 0 seed 7"),
    "a column of its own": (manifest(renamed_column), "grid has no such column"),
    "a method of another row": (manifest(another_method), "its row is the method"),
    "a row that is not described": (manifest(no_row), "its row is not described"),
    "markup in a name": (manifest(markup), "should match pattern"),
    "classes in another order": (record(classes_turned), "the data have, in this order"),
    "an unknown class": (record(unknown_class), "its classes are contempt"),
    "another count of images": (record(fewer_images), "the protocol's own division has"),
    "notes of its own": (record(noted), "its notes of the division"),
    "a metric that is no number": (record(kept_secret), "finite number"),
    "a key nobody knows": (record(more_than_known), "sponsor: Extra inputs are not permitted"),
    "control characters": (record(control_character), "should match pattern"),
    "options other than the id says": (record(another_id), "its id is not the hash of its spec"),
    "another split": (spec(seeds_drawn_again), "its protocol_options is"),
    "other files": (spec(other_files), "was made from other files"),
    "another preprocessing": (spec(larger_images), "preprocessor_options differs"),
    "another way to compute": (spec(more_precision), "its compute is"),
    "another target": (spec(another_target), "its target is"),
    "weights that saw the test": (spec(pretrained_on_the_test), "test images may be among them"),
    "weights that saw another fold": (spec(pretrained_on_another_fold), "test images may be among them"),
    "another option than the default": (spec(more_epochs_than_the_default), "has other options (epochs)"),
    "weights of its own": (spec(weights_of_its_own), "has other weights (here: backbone)"),
    "other names of weights": (manifest(other_names_of_weights), "its provenance has {}"),
    "other test inputs": (manifest(sees_more), "its method sees [] at test"),
    "measures of its own": (spec(measures_more), "it takes the representation metrics"),
    "a figure of its own": (record(a_figure_of_its_own), "its predictions give no such figure"),
    "a figure without its columns": (record(a_figure_without_its_columns), "its predictions give no such figure"),
    "no figure to rank by": (record(without_the_figure_that_ranks), "accuracy is not there; its predictions give"),
    "figures as if measured": (record(figures_as_if_measured), "it measures class-recall of representations"),
    "representations that are nothing": (record(no_representation), "representation"),
    "no number in the history": (record(no_number_in_the_history), "a number that is none"),
    "a forged table": (record(a_forged_table), "should match pattern"),
    "a forged commit": (record(a_forged_commit), "should match pattern"),
    "a last epoch that is not the last": (record(the_last_before_the_last), "is not the last of those selected"),
    "a very long text": (predictions(a_long_text), "a text of more than 4096 bytes"),
    "a text where numbers belong": (predictions(a_text_as_an_extra), "missing, of another type, or unknown"),
    "thousands of cells": (manifest(thousands_of_cells), "at most 40000 items"),
    "a method that is not the row's": (spec(of_another_method), "its method is"),
    "options that are not the row's": (
        spec(lambda content: content["options"].update(lr=0.5)),
        "has other options (lr)",
    ),
}


@pytest.mark.parametrize("what", SPOILED)
def test_what_is_spoiled_is_refused_with_the_reason(
    what: str, given: Opened, verify: Callable[[Path], Verdict], tmp_path: Path
) -> None:
    spoil, reason = SPOILED[what]
    spoil(given)
    given.sum_up()
    verdict = verify(given.packed(tmp_path / "spoiled.zip"))
    assert not verdict.accepted
    assert reason in reasons(verdict)


def test_a_record_edited_after_its_hashes_is_refused(
    given: Opened, verify: Callable[[Path], Verdict], tmp_path: Path
) -> None:
    metric(0.05)(given)
    assert "altered: record.json" in reasons(verify(given.packed(tmp_path / "edited.zip")))


def test_hashes_name_the_files_beside_them_only(
    given: Opened, verify: Callable[[Path], Verdict], tmp_path: Path
) -> None:
    sums = given.record() / "SHA256SUMS"
    sums.write_text(sums.read_text() + f"{'0' * 64}  ../../../../../../etc/hostname\n")
    assert "SHA256SUMS lists ../" in reasons(verify(given.packed(tmp_path / "outside.zip")))


def test_a_record_that_no_row_claims_is_refused(
    given: Opened, verify: Callable[[Path], Verdict], tmp_path: Path
) -> None:
    content = given.manifest
    content["cells"] = [cell for cell in content["cells"] if cell["entry"] == "Learner"]
    del content["rows"]["Pretrained"]
    given.write_manifest(content)
    assert "belongs to no cell of the submission" in reasons(verify(given.packed(tmp_path / "more.zip")))


def test_a_record_that_is_not_there_is_refused(
    given: Opened, verify: Callable[[Path], Verdict], tmp_path: Path
) -> None:
    for file in given.record().iterdir():
        file.unlink()
    assert "is not in the file" in reasons(verify(given.packed(tmp_path / "less.zip")))


def test_deep_json_is_refused(given: Opened, verify: Callable[[Path], Verdict], tmp_path: Path) -> None:
    path = given.record() / "record.json"
    text = path.read_text()
    path.write_text(
        text.replace('"fold_notes": {', '"fold_notes": {"deep": ' + "[" * 100_000 + "]" * 100_000 + ", ", 1)
    )
    given.sum_up()
    assert not verify(given.packed(tmp_path / "deep.zip")).accepted


def test_predictions_that_are_no_table_are_refused(
    given: Opened, verify: Callable[[Path], Verdict], tmp_path: Path
) -> None:
    (given.record() / "predictions.parquet").write_bytes(b"PAR1 not really PAR1")
    given.sum_up()
    assert "predictions.parquet cannot be read" in reasons(verify(given.packed(tmp_path / "table.zip")))


odd = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(["", "x", "all", 1e308, -0.0]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["data", "x"]), inner, max_size=2),
    max_leaves=4,
)


@pytest.fixture(scope="module")
def first(
    home: Workbench, registry: Registry, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Submitted, Ground]]:
    """Return the first submitted cell, and what the verifier knows of its place."""
    unpacked = opened(home.folder / "grid.zip", tmp_path_factory.mktemp("first"))
    cell = SubmittedCell.model_validate(unpacked.manifest["cells"][0])
    row = SubmittedRow.model_validate(unpacked.manifest["rows"][cell.entry])
    listed = list_benchmarks(home.folder / "benchmarks.toml", registry)["grid"]
    resolver = listed.resolver(registry, None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FERBENCH_CACHE", str(home.folder / "cache"))
        column = next(iter(columns_of(listed.benchmark, registry, resolver)))
        known = ground(listed.benchmark, column, cell.fold, cell.seed, resolver)
        content = read_model(unpacked.record() / "record.json", RecordContent)
        yield Submitted(cell, row, unpacked.record(), content), known


def places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Yield the paths to all values inside a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in inner:
        yield (*path, key)
        yield from places(part, (*path, key))


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given_by_hypothesis(data=st.data())
def test_whatever_a_record_says_is_judged_and_breaks_nothing(
    first: tuple[Submitted, Ground], registry: Registry, data: st.DataObject
) -> None:
    submitted, known = first
    content = json.loads((submitted.folder / "record.json").read_text())
    path = data.draw(st.sampled_from(list(places(content))))
    holder = content
    for key in path[:-1]:
        holder = holder[key]
    value = data.draw(odd)
    changed = not (type(holder[path[-1]]) is type(value) and holder[path[-1]] == value)
    holder[path[-1]] = value
    try:
        read = RecordContent.model_validate_json(json.dumps(content))
    except ValidationError:
        return
    found = problems_of(replace(submitted, content=read), known, registry)
    assert all(isinstance(problem, str) for problem in found)
    if changed and path[0] in {"spec", "metrics", "classes", "samples"} and len(path) > 1:
        assert found != []


def test_what_a_submitter_wrote_cannot_drive_a_terminal(
    given: Opened, verify: Callable[[Path], Verdict], tmp_path: Path
) -> None:
    given.edit_record(lambda content: content.update({"\x1b[2J\n::error::" + "x" * 5000: 1}))
    given.sum_up()
    (found,) = verify(given.packed(tmp_path / "key.zip")).findings
    assert found.problem.isprintable()
    assert len(found.problem) < 1000


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


# ---- zip traps


def test_half_a_file_is_refused(home: Workbench, verify: Callable[[Path], Verdict], tmp_path: Path) -> None:
    whole = (home.folder / "grid.zip").read_bytes()
    (tmp_path / "x.zip").write_bytes(whole[: len(whole) // 2])
    assert "no sound zip" in reasons(verify(tmp_path / "x.zip"))


def test_damaged_bytes_are_refused(home: Workbench, verify: Callable[[Path], Verdict], tmp_path: Path) -> None:
    whole = bytearray((home.folder / "grid.zip").read_bytes())
    whole[len(whole) // 2] ^= 0xFF
    (tmp_path / "x.zip").write_bytes(bytes(whole))
    assert not verify(tmp_path / "x.zip").accepted


# ---- the command line, and what becomes of the rows


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


def test_an_unfinished_row_is_not_submitted(home: Workbench, tmp_path: Path) -> None:
    message = home.call("submit", "grid", "--results", str(tmp_path / "none"), code=2).message
    assert "every fold and seed is done" in message["expected"]
    message = home.call("submit", "grid", "--entry", "Lerner", code=2).message
    assert "did you mean 'Learner'?" in message["remedy"]


def test_an_unknown_benchmark_is_told(home: Workbench, tmp_path: Path) -> None:
    other = Workbench(tmp_path / "other")
    other.write(GRID.replace("benchmark.grid", "benchmark.other"))
    done = other.call("verify-submission", str(home.folder / "grid.zip"), code=1)
    assert "grid.zip: the benchmark grid: is not known here" in done.out
    message = home.call("verify-submission", "nowhere.zip", code=2).message
    assert message["found"] == "no such file"
