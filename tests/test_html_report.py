"""The page of a leaderboard: the figures of the JSON, harmless whatever names it holds, whole without a network."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from html_tree import Element, parsed

from ferbench.metrics.classification import calibration_error, class_recall, confusion_matrix
from ferbench.plugins import Registry, discover
from ferbench.predictions import Predictions
from ferbench.records import PREDICTIONS, RecordStore, prediction_table
from ferbench.report.formats import Leaderboard
from ferbench.report.html.charts import SHADE
from ferbench.report.html.evidence import BINS, confidence_bins, gather
from ferbench.report.html.page import as_page
from ferbench.report.html.plots import ticks
from ferbench.report.reported import Reported
from ferbench.report.sheet import Sheet, SheetCell
from ferbench.report.table import collect

CLASSES = ("anger", "fear", "joy")
HOSTILE = "</script><script>alert(1)</script><svg onload=alert(2)>\"'`{{7*7}}&amp;\u202egnp\u2066"


def predictions(seed: int, classes: tuple[str, ...] = CLASSES) -> Predictions:
    rng = np.random.default_rng(seed)
    ids = np.asarray([f"s{i}" for i in range(40)])
    made = rng.dirichlet(np.ones(len(classes)) * 0.5, 40).astype(np.float32)
    return Predictions(ids, made, rng.integers(0, len(classes), 40), classes)


@pytest.fixture(scope="module")
def registry() -> Registry:
    return discover()


def board(
    folder: Path, registry: Registry, *, name: str = "", classes: tuple[str, ...] = CLASSES, figures: int = 1
) -> tuple[Leaderboard, RecordStore]:
    """Return a board of two entries on the official split and 20 % noise, two seeds each, one cell not run."""
    store, cells = RecordStore(folder), []
    for number in range(8):
        entry, protocol, seed = number // 4, number // 2 % 2, number % 2
        spec = {"protocol": "official"} if protocol == 0 else {
            "protocol": "label-noise", "protocol_options": {"rate": 0.2, "clean_validation": False}
        }  # fmt: skip
        identity = f"c{number}"
        cells.append(
            SheetCell(identity, f"row-{entry}{name}", f"net{name}", f"faces{name}",
                      f"{['official', 'noise-20'][protocol]}{name}", 0, seed, "done", "")
        )  # fmt: skip
        if number == 7:
            continue
        content = {
            "id": identity, "design_id": identity, "classes": classes, "spec": spec,
            "selected_epochs": dict.fromkeys(("validation", "last", "oracle"), 1),
            "validation_accuracy": [0.5],
            "cost": {"parameters": 9, "flops": 1e6, "train_seconds": 2.5 + number, "images_per_second": 1,
                     "peak_memory_mb": 1},
            "warnings": [f"beware{name}"],
            "provenance": {"commit": "c0ffee", "processor": f"p{name}", "python": "3", "accelerators": [],
                           "packages": {}, "weights": {}, "data": [[f"faces{name}", "f00d"]]},
        }  # fmt: skip
        store.write(content, {PREDICTIONS: prediction_table({1: predictions(number, classes)})})
    sheet = Sheet(
        "bench", f"a title{name}", f"Words{name}.\n\nMore `code`{name}.", ("accuracy", "macro-f1"), "validation",
        tuple(cells), percent={"accuracy": True}, descending={"accuracy": True, "macro-f1": True},
        notes={f"faces{name}": f"a note{name}"}, weights={f"row-0{name}": {f"r{name}": f"w{name}"}},
    )  # fmt: skip
    row = Reported(
        f"A paper{name}", "1", "bench", f"row-0{name}", f"faces{name}", f"official{name}", "accuracy", 0.5, f"so{name}"
    )
    return Leaderboard(collect(sheet, store, registry), {row.key: row} if figures else {}), store


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory, registry: Registry) -> tuple[Leaderboard, RecordStore, str]:
    made, store = board(tmp_path_factory.mktemp("plain"), registry)
    return made, store, as_page(made, store)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory, registry: Registry) -> str:
    classes = (f"anger{HOSTILE}", f"fear{HOSTILE}", "joy")
    return as_page(*board(tmp_path_factory.mktemp("hostile"), registry, name=HOSTILE, classes=classes))


def by_id(root: Element, identity: str) -> Element:
    (found,) = [one for one in root.every() if one.attributes.get("id") == identity]
    return found


def test_the_main_table_holds_the_figures_of_the_json(plain: tuple[Leaderboard, RecordStore, str]) -> None:
    made, _, page = plain
    wanted = [row for row in json.loads(made.as_json()) if row["metric"] == "accuracy"]
    lines = by_id(parsed(page), "figures-table").all("tbody")[0].all("tr")
    assert len(lines) == len(wanted) == 4
    for line, row in zip(lines, wanted, strict=True):
        cells = line.children
        assert [cell.text for cell in cells[:3]] == [row["entry"], row["dataset"], row["protocol"]]
        values = [cell.attributes.get("data-value") for cell in cells]
        assert float(values[3] or "") == row["mean"]
        assert values[4] == ("" if row["std"] is None else str(row["std"]))
        assert values[5] == str(row["n"])
        assert values[6] == ("" if row["reported"] is None else str(row["reported"]))
        assert cells[3].text.startswith(f"{100 * row['mean']:.2f}")
    assert [line.children[5].text for line in lines] == ["2", "2", "2", "1/2"]


def test_a_place_that_was_not_run_says_so(plain: tuple[Leaderboard, RecordStore, str]) -> None:
    made, store, _ = plain
    gone = SheetCell("x", "row-2", "net", "elsewhere", "official", 0, 0, "unavailable", "no such data")
    sheet = replace(made.results.sheet, cells=(*made.results.sheet.cells, gone))
    page = as_page(replace(made, results=replace(made.results, sheet=sheet)), store)
    last = by_id(parsed(page), "figures-table").all("tbody")[0].all("tr")[-1]
    assert last.children[3].text == "no such data"
    assert "unavailable (no such data)" in by_id(parsed(page), "cells-5").text


def test_a_board_without_records_is_a_page(tmp_path: Path, plain: tuple[Leaderboard, RecordStore, str]) -> None:
    made, _, _ = plain
    store = RecordStore(tmp_path)
    page = as_page(Leaderboard(collect(made.results.sheet, store, discover()), {}), store)
    assert "not run" in by_id(parsed(page), "figures-table").text


def test_further_metrics_have_the_tables_of_the_markdown(plain: tuple[Leaderboard, RecordStore, str]) -> None:
    made, _, page = plain
    heads = [one.text for one in parsed(page).all("h3")]
    assert "macro-f1" in heads
    ((_, grid),) = [table for table in made.tables("plain") if table[0] == "macro-f1"]
    text = parsed(page).text
    assert all(cell in text for line in grid for cell in line)


def test_evidence_sums_what_the_metrics_say(plain: tuple[Leaderboard, RecordStore, str]) -> None:
    made, store, page = plain
    found = gather(made.results.sheet, store)["row-0", "faces", "official"]
    both = [predictions(0), predictions(1)]
    assert (found.matrix == sum(confusion_matrix(one) for one in both)).all()
    (alone,) = [gather(made.results.sheet, store)["row-1", "faces", "noise-20"]]
    assert alone.recalls == pytest.approx(list(class_recall(predictions(6)).values()))
    assert alone.calibration_error == pytest.approx(calibration_error(predictions(6)))
    bins = confidence_bins(both[0])
    assert bins.shape == (BINS, 3)
    assert bins[:, 0].sum() == 40
    table = by_id(parsed(page), "classes-1").all("table")[0]
    shown = [[int(cell.text) for cell in line.all("td")[:-1]] for line in table.all("tbody")[0].all("tr")]
    assert shown == found.matrix.tolist()


def test_label_noise_is_drawn_from_the_official_split_on(plain: tuple[Leaderboard, RecordStore, str]) -> None:
    section = by_id(parsed(plain[2]), "noise").parent
    assert section is not None
    (picture,) = section.all("svg")
    assert len(picture.all("polyline")) == 2
    assert "row-0: 0% noise" in picture.attributes["aria-label"]
    assert "20% noise" in picture.attributes["aria-label"]


def test_every_row_leads_to_its_cells(plain: tuple[Leaderboard, RecordStore, str]) -> None:
    root = parsed(plain[2])
    for number, line in enumerate(by_id(root, "figures-table").all("tbody")[0].all("tr"), start=1):
        targets = [link.attributes["href"] for link in line.all("a")]
        assert targets == [f"#cells-{number}", f"#classes-{number}"]
        account = by_id(root, f"cells-{number}")
        assert account.tag == "details"
        assert account.attributes["data-filter"] == line.attributes["data-filter"]
    text = by_id(root, "cells-1").text
    assert all(word in text for word in ("c0", "c1", "c0ffee", "f00d", "1, 1, 1"))


def test_printed_figures_are_marked(plain: tuple[Leaderboard, RecordStore, str]) -> None:
    root = parsed(plain[2])
    marked = [one for one in root.every() if one.attributes.get("class") == "reported"]
    assert "reported 50.00" in [one.text for one in marked]
    section = by_id(root, "reported").parent
    assert section is not None
    assert "A paper" in section.text
    without = as_page(replace(plain[0], figures={}), plain[1])
    assert not [one for one in parsed(without).every() if one.attributes.get("class") == "reported"]


def test_structure_serves_keyboards_and_screen_readers(plain: tuple[Leaderboard, RecordStore, str]) -> None:
    root = parsed(plain[2])
    (html,) = root.all("html")
    assert html.attributes["lang"] == "en"
    assert len(root.all("main")) == len(root.all("h1")) == 1
    identities = [one.attributes["id"] for one in root.every() if "id" in one.attributes]
    assert len(set(identities)) == len(identities)
    for one in root.every():
        for name in ("aria-labelledby", "aria-describedby", "for"):
            assert name not in one.attributes or one.attributes[name] in identities
        if one.attributes.get("href", "").startswith("#"):
            assert one.attributes["href"][1:] in identities
    for table in root.all("table"):
        assert table.all("caption")[0].text.strip()
        assert all("scope" in head.attributes for head in table.all("th"))
        assert table.parent is not None
        assert table.parent.attributes["tabindex"] == "0"
    for picture in root.all("svg"):
        assert picture.attributes["role"] == "img"
        assert len(picture.attributes["aria-label"]) > 20
    levels = [int(one.tag[1]) for one in root.every() if re.fullmatch(r"h[1-6]", one.tag)]
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))


def test_only_its_own_script_and_style_run_and_nothing_is_loaded(hostile: str) -> None:
    root = parsed(hostile)
    (policy,) = [m.attributes["content"] for m in root.all("meta") if "http-equiv" in m.attributes]
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == "'none'"
    for tag in ("style", "script"):
        (one,) = root.all(tag)
        digest = base64.b64encode(hashlib.sha256(one.text.encode()).digest()).decode()
        assert rules[f"{tag}-src"] == f"'sha256-{digest}'"
    for one in root.every():
        assert one.tag not in {"link", "img", "iframe", "object", "embed", "base", "image", "use", "foreignobject"}
        assert "style" not in one.attributes
        assert not [name for name in one.attributes if name.startswith("on") or name in {"src", "xlink:href"}]
        assert one.attributes.get("href", "#").startswith("#")
    assert not [found for found in re.findall(r"[a-z]+://[^\s\"<]*", hostile) if found != "http://www.w3.org/2000/svg"]
    assert "url(" not in hostile
    assert "@import" not in hostile


def test_hostile_words_are_words(hostile: str, plain: tuple[Leaderboard, RecordStore, str]) -> None:
    root, tame = parsed(hostile), parsed(plain[2])
    shown = HOSTILE.replace("\u202e", "⟨U+202E⟩").replace("\u2066", "⟨U+2066⟩")
    assert not re.search("[\u202a-\u202e\u2066-\u2069]", hostile)
    for part in ("figures-table", "cells-1", "classes-1", "rules"):
        section = by_id(root, part)
        assert shown in (section.parent if part == "rules" and section.parent else section).text, part
    assert f"anger{shown}" in [one.text.split(" → ")[0] for one in root.all("title")]
    assert shown in root.all("h1")[0].text
    assert shown in root.all("header")[0].text
    assert by_id(root, "figures-table").all("tr")[1].attributes["data-filter"].count(shown) == 3
    # The very elements of the tame page, but for code between the backticks that the words hold.
    kept = [one.tag for one in root.every() if one.tag != "code"]
    assert kept == [one.tag for one in tame.every() if one.tag != "code"]


def test_a_metric_of_several_numbers_has_a_line_for_each_part(
    plain: tuple[Leaderboard, RecordStore, str], registry: Registry
) -> None:
    made, store, _ = plain
    sheet = replace(made.results.sheet, metrics=("class-recall",), percent={"class-recall": True})
    page = as_page(Leaderboard(collect(sheet, store, registry), {}), store)
    table = by_id(parsed(page), "figures-table")
    assert [head.text for head in table.all("thead")[0].all("th")][3] == "Of"
    lines = [[cell.text for cell in line.children] for line in table.all("tbody")[0].all("tr")]
    assert [line[3] for line in lines] == list(CLASSES) * 4
    found = class_recall(predictions(6))
    assert [line[4] for line in lines[-3:]] == [f"{100 * found[name]:.2f}" for name in CLASSES]


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours (WCAG 2.2)."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def blend(top: str, below: str, opacity: float) -> str:
    pairs = [(int(top[i : i + 2], 16), int(below[i : i + 2], 16)) for i in (1, 3, 5)]
    return "#" + "".join(f"{round(a * opacity + b * (1 - opacity)):02x}" for a, b in pairs)


def test_contrasts_are_those_of_wcag_aa(plain: tuple[Leaderboard, RecordStore, str]) -> None:
    (style,) = parsed(plain[2]).all("style")
    schemes = [
        dict(re.findall(r"--(\w+): (#\w{6})", block)) for block in re.findall(r":root \{(.*?)\}", style.text, re.DOTALL)
    ]
    assert len(schemes) == 2
    for colours in schemes:
        for ground in ("paper", "raised", "best"):
            for words in ("ink", "faint", "link", "reported"):
                assert contrast(colours[words], colours[ground]) >= 4.5, (words, ground)
        assert contrast(colours["ink"], blend(colours["heat"], colours["paper"], SHADE)) >= 4.5
        for part in ("focus", "bar", *(f"k{i}" for i in range(8))):
            assert contrast(colours[part], colours["paper"]) >= 3, part


def test_ticks_are_round_and_hold_the_values() -> None:
    for low, high in ((0, 0), (0.79, 0.85), (0, 7.4e6), (-3, 2), (5, 5)):
        made = ticks(low, high)
        assert made[0] <= low + 1e-9
        assert made[-1] >= high - 1e-9
        assert 2 <= len(made) <= 8


PROBE = """
const before = (column) => Array.from(document.querySelectorAll("#figures-table tbody tr"),
  (row) => row.cells[column].textContent.trim());
