"""ExpW: one sample a face, boxes from columns in an unusual order, confidence, and what can be wrong with a copy."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferbench import Site
from ferbench.data.verify import verify
from ferbench.errors import DataError
from ferbench_fer_datasets.expw import CODES, ExpW, ExpWOptions, Line, parse_line

LIST = "label/label.lst"
numbers = st.integers(-1000, 10000)


def lines(folder: Path) -> list[str]:
    return (folder / LIST).read_text().splitlines()


def rewrite(folder: Path, lines: list[str]) -> None:
    (folder / LIST).write_text("".join(f"{line}\n" for line in lines))


def test_a_replica_is_read_as_it_was_written(replica, opened, rows):
    folder = replica("expw")
    data = rows("expw", folder)
    assert data.column_names == ["id", "image", "label", "box", "confidence"]
    for row, line in zip(data.remove_columns("image"), lines(folder), strict=True):
        name, face, top, left, right, bottom, confidence, code = line.split()
        assert row["id"] == f"{name}#{face}"
        assert row["box"] == [float(left), float(top), float(right), float(bottom)]
        assert row["confidence"] == pytest.approx(float(confidence), abs=1e-4)
        assert row["label"] == int(code)
    assert opened("expw", folder).index.counts == json.loads((folder / "replica.json").read_text())["counts"]


def test_a_replica_verifies_boxes_included(replica, opened, tmp_path):
    found = verify(opened("expw", replica("expw")), "expw", site=Site(tmp_path))
    assert found.images > 40
    assert list(found.findings) == []


def test_boxes_hold_the_faces_of_images_that_are_not_square(replica, rows):
    for row in rows("expw", replica("expw")):
        left, top, right, bottom = row["box"]
        width, height = row["image"].size
        assert width != height
        assert 0 <= left < right <= width
        assert 0 <= top < bottom <= height
        image = np.asarray(row["image"].convert("L"), dtype=float)
        # Around the faces an image's edge is repeated: nothing but faces has vertical contrast at its left and right.
        assert image[int(top) : int(bottom), int(left) : int(right)].std() > 5


def test_a_photograph_may_have_several_faces(replica, opened):
    samples = opened("expw", replica("expw")).index.samples
    faces = Counter(sample.file for sample in samples)
    assert set(faces.values()) == {1, 2}
    first, second = (sample for sample in samples if faces[sample.file] == 2 and sample.file == samples[0].file)
    assert first.id.removesuffix("#0") == second.id.removesuffix("#1")
    assert first.columns["box"] != second.columns["box"]


def test_a_photograph_without_labels_is_no_finding(replica, opened):
    source = opened("expw", replica("expw"))
    assert source.files - {sample.file for sample in source.index.samples} == {"image/origin/nobody_here_1.jpg", LIST}
    assert source.index.findings == []


def test_faces_that_the_detector_was_not_sure_of_are_left_out_on_request(replica, rows, opened):
    folder = replica("expw")
    sure = [line.split() for line in lines(folder) if float(line.split()[6]) > 60]
    data = rows("expw", folder, confidence=60)
    assert 0 < len(data) < len(lines(folder))
    assert data["id"] == [f"{line[0]}#{line[1]}" for line in sure]
    exact = min(float(line[6]) for line in sure)
    assert len(rows("expw", folder, confidence=exact)) == len(sure) - 1  # above, not at


def test_the_release_has_the_numbers_that_its_makers_state():
    assert sum(ExpW(ExpWOptions()).official().values()) == 91793


def test_the_list_and_images_may_lie_one_level_up(copy_of, opened):
    folder = copy_of("expw")
    before = opened("expw", folder).index
    (folder / LIST).rename(folder / "label.lst")
    (folder / "image" / "origin").rename(folder / "origin")
    after = opened("expw", folder).index
    assert after.findings == []
    assert [sample.id for sample in after.samples] == [sample.id for sample in before.samples]


def drop_list(folder: Path) -> str:
    (folder / LIST).unlink()
    return "no such file"


def cut_a_line(folder: Path) -> str:
    rewrite(folder, [*lines(folder)[:-1], lines(folder)[-1].rsplit(" ", 1)[0]])
    return "1: "


def exceed_the_codes(folder: Path) -> str:
    rewrite(folder, [lines(folder)[0][:-1] + "7", *lines(folder)[1:]])
    return r"1: \w+\.jpg 0 .* 7"


def forget_confidence(folder: Path) -> str:
    rewrite(folder, [lines(folder)[0].replace(lines(folder)[0].split()[6], "nan"), *lines(folder)[1:]])
    return "nan"


def list_a_face_twice(folder: Path) -> str:
    rewrite(folder, [*lines(folder), lines(folder)[3]])
    return "1: .*#"


def lose_an_image(folder: Path) -> str:
    file = f"image/origin/{lines(folder)[0].split()[0]}"
    (folder / file).unlink()
    return f"1: {file}"


def flatten_a_box(folder: Path) -> str:
    words = lines(folder)[0].split()
    words[5] = words[2]
    rewrite(folder, [" ".join(words), *lines(folder)[1:]])
    return rf"without area, 1: {words[0]}#0"


def swap_columns(folder: Path) -> str:
    rows = [line.split() for line in lines(folder)]
    rewrite(folder, [" ".join([*row[:2], row[3], row[2], *row[4:]]) for row in rows])
    return "the columns look like left top right bottom"


@pytest.mark.parametrize(
    ("spoil", "check"),
    [
        (drop_list, "structure"),
        (cut_a_line, "annotation"),
        (exceed_the_codes, "annotation"),
        (forget_confidence, "annotation"),
        (list_a_face_twice, "annotation"),
        (lose_an_image, "missing-image"),
        (flatten_a_box, "box"),
        (swap_columns, "box"),
    ],
)
def test_one_fault_is_one_finding(copy_of, finding, rows, spoil, check):
    folder = copy_of("expw")
    match = spoil(folder)
    assert finding("expw", folder).check == check
    with pytest.raises(DataError, match=match):
        rows("expw", folder, counts="any")


def test_a_single_bad_box_is_not_blamed_on_the_order_of_columns(copy_of, finding):
    folder = copy_of("expw")
    flatten_a_box(folder)
    assert "look like" not in finding("expw", folder).found


@given(
    st.builds(
        Line,
        name=st.from_regex(r"[a-z]{1,8}_[A-Za-z]{1,8}_[0-9]{1,3}\.jpg", fullmatch=True),
        face=st.integers(0, 30).map(str),
        top=numbers,
        left=numbers,
        right=numbers,
        bottom=numbers,
        confidence=st.floats(-10, 1000, allow_nan=False),
        code=st.integers(0, len(CODES) - 1),
    )
)
def test_a_line_survives_being_written_and_read(line):
    assert parse_line(str(line)) == line


@given(st.text(alphabet="0123456789.- ajpg_", max_size=60))
def test_nothing_but_a_line_is_taken_for_one(text):
    try:
        line = parse_line(text)
    except ValueError:
        return
    assert len(text.split()) == 8
    assert 0 <= line.code < len(CODES)
