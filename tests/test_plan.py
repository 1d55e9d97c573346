"""Cells and their ids: every input that can change a number changes the id, nothing else does; states tell why."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ferbench import sources
from ferbench.canonical import source_digest
from ferbench.config import Benchmark, WeightsChoice, read_benchmarks
from ferbench.errors import ConfigError, PluginError, WeightsError
from ferbench.plan import Cell, Plan, make_plan, select
from ferbench.plugins import Registry
from ferbench.records import RecordStore
from ferbench.resolve import Resolver
from ferbench.spec import (
    TrainingSpec,
)

FILE_TEXT = """
[benchmark.small]
preprocessor = {{ name = "resize", options = {{ size = 16 }} }}
dataset = [
  {{ name = "toy" }},
  {{ name = "plain", source = "toy", options = {{ columns = [] }} }},
  {{ name = "toy-at-home" }},
]
protocol = {protocols}
entry = {entries}
seeds = [0, 1]
"""
OFFICIAL = '[{ name = "official", datasets = ["toy"] }]'
NET = '[{ name = "A", method = "toy-net" }]'


def net(more: str) -> str:
    return f'[{{ name = "A", method = "toy-net", {more} }}]'


class Bench:
    """A benchmark in a temporary folder."""

    def __init__(self, folder: Path, registry: Registry) -> None:
        self.folder, self.registry = folder, registry
        self.results = folder / "results"

    def benchmark(self, protocols: str = OFFICIAL, entries: str = NET, name: str = "small") -> Benchmark:
        path = self.folder / "b.toml"
        path.write_text(
            FILE_TEXT.format(protocols=protocols, entries=entries).replace("benchmark.small", f"benchmark.{name}")
        )
        return read_benchmarks(path).benchmark[name]

    def plan(self, protocols: str = OFFICIAL, entries: str = NET, name: str = "small", **resolver: Any) -> Plan:
        benchmark = self.benchmark(protocols, entries, name)
        return make_plan(benchmark, self.registry, Resolver(self.registry, **resolver), self.results)


@pytest.fixture
def bench(tmp_path: Path, registry: Registry) -> Iterator[Bench]:
    for remembered in (sources.package_source, sources.core_source, sources.preparing_source):
        remembered.cache_clear()
    yield Bench(tmp_path, registry)
    for remembered in (sources.package_source, sources.core_source, sources.preparing_source):
        remembered.cache_clear()


def test_a_grid_has_one_cell_for_each_combination(bench: Bench) -> None:
    kfold = '{ name = "k-fold", options = { k = 3 }, datasets = ["toy", "plain"] }'
    protocols = f'[{kfold}, {{ name = "official", datasets = ["toy"] }}]'
    entries = '[{ name = "A", method = "toy-net" }, { name = "B", method = "toy-net", options = { epochs = 3 } }]'
    cells = bench.plan(protocols, entries).cells
    assert len(cells) == (2 * 3 + 1) * 2 * 2
    assert {cell.state for cell in cells} == {"pending"}
    assert len({cell.id for cell in cells}) == len(cells)
    assert {(cell.protocol, cell.dataset) for cell in cells} == {
        ("3-fold", "toy"),
        ("3-fold", "plain"),
        ("official", "toy"),
    }


def test_pairs_cross_all_data_sets_but_themselves(bench: Bench) -> None:
    cells = bench.plan('[{ name = "cross-dataset" }]').cells
    names = ("toy", "plain", "toy-at-home")
    assert {cell.dataset for cell in cells} == {f"{a}->{b}" for a in names for b in names if a != b}
    (cell, *_) = [cell for cell in cells if cell.dataset == "toy->plain"]
    assert cell.spec is not None
    assert cell.spec.test is not None
    assert cell.spec.test.options["columns"] == []


def test_an_id_does_not_depend_on_the_benchmark_or_the_row_name(bench: Bench) -> None:
    first = bench.plan()
    second = bench.plan(entries='[{ name = "another row", method = "toy-net" }]', name="other")
    assert [cell.id for cell in first.cells] == [cell.id for cell in second.cells]


def test_an_option_given_at_its_default_is_the_same_cell(bench: Bench) -> None:
    spelt = bench.plan(entries='[{ name = "A", method = "toy-net", options = { epochs = 2, batch_size = 8 } }]')
    assert [cell.id for cell in spelt.cells] == [cell.id for cell in bench.plan().cells]


def test_options_by_data_set_reach_only_that_data_set(bench: Bench) -> None:
    protocols = '[{ name = "k-fold", options = { k = 2 }, datasets = ["toy", "plain"] }]'
    entries = (
        '[{ name = "A", method = "toy-net", options = { epochs = 3 }, dataset_options = { plain = { epochs = 7 } } }]'
    )
    epochs = {cell.dataset: cell.spec.options["epochs"] for cell in bench.plan(protocols, entries).cells if cell.spec}
    assert epochs == {"toy": 3, "plain": 7}


def test_states_tell_what_is_done_failed_pending_and_unavailable(bench: Bench) -> None:
    protocols = '[{ name = "official" }]'
    entries = '[{ name = "A", method = "toy-net" }, { name = "V", method = "toy-vain" }]'
    before = [cell for cell in bench.plan(protocols, entries).cells if cell.dataset == "toy" and cell.entry == "A"]
    store = RecordStore(bench.results)
    store.write({"id": before[0].id, "design_id": "d" * 64}, {})
    store.write_failure(before[1].id, {"error": "ValueError: it went wrong"})
    plan = bench.plan(protocols, entries)
    states = {(cell.entry, cell.dataset, cell.seed): (cell.state, cell.reason) for cell in plan.cells}
    assert states["A", "toy", 0] == ("done", "")
    assert states["A", "toy", 1] == ("failed", "ValueError: it went wrong")
    assert states["A", "plain", 0] == ("unavailable", "plain has no column split, which official needs")
    assert states["V", "toy", 0] == ("unavailable", "toy has no column beauty, which toy-vain needs")
    state, reason = states["A", "toy-at-home", 0]
    assert state == "unavailable"
    assert "no --data-root" in reason
    assert plan.counts() == {"done": 1, "pending": 0, "failed": 1, "unavailable": 10}
    missing = {cell.dataset for cell in plan.cells if cell.missing_data}
    assert missing == {"toy-at-home"}
    assert all(cell.id == "" for cell in plan.cells if cell.state == "unavailable")


def test_a_method_without_its_columns_is_unavailable_at_training_and_at_test(bench: Bench) -> None:
    pairs = '[{ name = "cross-dataset", pairs = [["toy", "plain"], ["plain", "toy"]] }]'
    entries = '[{ name = "S", method = "toy-spy" }, { name = "C", method = "toy-cheat" }]'
    reasons = {(cell.entry, cell.dataset): cell.reason for cell in bench.plan(pairs, entries).cells}
    assert reasons["S", "toy->plain"] == "plain has no column pose, which toy-spy needs"
    assert reasons["S", "plain->toy"] == "plain has no column pose, which toy-spy needs"
    assert reasons["C", "toy->plain"].startswith("toy-cheat needs votes of toy: it tells the label")
    assert {cell.state for cell in bench.plan(pairs, entries).cells} == {"unavailable"}


def test_a_missing_data_folder_stops_only_its_own_cells(bench: Bench, tmp_path: Path) -> None:
    cells = bench.plan('[{ name = "official", datasets = ["toy", "toy-at-home"] }]', data_root=tmp_path).cells
    by_name = {cell.dataset: cell for cell in cells}
    assert by_name["toy"].state == "pending"
    assert "toy-at-home in its own folder below --data-root; found no such folder" in by_name["toy-at-home"].reason


PACKAGE = {
    "__init__.py": "",
    "plugin.py": """
