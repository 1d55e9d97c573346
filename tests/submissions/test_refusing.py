"""Whatever is not as a run left it is refused, with the reason."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from spoiled import SPOILED, metric
from submissions import Opened, reasons
from workbench import Workbench

from ferbench.submission.verdict import Verdict


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


def test_what_a_submitter_wrote_cannot_drive_a_terminal(
    given: Opened, verify: Callable[[Path], Verdict], tmp_path: Path
) -> None:
    given.edit_record(lambda content: content.update({"\x1b[2J\n::error::" + "x" * 5000: 1}))
    given.sum_up()
    (found,) = verify(given.packed(tmp_path / "key.zip")).findings
    assert found.problem.isprintable()
    assert len(found.problem) < 1000


def test_half_a_file_is_refused(home: Workbench, verify: Callable[[Path], Verdict], tmp_path: Path) -> None:
    whole = (home.folder / "grid.zip").read_bytes()
    (tmp_path / "x.zip").write_bytes(whole[: len(whole) // 2])
    assert "no sound zip" in reasons(verify(tmp_path / "x.zip"))


def test_damaged_bytes_are_refused(home: Workbench, verify: Callable[[Path], Verdict], tmp_path: Path) -> None:
    whole = bytearray((home.folder / "grid.zip").read_bytes())
    whole[len(whole) // 2] ^= 0xFF
    (tmp_path / "x.zip").write_bytes(bytes(whole))
    assert not verify(tmp_path / "x.zip").accepted
