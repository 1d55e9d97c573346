"""The paper's tables as benchmarks: each printed figure has its place, and each entry runs, here on replicas."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from workbench import Workbench

import ferbench_thin.plugin
from ferbench.catalogue import list_benchmarks
from ferbench.data.replica import ReplicaSite, write_replica
from ferbench.plan import Plan, make_plan
from ferbench.plugins import Registry, discover
from ferbench.report.reported import Reported, read_reported
from ferbench_thin.nodes import write_pictures

PACKAGE = Path(ferbench_thin.plugin.__file__).parent
TRANSCRIBED = Path(__file__).parents[4] / "shared" / "paper_tables.csv"
SHIPPED = (PACKAGE / "benchmarks.toml").read_text(encoding="utf-8")
FIGURES = 55
PRINTED = {
    "mnist-r": "MNIST-R",
    "mnist-r-rotation": "MNIST-R",
    "mnist-rs": "MNIST-RS",
    "dsprites": "dSprites",
    "dsprites-scale": "dSprites",
    "raf-db": "RAF-DB",
    "affectnet-7": "AffectNet",
    "expw": "ExpW",
    "lfw": "LFW",
}
DIGITS = ("thin-table-1", "thin-table-2-mnist-r", "thin-table-2-dsprites", "thin-table-3", "thin-figure-4")
FACES = ("thin-table-4", "thin-table-4-matched", "thin-table-5", "thin-figure-5")


@pytest.fixture(scope="module")
def registry() -> Registry:
    return discover()


def rows(name: str) -> list[dict[str, str]]:
    with (PACKAGE / name).open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def ours(registry: Registry) -> dict[tuple[str, str, str, str, str], Reported]:
    return {key: figure for key, figure in read_reported(registry).items() if figure.source == "THIN"}


def planned(registry: Registry, name: str, tmp_path: Path, data: Path | None = None) -> Plan:
    empty = tmp_path / "mine.toml"
    empty.touch()
    one = list_benchmarks(empty, registry)[name]
    return make_plan(one.benchmark, registry, one.resolver(registry, data), tmp_path)


def test_every_printed_figure_is_ours_or_has_a_reason_why_not() -> None:
    assert len(rows("reported.csv")) + len(rows("not_ours.csv")) == FIGURES
    assert all(row["reason"] for row in rows("not_ours.csv"))


@pytest.mark.skipif(not TRANSCRIBED.is_file(), reason="the transcribed tables do not stand beside this checkout")
def test_the_figures_are_those_transcribed_from_the_paper() -> None:
    with TRANSCRIBED.open(newline="", encoding="utf-8") as stream:
        printed = [row for row in csv.DictReader(stream) if row["paper"] == "THIN"]
    assert len(printed) == FIGURES
    expected = Counter((row["table"], row["dataset"], round(float(row["value"]), 2)) for row in printed)
    mapped = [*rows("reported.csv"), *rows("not_ours.csv")]
    assert Counter((r["table"], PRINTED[r["dataset"]], round(float(r["value"]) * 100, 2)) for r in mapped) == expected


def test_every_figure_of_ours_stands_beside_a_cell(registry: Registry, tmp_path: Path) -> None:
    places = {
        (name, cell.entry, cell.dataset, cell.protocol)
        for name in (*DIGITS, *FACES)
        for cell in planned(registry, name, tmp_path).cells
    }
    figures = ours(registry)
    assert len(figures) == len(rows("reported.csv")) == 39
    assert {key[:4] for key in figures} <= places
    tabulated = {
        place for place in places if place[0] not in {"thin-figure-4", "thin-figure-5", "thin-table-4-matched"}
    }
    assert {key[:4] for key in figures} == tabulated  # and every cell of a table has its figure


def test_figures_are_fractions_of_the_right_size(registry: Registry) -> None:
    figures = ours(registry)
    assert figures["thin-table-2-mnist-r", "THIN", "mnist-r", "official", "accuracy"].value == pytest.approx(0.9826)
    assert figures["thin-table-4", "THIN", "raf-db", "official", "accuracy"].value == pytest.approx(0.8781)
    assert all(0.6 < figure.value < 0.99 for figure in figures.values())


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a parent folder of replicas of the paper's data sets."""
    folder, registry = tmp_path_factory.mktemp("releases"), discover()
    for name, subjects in {"mnist-r": 12, "dsprites": 12, "raf-db": 2, "affectnet-7": 2, "expw": 2}.items():
        provided = registry.dataset(name, "a test")
        write_replica(provided, ReplicaSite(folder / (provided.entry.folder or name), subjects))
    return folder


@pytest.mark.parametrize("name", [*DIGITS, "thin-table-2-sprites", *FACES])
def test_the_settings_are_the_papers(registry: Registry, releases: Path, tmp_path: Path, name: str) -> None:
    """Sections 4.1 and 4.3; where they differ from the method's defaults the benchmark says so."""
    specs = [cell.spec for cell in planned(registry, name, tmp_path, releases).cells if cell.spec is not None]
    assert specs
    for spec in specs:
        options = spec.options
        if name in FACES:
            found = options["trunk"], options["steps"], options["batch_size"], options["lr"], options["augment"]
            assert found == ("vgg16", 100_000, 16, 1e-5, "faces")
            assert options["sampling"] == ("class-balanced" if spec.data.dataset == "affectnet-7" else "shuffled")
            if options["architecture"] != "baseline":
                assert options["depth"] == 5
                assert options["expert_hidden"] == ([128, 128] if "matched" in name else [512, 512])
            if options["architecture"] == "thin" and "figure" not in name:
                assert options["dispelling"] == 0.01
        else:
            assert (options["batch_size"], options["lr"], options["expert_hidden"], options["depth"]) == (
                32,
                1e-3,
                [32],
                3,
            )
            if options.get("architecture") == "thin" and "figure" not in name:
                assert options["dispelling"] == 0.005
    assert {spec.seed for spec in specs} == {0, 1, 2}