const head = document.querySelectorAll("#figures-table th")[3];
const told = {};
head.querySelector("button").click();
told.sort = head.getAttribute("aria-sort"); told.down = before(3).map(parseFloat);
head.querySelector("button").click();
told.again = head.getAttribute("aria-sort"); told.up = before(3).map(parseFloat);
const box = document.getElementById("filter");
box.value = "ROW-1 noise"; box.dispatchEvent(new Event("input"));
told.rows = Array.from(document.querySelectorAll("#figures-table tbody tr")).filter((row) => row.offsetHeight).length;
told.status = document.getElementById("filter-told").textContent;
location.hash = "#cells-4";
addEventListener("hashchange", () => setTimeout(() => {
  told.open = document.getElementById("cells-4").open;
  told.overflow = document.documentElement.scrollWidth > document.documentElement.clientWidth;
  document.body.textContent = "TOLD" + JSON.stringify(told) + "END";
}));
"""


@pytest.mark.skipif(shutil.which("chromium") is None, reason="no chromium on this machine")
@pytest.mark.parametrize("words", ["plain", "hostile"])
def test_it_sorts_filters_and_opens_in_a_browser(words: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    made = request.getfixturevalue(words)
    page = made if isinstance(made, str) else made[2]
    digest = base64.b64encode(hashlib.sha256(PROBE.encode()).digest()).decode()
    page = page.replace("script-src ", f"script-src &#39;sha256-{digest}&#39; ", 1)
    page = page.replace("</body>\n</html>", f"<script>{PROBE}</script></body>\n</html>")
    (tmp_path / "page.html").write_text(page, encoding="utf-8")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
             "--disable-background-networking", "--disable-component-update", "--disable-sync",
             "--window-size=500,900", "--virtual-time-budget=2000"]  # fmt: skip
    done = subprocess.run(
        ["chromium", *flags, f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom",
         (tmp_path / "page.html").as_uri()],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    found = re.search(r"TOLD(\{.*\})END", done.stdout)
    assert found, done.stderr[-2000:]
    told = json.loads(found[1])
    assert (told["sort"], told["again"]) == ("descending", "ascending")
    assert told["down"] == sorted(told["down"], reverse=True)
    assert told["up"] == sorted(told["up"])
    assert len(set(told["up"])) > 1
    assert (told["rows"], told["status"]) == (1, "1 of 4 rows")
    assert told["open"]
    assert not told["overflow"], "the page itself scrolls sideways"
