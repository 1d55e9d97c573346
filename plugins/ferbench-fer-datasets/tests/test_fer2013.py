"""FER2013: labels and images from one CSV, and what can be wrong with a copy."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferbench import Site
from ferbench.data.files import FileOptions
from ferbench.data.verify import verify
from ferbench.errors import DataError
from ferbench_fer_datasets.fer2013 import CODES, FILE, USAGES, Fer2013, csv_row, read_pixels, read_table


def lines(folder: Path) -> list[str]:
    return (folder / FILE).read_text().splitlines()


def rewrite(folder: Path, lines: list[str]) -> None:
    (folder / FILE).write_text("".join(f"{line}\n" for line in lines))


def test_a_replica_is_read_as_it_was_written(replica, opened, rows):
    folder = replica("fer2013")
    data = rows("fer2013", folder)
    assert data.column_names == ["id", "image", "label", "split"]
    assert data.features["label"].names == ["anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral"]
    for number, (row, line) in enumerate(zip(data, lines(folder)[1:], strict=True)):
        code, pixels, usage = line.split(",")
        assert row["id"] == f"{number:05d}"
        assert row["label"] == int(code)
        assert row["split"] == {"Training": "train", "PublicTest": "validation", "PrivateTest": "test"}[usage]
        assert np.asarray(row["image"]).ravel().tolist() == [int(value) for value in pixels.split()]
    assert data[0]["image"].size == (48, 48)
    assert data[0]["image"].mode == "L"
    assert opened("fer2013", folder).index.counts == json.loads((folder / "replica.json").read_text())["counts"]


def test_a_replica_verifies(replica, opened, tmp_path):
    found = verify(opened("fer2013", replica("fer2013")), "fer2013", site=Site(tmp_path))
    assert found.images > 80
    assert list(found.findings) == []


def test_the_release_has_the_numbers_that_its_makers_state():
    official = Fer2013(FileOptions()).official()
    sizes = [sum(n for name, n in official.items() if name.startswith(f"{part}/")) for part in USAGES.values()]
    assert sizes == [28709, 3589, 3589]
    assert [sum(official[f"{part}/{label}"] for part in USAGES.values()) for label in CODES] == [
        *(4953, 547, 5121, 8989, 6077, 4002, 6198)
    ]


def test_the_file_decides_the_identity(copy_of, opened):
    folder = copy_of("fer2013")
    before = opened("fer2013", folder).identity()
    first = lines(folder)[1]
    rewrite(folder, [lines(folder)[0], first[:2] + ("1" if first[2] != "1" else "2") + first[3:], *lines(folder)[2:]])
    assert opened("fer2013", folder).identity() != before


def test_pixels_in_quotation_marks_are_the_same(copy_of, rows):
    folder = copy_of("fer2013")
    before = rows("fer2013", folder)[3]
    head, *data = lines(folder)
    rewrite(folder, [head, *(line.replace(",", ',"', 1)[::-1].replace(",", ',"', 1)[::-1] for line in data)])
    assert '","' not in lines(folder)[1]
    after = rows("fer2013", folder)[3]
    assert np.array_equal(np.asarray(before["image"]), np.asarray(after["image"]))


def drop_file(folder: Path) -> str:
    (folder / FILE).unlink()
    return "no such file"


def other_header(folder: Path) -> str:
    rewrite(folder, ["emotion, Usage, pixels", *lines(folder)[1:]])
    return "'emotion, Usage, pixels'"


def exceed_the_codes(folder: Path) -> str:
    rewrite(folder, [*lines(folder)[:5], f"7{lines(folder)[5][1:]}", *lines(folder)[6:]])
    return "1: row 4: the emotion '7'"


def invent_a_usage(folder: Path) -> str:
    rewrite(folder, [*lines(folder)[:-1], lines(folder)[-1].replace("PrivateTest", "Test")])
    return r"1: row \d+: the usage 'Test'"


def lose_a_pixel(folder: Path) -> str:
    code, pixels, usage = lines(folder)[1].split(",")
    rewrite(folder, [lines(folder)[0], f"{code},{pixels.rsplit(' ', 1)[0]},{usage}", *lines(folder)[2:]])
    return "1: row 0: not 2304 numbers"


def cut_a_row(folder: Path) -> str:
    rewrite(folder, [*lines(folder)[:-1], lines(folder)[-1][:500]])
    return r"1: row \d+: 2 values, not 3"


@pytest.mark.parametrize(
    ("spoil", "check"),
    [
        (drop_file, "structure"),
        (other_header, "structure"),
        (exceed_the_codes, "annotation"),
        (invent_a_usage, "annotation"),
        (lose_a_pixel, "annotation"),
        (cut_a_row, "annotation"),
    ],
)
def test_one_fault_is_one_finding(copy_of, finding, rows, spoil, check):
    folder = copy_of("fer2013")
    match = spoil(folder)
    assert finding("fer2013", folder).check == check
    with pytest.raises(DataError, match=match):
        rows("fer2013", folder, counts="any")


@pytest.mark.parametrize("value", ["256", "007", "1000"])
def test_a_pixel_that_is_none_is_found_when_the_image_is_made(copy_of, rows, value):
    folder = copy_of("fer2013")
    code, pixels, usage = lines(folder)[2].split(",")
    rewrite(folder, [*lines(folder)[:2], f"{code},{value} {pixels.split(' ', 1)[1]},{usage}", *lines(folder)[3:]])
    with pytest.raises(DataError, match=rf"pixels of 0 to 255; found '{value}'; in .*row 1;"):
        rows("fer2013", folder)


@given(
    images=st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=4),
    end=st.sampled_from(["\n", "\r\n"]),
    last=st.booleans(),
)
def test_what_is_written_is_read(tmp_path_factory, images, end, last):
    path = tmp_path_factory.mktemp("csv") / FILE
    drawn = [np.random.default_rng(seed).integers(0, 256, (48, 48), dtype=np.uint8) for seed in images]
    rows = [csv_row(number % 7, image, list(USAGES)[number % 3]) for number, image in enumerate(drawn)]
    text = end.join(["emotion,pixels,Usage", *rows]) + (end if last else "")
    path.write_bytes(text.encode())
    table = read_table(path)
    assert table.size == len(table.rows) == len(drawn)
    assert [row.emotion for row in table.rows] == [number % 7 for number in range(len(drawn))]
    for row, image in zip(table.rows, drawn, strict=True):
        assert np.array_equal(read_pixels(path, row), image)
