"""Rows added to a benchmark of another file: they stand after its own, from whichever file their weights are."""

from __future__ import annotations

from pathlib import Path

import pytest

from ferbench.catalogue import list_benchmarks
from ferbench.entries import BenchmarkEntry
from ferbench.errors import ConfigError
from ferbench.plan import make_plan
from ferbench.plugins import Provided, Registry

BASE = """
[benchmark.base]
preprocessor = { name = "resize", options = { size = 16 } }
dataset = [{ name = "toy" }]
protocol = [{ name = "official" }]
entry = [{ name = "Net", method = "toy-net", weights = { backbone = "theirs" } }]

[weights.theirs.recipe]
dataset = "toy-others"
dataset_options = { seed = 2 }
method = "toy-net"
"""

ADDED = """
[[extend.base.entry]]
name = "Mine"
method = "toy-net"
weights = { backbone = "theirs", "extra.more" = "mine" }

[weights.mine.recipe]
dataset = "toy-others"
dataset_options = { seed = 3 }
method = "toy-net"
"""


@pytest.fixture
def with_base(registry: Registry, tmp_path: Path) -> Registry:
    """Return the registry with a plugin that ships the base."""
    (tmp_path / "base.toml").write_text(BASE)
    entry = BenchmarkEntry(name="base", path=tmp_path / "base.toml")
    registry.entries["benchmarks"]["base"] = Provided(entry, "tests", "0", "tests")
    return registry


def written(folder: Path, text: str) -> Path:
    path = folder / "mine" / "benchmarks.toml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


def test_a_row_stands_after_the_benchmarks_own_and_starts_from_weights_of_either_file(
    with_base: Registry, tmp_path: Path
) -> None:
    listed = list_benchmarks(written(tmp_path, ADDED), with_base)["base"]
    cells = make_plan(listed.benchmark, with_base, listed.resolver(with_base, None), tmp_path / "results").cells
    assert [cell.entry for cell in cells] == ["Net", "Mine"]
    assert [cell.reason for cell in cells] == ["", ""]
    net, mine = (cell.spec for cell in cells)
    assert net is not None
    assert mine is not None
    assert mine.weights["backbone"].as_json == net.weights["backbone"].as_json
    assert mine.weights["extra.more"].as_json != mine.weights["backbone"].as_json


def test_the_other_rows_keep_their_ids(with_base: Registry, tmp_path: Path) -> None:
    ids = []
    for text in ("", ADDED):
        listed = list_benchmarks(written(tmp_path, text), with_base)["base"]
        plan = make_plan(listed.benchmark, with_base, listed.resolver(with_base, None), tmp_path / "results")
        ids.append(plan.cells[0].id)
    assert ids[0] == ids[1]


def test_the_shipped_benchmarks_can_be_added_to(registry: Registry, tmp_path: Path) -> None:
    text = (
        '[[extend.quickstart.entry]]\nname = "Mine"\nmethod = "toy-net"\nweights = { backbone = "expressions-small" }\n'
    )
    listed = list_benchmarks(written(tmp_path, text), registry)
    assert [entry.name for entry in listed["quickstart"].benchmark.entry][-1] == "Mine"
    assert set(listed) == {"quickstart"}


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (("extend.base", "extend.bass"), "'bass'"),
        (('name = "Mine"', 'name = "Net"'), "'Net'"),
    ],
)
def test_rows_that_cannot_be_added_are_refused(
    with_base: Registry, tmp_path: Path, change: tuple[str, str], found: str
) -> None:
    with pytest.raises(ConfigError) as raised:
        list_benchmarks(written(tmp_path, ADDED.replace(*change)), with_base)
    assert raised.value.found == found
    assert "extend.ba" in raised.value.where


def test_weights_of_two_meanings_are_refused(with_base: Registry, tmp_path: Path) -> None:
    text = ADDED.replace("weights.mine.recipe", "weights.theirs.recipe").replace('"mine"', '"theirs"')
    (tmp_path / "other.toml").write_text(text)
    entry = BenchmarkEntry(name="other", path=tmp_path / "other.toml")
    with_base.entries["benchmarks"]["other"] = Provided(entry, "others", "0", "tests")
    with pytest.raises(ConfigError, match="one meaning of the weights 'theirs'"):
        list_benchmarks(written(tmp_path, ""), with_base)


def test_a_users_own_weights_of_a_name_are_meant_in_added_rows_too(with_base: Registry, tmp_path: Path) -> None:
    text = ADDED.replace("weights.mine.recipe", "weights.theirs.recipe").replace('"mine"', '"theirs"')
    listed = list_benchmarks(written(tmp_path, text), with_base)["base"]
    resolver = listed.resolver(with_base, None)
    assert resolver.weights["theirs"].recipe is not None
    assert resolver.weights["theirs"].recipe.dataset_options == {"seed": 3}


def test_a_file_may_add_to_a_benchmark_of_its_own_with_weights_from_files(with_base: Registry, tmp_path: Path) -> None:
    text = BASE.replace("benchmark.base", "benchmark.own") + ADDED.replace("extend.base", "extend.own")
    text = text.replace(
        '[weights.mine.recipe]\ndataset = "toy-others"\ndataset_options = { seed = 3 }\nmethod = "toy-net"', ""
    )
    text += f'[weights.mine]\npath = "mine.pth"\nsha256 = "{"0" * 64}"\n'
    listed = list_benchmarks(written(tmp_path, text), with_base)["own"]
    assert [entry.name for entry in listed.benchmark.entry] == ["Net", "Mine"]


def test_a_row_added_twice_is_refused(with_base: Registry, tmp_path: Path) -> None:
    again = ADDED[: ADDED.index("[weights")]
    with pytest.raises(ConfigError, match="a row that base does not have"):
        list_benchmarks(written(tmp_path, ADDED + again), with_base)


def test_a_plugins_rows_for_a_benchmark_that_is_not_installed_are_left_out(registry: Registry, tmp_path: Path) -> None:
    (tmp_path / "rows.toml").write_text(ADDED)
    entry = BenchmarkEntry(name="rows", path=tmp_path / "rows.toml")
    registry.entries["benchmarks"]["rows"] = Provided(entry, "tests", "0", "tests")
    mine = BASE.replace("benchmark.base", "benchmark.other")
    assert list(list_benchmarks(written(tmp_path, mine), registry)) == ["other"]