def quicker(changes: dict[str, str]) -> str:
    """Return the shipped file with other sizes, its benchmarks renamed; what is no longer in it is told."""
    text = SHIPPED.replace("benchmark.thin-", "benchmark.quick-")
    for before, after in changes.items():
        assert before in text, before
        text = text.replace(before, after)
    return text


def quick(*names: str) -> list[str]:
    """Return the names of benchmarks in the quicker file."""
    return [name.replace("thin-", "quick-") for name in names]


SMALL = {
    'name = "sprites" }': 'name = "sprites", options = { train = 120, test = 30 } }',
    'name = "dsprites" }': 'name = "dsprites", options = { train = 120, test = 30 } }',
    'name = "dsprites-scale" }': 'name = "dsprites-scale", options = { train = 120, test = 30 } }',
    "epochs = 20 }": "epochs = 1 }",
    "validation = 0.02 ": "validation = 0.2 ",
}


def one_epoch(text: str) -> Iterator[str]:
    """Let every entry of the digits' benchmarks train for an epoch, THIN's store their gate."""
    for line in text.splitlines():
        digits = line.startswith("options = { ") and "epochs" not in line and "steps" not in line
        more = "epochs = 1, record_gate = true, " if 'architecture = "thin"' in line else "epochs = 1, "
        yield line.replace("options = { ", f"options = {{ {more}") if digits else line


@pytest.fixture
def bench(tmp_path: Path) -> Workbench:
    return Workbench(tmp_path)


def test_every_entry_on_digits_and_sprites_trains_and_is_tested(
    bench: Workbench, releases: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FERBENCH_CACHE", str(bench.folder / "cache"))  # where the pictures find the images
    bench.write("\n".join(one_epoch(quicker(SMALL))))
    names = quick(*DIGITS, "thin-table-2-sprites")
    bench.run(*names, "--data-root", str(releases), "--select", "seed=0")
    assert (
        len(bench.records()) == 2 + 6 + 6 + 4 + 7 + 6 - 2
    )  # λ = 0.005 of the figure is a cell of Table 2, its gate another
    table = bench.call("report", "quick-table-2-mnist-r", "--format", "json", "--data-root", str(releases)).json
    for path in write_pictures(bench.results, bench.folder / "pictures"):
        assert path.stat().st_size > 1000
    names = {path.name for path in (bench.folder / "pictures").iterdir()}
    assert "quick-table-2-mnist-r-THIN-mnist-r-0-nodes.png" in names
    assert len(names) == 1 + 1 + 1 + 7
    similar = {row["entry"]: row["mean"] for row in table if row["metric"] == "exogenous-similarity"}
    assert {name for name, value in similar.items() if value is not None} == {
        "Exogenous tree-gated deep ensemble",
        "THIN",
    }


def test_every_entry_on_faces_trains_and_is_tested(bench: Workbench, releases: Path) -> None:
    """A narrow network in the place of VGG-16; ExpW without a division and ImageNet's weights are told as missing."""
    changes = {
        'name = "mtcnn", options = { size = 224 }, no_face = "center-crop"': 'name = "resize", options = { size = 32 }',
        'name = "align", options = { size = 224 }': 'name = "resize", options = { size = 32 }',
        "subjects = 400, images_per_subject = 25, resolution = 240": "subjects = 4, images_per_subject = 6, resolution = 48",
        'trunk = "vgg16"': 'trunk = "resnet-tiny"',
        "hidden = [4096, 4096], epochs = 20, batch_size = 32": "hidden = [8, 8], epochs = 1, batch_size = 8",
        "hidden = [4096, 4096]": "hidden = [8, 8]",
        "expert_hidden = [512, 512]": "expert_hidden = [4, 4]",
        "expert_hidden = [128, 128]": "expert_hidden = [2, 2]",
        "steps = 100000, batch_size = 16": "steps = 2, batch_size = 8",
        "validation = 0.02086": "validation = 0.1",
        "validation = 0.0009017": "validation = 0.1",
        'path = "~/.cache/torch/hub': 'path = "~/.cache/nowhere',
    }
    bench.write(quicker(changes))
    words = ["--data-root", str(releases), "--select", "seed=0"]
    bench.run(*quick(*FACES), *words, code=2)
    cells = bench.plan(*quick(*FACES), *words)
    unavailable = {
        (cell["entry"], cell["dataset"], cell["reason"].split(";")[0]) for cell in cells if cell["state"] != "done"
    }
    assert {entry for entry, dataset, _ in unavailable if dataset != "expw"} == {"Baseline (VGG16)"}
    assert all("no such file" in found or "official" in found or "division" in found for *_, found in unavailable), (
        unavailable
    )
