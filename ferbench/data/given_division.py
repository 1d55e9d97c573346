"""`division.csv`: a division of a data set that its release does not have, such as another laboratory's folds."""

from __future__ import annotations

import csv
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from ferbench.data.attributes import SPLITS
from ferbench.data.findings import Finding, listed

DIVISION = "division.csv"
"""Beside a data set's own files: a column `id`, and `split` (train, validation, test), `fold` (any names), or both."""

COLUMNS = ("split", "fold")


@dataclass
class GivenDivision:
    """What a `division.csv` says.

    Attributes:
        columns: those of `split` and `fold` that it has.
        rows: their values by sample id.
        findings: what is wrong with it.
    """

    columns: tuple[str, ...] = ()
    rows: dict[str, Mapping[str, str]] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)


def read_division(text: str, ids: Collection[str]) -> GivenDivision:
    """Read a division.

    Args:
        text: of the CSV.
        ids: of the data set's samples; each wants exactly one line.
    """
    reader = csv.DictReader(text.splitlines())
    header = tuple(reader.fieldnames or ())
    given = GivenDivision(tuple(name for name in COLUMNS if name in header))
    if "id" not in header or not given.columns or set(header) - {"id", *COLUMNS}:
        found = ", ".join(header) or "nothing"
        given.findings.append(Finding("annotation", "the columns id, and split or fold", found, DIVISION))
        return GivenDivision(findings=given.findings)
    problems: dict[str, list[str]] = {"twice": [], "unknown split": [], "no such image": []}
    for line in reader:
        name, values = line["id"] or "", {column: line[column] or "" for column in given.columns}
        if name in given.rows:
            problems["twice"].append(name)
        if values.get("split", "train").lower() not in SPLITS or values.get("fold") == "":
            problems["unknown split"].append(f"{name}: {', '.join(values.values())}")
            continue
        if "split" in values:
            values["split"] = SPLITS[values["split"].lower()]
        given.rows[name] = values
    problems["no such image"] = sorted(set(given.rows) - set(ids))
    problems["no line"] = sorted(set(ids) - set(given.rows))
    given.findings += [
        Finding("annotation", "one line for each image, with a known split or fold", f"{what}: {listed(names)}",
                DIVISION, tuple(names))
        for what, names in problems.items()
        if names
    ]  # fmt: skip
    return given
