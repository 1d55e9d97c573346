"""What the README and the cards say is what the code has."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from ferbench.data.hugging_face import HuggingFaceOptions
from ferbench.data.preprocess import ResizeOptions
from ferbench.options import parse_options
from ferbench_controlled.mnist_files import MD5
from ferbench_controlled.plugin import ferbench_datasets, ferbench_metrics

README = (Path(__file__).parents[1] / "README.md").read_text()
ENTRIES = {entry.name: entry for entry in ferbench_datasets()}
ALWAYS = {"id", "image", "label", "split"}
MADE_HERE = "sprites", "sprites-scale"


def table_rows(first_column: str) -> dict[str, list[str]]:
    """Return the rows of the tables whose first cell is a name in code, by that name."""
    rows = [
        [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in README.splitlines() if "|" in line
    ]
    return {row[0].strip("`"): row for row in rows if re.fullmatch(first_column, row[0])}


def test_the_table_of_data_sets_names_all_of_them() -> None:
    assert {name for name in table_rows(r"`[a-z-]+`") if name in ENTRIES} == set(ENTRIES)
    assert {entry.name for entry in ferbench_metrics()} <= table_rows(r"`[a-z-]+`").keys()


@pytest.mark.parametrize("name", ENTRIES)
def test_columns_and_classes_are_those_of_the_table_and_of_the_card(name, replica, opened) -> None:
    folder = None if name in MADE_HERE else replica("dsprites" if name.startswith("dsprites") else "mnist")
    source, card = opened(name, folder), ENTRIES[name].card
    _, _, classes, columns, _ = table_rows(r"`[a-z-]+`")[name]
    assert source.columns() == ALWAYS | set(re.findall(r"`(\w+)`", columns)) == ALWAYS | set(card.attributes)
    assert source.classes == card.classes
    named = re.findall(r"`([^`]+)`", classes)
    assert set(named) <= set(card.classes)
    assert ENTRIES[name].needs_root == (folder is not None)
    assert card.label_columns == (("target",) if "target" in card.attributes else ())


def test_the_examples_are_valid() -> None:
    rotated, hub = (tomllib.loads(block)["benchmark"] for block in re.findall(r"```toml\n(.*?)```", README, re.DOTALL))
    parse_options(ResizeOptions, rotated["rotated"]["preprocessor"]["options"], "the README")
    for choice in rotated["rotated"]["dataset"]:
        parse_options(ENTRIES[choice["name"]].options, choice.get("options", {}), "the README")
    (choice,) = hub["digits"]["dataset"]
    options = parse_options(HuggingFaceOptions, {**choice["options"], "revision": "0" * 40}, "the README")
    assert tuple(options.classes.values()) == ENTRIES["mnist"].card.classes


def test_the_layout_states_all_checksums() -> None:
    assert set(re.findall(r"[0-9a-f]{32}", ENTRIES["mnist-r"].card.layout)) == set(MD5.values())


def test_only_data_sets_of_files_have_replicas_and_share_a_folder() -> None:
    for name, entry in ENTRIES.items():
        expected = None if name in MADE_HERE else name.split("-")[0]
        assert entry.folder == expected
        assert (entry.replica is not None) == (expected is not None)
