"""Ways to spoil a submission, by what is changed, each with a part of the reason that must be given for it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import Any

from submissions import Opened


def metric(change: float) -> Callable[[Opened], None]:
    """Return what moves the accuracy of a record."""

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
    """Return the account that a record has of representations."""
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