from ferbench import MethodEntry, hookimpl

@hookimpl
def ferbench_methods():
    return [MethodEntry(name="edited", factory="{name}.net:Net")]
""",
    "net.py": "from toyfaces.methods import Net\n",
}


def installed(folder: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> Registry:
    import importlib

    import toyfaces.plugin

    import ferbench.builtin
    from ferbench.plugins import discover

    for file, text in PACKAGE.items():
        (folder / name).mkdir(exist_ok=True)
        (folder / name / file).write_text(text.replace("{name}", name))
    monkeypatch.syspath_prepend(str(folder))
    module = importlib.import_module(f"{name}.plugin")
    return discover([("core", ferbench.builtin), ("toys", toyfaces.plugin), (name, module)], installed=False)


EDITED = '[{ name = "A", method = "edited" }, { name = "B", method = "toy-net" }]'


def test_an_edited_source_file_makes_a_new_cell_and_the_plan_says_so(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.registry = installed(tmp_path, "fer_edited_a", monkeypatch)
    before = bench.plan(entries=EDITED)
    for cell in before.cells:
        assert cell.spec is not None
        RecordStore(bench.results).write({"id": cell.id, "design_id": cell.spec.design_id}, {})
    (tmp_path / "fer_edited_a" / "net.py").write_text("from toyfaces.methods import Net  # another loss\n")
    sources.package_source.cache_clear()
    after = bench.plan(entries=EDITED)
    told = {(cell.entry, cell.state, cell.reason) for cell in after.cells}
    assert told == {("A", "pending", "source changed"), ("B", "done", "")}
    assert {cell.id for cell in after.cells if cell.entry == "A"}.isdisjoint(cell.id for cell in before.cells)


def test_line_ends_and_other_files_are_no_edit(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.registry = installed(tmp_path, "fer_edited_b", monkeypatch)
    before = bench.plan(entries=EDITED)
    net = tmp_path / "fer_edited_b" / "net.py"
    net.write_bytes(net.read_bytes().replace(b"\n", b"\r\n"))
    (tmp_path / "fer_edited_b" / "notes.txt").write_text("notes")
    (tmp_path / "unrelated.py").write_text("x = 1")
    sources.package_source.cache_clear()
    assert [cell.id for cell in bench.plan(entries=EDITED).cells] == [cell.id for cell in before.cells]


def test_a_plugin_that_is_one_file_is_digested_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "fer_single.py").write_text("x = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    sources.package_source.cache_clear()
    before = sources.package_source("fer_single")
    (tmp_path / "its_neighbour.py").write_text("y = 1\n")
    sources.package_source.cache_clear()
    assert sources.package_source("fer_single") == before
    (tmp_path / "fer_single.py").write_text("x = 2\n")
    sources.package_source.cache_clear()
    assert sources.package_source("fer_single") != before


def test_a_digest_of_sources_sees_names_and_contents(tmp_path: Path) -> None:
    a, b = tmp_path / "a.py", tmp_path / "b.py"
    a.write_text("1")
    first = source_digest(tmp_path, [a])
    a.rename(b)
    second = source_digest(tmp_path, [b])
    a.write_text("1")
    assert len({first, second, source_digest(tmp_path, [a, b])}) == 3
    assert source_digest(tmp_path, [b, a]) == source_digest(tmp_path, [a, b])


def test_an_object_in_a_notebook_can_be_planned(bench: Bench) -> None:
    import toyfaces.plugin

    import ferbench.builtin
    from ferbench import MethodEntry, hookimpl
    from ferbench.plugins import discover

    class Hooks:
        @hookimpl
        def ferbench_methods(self) -> list[MethodEntry]:
            return [MethodEntry(name="mine", factory="toyfaces.methods:Net")]

    given_: list[tuple[str, Any]] = [("core", ferbench.builtin), ("toys", toyfaces.plugin), ("my notebook", Hooks())]
    bench.registry = discover(given_, installed=False)
    cells = bench.plan(entries='[{ name = "A", method = "mine" }]').cells
    assert {cell.state for cell in cells} == {"pending"}


@pytest.mark.parametrize(
    ("protocols", "entries", "kind", "message"),
    [
        ('[{ name = "offical" }]', NET, PluginError, r"protocol 1 \(offical\); did you mean 'official'\?"),
        ('[{ name = "official", datasets = ["tyo"] }]', NET, ConfigError, r"found 'tyo'; .*did you mean 'toy'\?"),
        ('[{ name = "cross-dataset", pairs = [["toy", "plane"]] }]', NET, ConfigError, r"did you mean 'plain'\?"),
        ('[{ name = "k-fold", options = { k = 1 } }]', NET, ConfigError, "k: .*greater than or equal to 2; found 1"),
        (OFFICIAL, '[{ name = "A", method = "toynet" }]', PluginError, r"entry 'A'; did you mean 'toy-net'\?"),
        (OFFICIAL, net("options = { lr = 2 }"), ConfigError, r"lr: .*\(the paper uses 0.01\)"),
        (OFFICIAL, net("dataset_options = { tyo = {} }"), ConfigError, "dataset_options; did you mean 'toy'"),
        (OFFICIAL, net('weights = { head = "w" }'), ConfigError, r"a role of toy-net: backbone, extra\.\*; found"),
        (OFFICIAL, net('weights = { backbone = "w" }'), ConfigError, r"found 'w'.*define \[weights.w\]"),
    ],
)  # fmt: skip
def test_names_that_do_not_exist_stop_the_plan(
    bench: Bench, protocols: str, entries: str, kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=message):
        bench.plan(protocols, entries)


WEIGHTED = '[{ name = "A", method = "toy-net", weights = { backbone = "faces" } }]'


def test_weights_from_a_file_are_checked_and_their_path_is_not_in_the_id(bench: Bench, tmp_path: Path) -> None:
    from ferbench.canonical import file_digest

    first, second = tmp_path / "one.pth", tmp_path / "two.pth"
    for path in (first, second):
        path.write_bytes(b"parameters")
    total = file_digest(first)

    def plan(path: Path | str, sha256: str = total) -> Plan:
        choice = WeightsChoice(path=str(path), sha256=sha256)
        return bench.plan(entries=WEIGHTED, weights={"faces": choice}, base=tmp_path)

    assert [c.id for c in plan("one.pth").cells] == [c.id for c in plan(second).cells]
    assert plan(first).cells[0].id != bench.plan().cells[0].id
    with pytest.raises(WeightsError, match=f"SHA-256 {'0' * 64}; found {total}; in weights faces: .*one.pth"):
        plan(first, "0" * 64)
    lacking = plan("three.pth").cells[0]
    assert (lacking.state, lacking.missing_data) == ("unavailable", True)
    assert re.search(r"a file of weights; found no such file; .*three.pth", lacking.reason)


def recipe(**more: object) -> dict[str, WeightsChoice]:
    choice = {"recipe": {"dataset": "toy", "method": "toy-net", **more}}
    return {"faces": WeightsChoice.model_validate_json(json.dumps(choice))}


def trained(cell: Cell) -> TrainingSpec:
    assert cell.spec is not None
    (only,) = cell.spec.recipes
    return only.training


def test_a_recipe_on_the_cells_own_data_is_trained_for_each_fold(bench: Bench) -> None:
    protocols = '[{ name = "k-fold", options = { k = 3 }, datasets = ["toy"] }]'
    cells = bench.plan(protocols, WEIGHTED, weights=recipe(target="subject")).cells
    assert len({trained(cell).id for cell in cells}) == len(cells)
    for cell in cells:
        assert (trained(cell).protocol, trained(cell).fold) == ("k-fold", cell.fold)
        assert trained(cell).target == "subject"


@pytest.mark.parametrize(
    "other", [{"dataset": "toy-others", "dataset_options": {"seed": 4}}, {"dataset_options": {"seed": 5}}]
)
def test_a_recipe_on_other_data_is_trained_once(bench: Bench, other: dict[str, object]) -> None:
    protocols = '[{ name = "k-fold", options = { k = 3 }, datasets = ["plain"] }]'
    cells = bench.plan(protocols, WEIGHTED, weights=recipe(**other)).cells
    assert len({cell.id for cell in cells}) == 6
    assert len({trained(cell).id for cell in cells}) == 1
    assert trained(cells[0]).protocol == "all"


def test_a_recipe_on_the_same_images_in_another_form_is_unavailable(bench: Bench) -> None:
    protocols = '[{ name = "k-fold", options = { k = 3 }, datasets = ["toy"] }]'
    smaller = {"name": "resize", "options": {"size": 12}}
    for other in ({"dataset_options": {"per_subject": 5}}, {"preprocessor": smaller}, {"dataset": "toy-others"}):
        cells = bench.plan(protocols, WEIGHTED, weights=recipe(**other)).cells
        assert {cell.state for cell in cells} == {"unavailable"}
        assert "under other options or another preprocessor" in cells[0].reason


def test_a_cell_whose_recipe_is_on_its_test_data_is_unavailable(bench: Bench) -> None:
    protocols = '[{ name = "cross-dataset", pairs = [["plain", "toy"], ["toy", "plain"]] }]'
    cells = bench.plan(protocols, WEIGHTED, weights=recipe()).cells
    leaking = [cell for cell in cells if cell.dataset == "plain->toy"]
    assert {cell.state for cell in leaking} == {"unavailable"}
    assert "a recipe on other data than the cell's test data; found toy" in leaking[0].reason
    assert {cell.state for cell in cells if cell.dataset == "toy->plain"} == {"pending"}


def test_conditions_choose_cells(bench: Bench) -> None:
    protocols = '[{ name = "k-fold", options = { k = 3 }, datasets = ["toy", "plain"] }]'
    cells = bench.plan(protocols).cells
    chosen = select(cells, ("dataset=toy", "fold=0", "fold=2"))
    assert {(cell.dataset, cell.fold) for cell in chosen} == {("toy", 0), ("toy", 2)}
    assert select(cells, ()) == cells
    assert select(cells, (f"id={cells[3].id[:10]}",)) == (cells[3],)


@pytest.mark.parametrize(
    ("conditions", "message"),
    [
        (("datset=toy",), r"KEY=VALUE with a key among .*; found 'datset=toy'; in --select; did you mean 'dataset'\?"),
        (("dataset",), "found 'dataset'; in --select"),
        (("dataset=tyo",), "expected dataset: toy; found dataset=tyo"),
        (("fold=0", "fold=7"), "expected fold: 0; found fold=7"),
        (("seed=1", "state=done"), "expected .*state: pending; found .*state=done"),
        (("id=zzz",), "expected .*the id of a cell.*; found id=zzz; .*'ferbench plan' lists the cells"),
    ],
)
def test_conditions_that_meet_nothing_are_refused(bench: Bench, conditions: tuple[str, ...], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        select(bench.plan().cells, conditions)
