"""What was estimated is read from real records: a user's images, the command line, noisy labels, then the pages."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import roc_auc_score
from workbench import Workbench

from ferbench.errors import InputError
from ferbench_ada_df.estimates import Estimates, write_pages
from ferbench_ada_df.heatmap import draw

FILE = """
[benchmark.mine]
preprocessor = { name = "resize", options = { size = 32 } }
dataset = [{ name = "faces", source = "image-folder" }]
protocol = [{ name = "official" }, { name = "label-noise", options = { rate = 0.3 } }]
seeds = [0, 1]

[[benchmark.mine.entry]]
name = "Ada-DF"
method = "ada-df"
options = { backbone = "resnet-tiny", augment = "light", epochs = 4, batch_size = 16, lr = 5e-3, threshold = 0.4 }

[[benchmark.mine.entry]]
name = "single labels"
method = "ada-df-single-label"
options = { backbone = "resnet-tiny", augment = "light", epochs = 1, batch_size = 16 }
"""
CLASSES = ("anger", "happiness", "neutral")


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run the benchmark with the real command line on drawn images; return the results folder."""
    bench = Workbench(tmp_path_factory.mktemp("bench"))
    rng = np.random.default_rng(0)
    for part, count in (("train", 40), ("test", 8)):
        for number, name in enumerate(CLASSES):
            folder = bench.folder / "data" / "faces" / part / name
            folder.mkdir(parents=True)
            for image in range(count):
                pixels = np.clip(rng.normal(60 + 60 * number, 25, (32, 32, 3)), 0, 255).astype(np.uint8)
                cv2.imwrite(str(folder / f"{image}.png"), pixels)
    bench.write(FILE)
    bench.run("mine", "--data-root", "data", "--workers", "1")
    return bench.results


def test_a_page_shows_what_the_records_hold(results: Path, tmp_path: Path) -> None:
    (path,) = write_pages(results, tmp_path)
    text = path.read_text()
    assert path.name == "mine-estimates.md"
    assert re.findall(r"^## (.*)$", text, flags=re.MULTILINE) == ["Ada-DF, faces"]  # the baseline estimates nothing
    assert re.findall(r"^### (.*)$", text, flags=re.MULTILINE) == ["official", "noise-30"]
    clean, noisy = (re.search(rf"^\| {name} .*$", text, flags=re.MULTILINE) for name in ("official", "noise-30"))
    assert clean is not None
    assert noisy is not None
    assert clean[0].count("–") == 4  # no noisy samples: attention, AUC and what they say
    assert (tmp_path / "mine-estimates-1.png").read_bytes().startswith(b"\x89PNG")
    shown = noisy[0].split("|")[list_of_columns(text).index("AUC")]
    assert float(shown.split()[0]) == pytest.approx(auc_by_hand(results), abs=6e-4)
    numbers = re.search(r"### noise-30\n\n(.*?)\n\n", text, flags=re.DOTALL)
    assert numbers is not None
    rows = [[float(cell) for cell in line.split("|")[2:-1]] for line in numbers[1].splitlines()[2:]]
    assert np.allclose(np.asarray(rows), class_distributions_by_hand(results), atol=0.06)
    assert np.asarray(rows).sum(axis=1) == pytest.approx([100] * 3, abs=0.2)


def list_of_columns(text: str) -> list[str]:
    heading = next(line for line in text.splitlines() if line.startswith("| protocol"))
    return [cell.strip() for cell in heading.split("|")]


def records(results: Path) -> list[Path]:
    found = []
    for path in results.glob("records/*/record.json"):
        content = json.loads(path.read_text())
        if content["spec"]["method"] == "ada-df" and content["protocol"] == "noise-30":
            found.append(path)
    assert len(found) == 2
    return found


def auc_by_hand(results: Path) -> float:
    each = []
    for path in records(results):
        rows = pq.read_table(path.parent / "diagnostics.parquet").to_pylist()
        rows = [row for row in rows if row["diagnostic"] == "attention"]
        each.append(
            roc_auc_score([row["label"] == row["clean_label"] for row in rows], [row["value"][0] for row in rows])
        )
    return float(np.mean(each))


def class_distributions_by_hand(results: Path) -> np.ndarray:
    return 100 * np.mean(
        [json.loads(path.read_text())["kept"]["class_distributions"] for path in records(results)], axis=0
    )


def test_the_command_writes_it_and_says_where(results: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "ferbench_ada_df.estimates"]
    done = subprocess.run([*command, str(results), "--out", str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"written to {tmp_path / 'mine-estimates.md'}\n"
    wrong = subprocess.run(
        [*command, str(tmp_path), "--out", str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert wrong.returncode == 2
    assert [line.split(":")[0] for line in wrong.stderr.splitlines()] == ["expected", "found", "where", "remedy"]


def test_a_folder_without_records_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="finished cells of the method ada-df"):
        list(write_pages(tmp_path, tmp_path))


def test_a_summary_worked_out_by_hand() -> None:
    estimates = Estimates(
        classes=("a", "b"),
        attention=np.asarray([0.9, 0.8, 0.4, 0.5]),
        noisy=np.asarray([False, False, False, True]),
        says_clean=np.asarray([True, True, False, True]),
        says_given=np.asarray([True, True, False, False]),
        of_classes=np.eye(2),
    )
    summary = estimates.summary()
    assert summary["noisy"] == 1
    assert summary["attention_clean"] == pytest.approx(0.7)
    assert summary["attention_noisy"] == pytest.approx(0.5)
    assert summary["auc"] == pytest.approx(2 / 3)  # two of the three clean ones have more attention
    assert summary["clean_says_clean"] == pytest.approx(2 / 3)
    assert (summary["noisy_says_clean"], summary["noisy_says_given"]) == (1, 0)


def test_a_heat_map_is_darkest_where_the_share_is_greatest() -> None:
    picture = draw({"official": np.asarray([[0.9, 0.1], [0.3, 0.7]])}, ("anger", "fear"))
    cells = [picture[48 + 52 * row + 4, 92 + 52 * column + 4, 1] for row in range(2) for column in range(2)]
    assert sorted(range(4), key=lambda cell: cells[cell]) == [0, 3, 2, 1]
    both = draw({"a": np.eye(2), "b": np.eye(2)}, ("anger", "fear"))
    assert both.shape[1] == 2 * picture.shape[1] + 16
