"""What Ada-DF estimated, read from records: attention of clean and noisy samples, label and class distributions.

    python -m ferbench_ada_df.estimates RESULTS --out DIR

writes DIR/<benchmark>-estimates.md and one heat map of class distributions for each entry and data set. RESULTS is a
results folder, or the folder beside a published leaderboard.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq
from tabulate import tabulate

from ferbench.errors import InputError
from ferbench.places import write_atomically
from ferbench.records import DIAGNOSTICS, Record, RecordStore
from ferbench.report.command import write_from_records
from ferbench.report.sheet import SheetCell, load_sheet
from ferbench_ada_df.heatmap import draw, save

METHOD = "ada-df"
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Estimates:
    """What one cell estimated of its M training samples; the harness joined it with the clean labels.

    Attributes:
        classes: K names.
        attention: (M,) averaged attention weights, as last seen in training.
        noisy: (M,) True where the protocol changed the label.
        says_clean: (M,) True where the label distribution is greatest on the clean label.
        says_given: (M,) True where it is greatest on the label as given.
        of_classes: (K, K) class distributions after the last epoch, row c of class c.
    """

    classes: tuple[str, ...]
    attention: Floats
    noisy: npt.NDArray[np.bool_]
    says_clean: npt.NDArray[np.bool_]
    says_given: npt.NDArray[np.bool_]
    of_classes: Floats

    def summary(self) -> dict[str, float]:
        """Return means over the samples; NaN of noisy ones where there are none.

        `auc` is the probability that a clean sample has more attention than a noisy one.
        """
        clean, noisy = ~self.noisy, self.noisy
        both = bool(clean.any() and noisy.any())
        return {
            "noisy": float(noisy.sum()),
            "attention_clean": _mean(self.attention[clean]),
            "attention_noisy": _mean(self.attention[noisy]),
            "auc": _auc(clean, self.attention) if both else float("nan"),
            "clean_says_clean": _mean(self.says_clean[clean]),
            "noisy_says_clean": _mean(self.says_clean[noisy]),
            "noisy_says_given": _mean(self.says_given[noisy]),
        }


def _mean(values: npt.NDArray[np.generic]) -> float:
    return float(np.mean(values.astype(np.float64))) if len(values) else float("nan")


def _auc(clean: npt.NDArray[np.bool_], attention: Floats) -> float:
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(clean, attention))


def read_estimates(record: Record) -> Estimates:
    """Read what a record of Ada-DF holds.

    Raises:
        InputError: it is of another method, or of a version that stored less.
    """
    path = record.folder / DIAGNOSTICS
    kept = record.content["kept"].get("class_distributions")
    if kept is None or not path.is_file():
        raise InputError(
            expected="the class distributions and diagnostics of a record of ada-df",
            found="none",
            where=str(record.folder),
            remedy="run the cell again with this version of the plugin",
        )
    rows = pq.read_table(path).to_pylist()
    of = {
        name: {row["id"]: row for row in rows if row["diagnostic"] == name}
        for name in ("attention", "label_distribution")
    }
    ids = sorted(of["attention"].keys() & of["label_distribution"].keys())
    classes = tuple(record.content["classes"])
    said = np.asarray([of["label_distribution"][name]["value"] for name in ids]).argmax(axis=1)
    clean, given = (
        np.asarray([classes.index(of["attention"][i][key]) for i in ids]) for key in ("clean_label", "label")
    )
    attention = np.asarray([of["attention"][name]["value"][0] for name in ids])
    return Estimates(classes, attention, clean != given, said == clean, said == given, np.asarray(kept))


Groups = Mapping[tuple[str, str], Mapping[str, Sequence[Estimates]]]


def grouped(cells: Sequence[SheetCell], store: RecordStore) -> Groups:
    """Return the estimates of finished cells by (entry, data set), then by protocol, in the order of the sheet."""
    found: dict[tuple[str, str], dict[str, list[Estimates]]] = {}
    done = store.done()
    for cell in cells:
        if cell.method == METHOD and cell.id in done:
            place = found.setdefault((cell.entry, cell.dataset), {})
            place.setdefault(cell.protocol, []).append(read_estimates(store.read(cell.id)))
    return found


COLUMNS = {
    "noisy": "noisy labels",
    "attention_clean": "attention, clean",
    "attention_noisy": "attention, noisy",
    "auc": "AUC",
    "clean_says_clean": "clean: label distribution says the label",
    "noisy_says_clean": "noisy: says the clean label",
    "noisy_says_given": "noisy: says the wrong label",
}
LEGEND = (
    "Training samples after the last epoch; mean ± standard deviation (n − 1) over the cells. AUC: the chance that "
    "a clean sample has more attention than a noisy one; 0.5 is chance. Says: the label distribution of the auxiliary "
    "branch is greatest there, in % of the samples. Attention: the mean of both branches, before eq. 11 scales it."
)


def page(benchmark: str, groups: Groups, pictures: Mapping[tuple[str, str], str]) -> str:
    """Return the markdown page of a benchmark.

    Args:
        benchmark: its name.
        groups: as `grouped` gives them.
        pictures: file names of the heat maps.
    """
    parts = [f"# What Ada-DF estimated: {benchmark}", "*Generated by `python -m ferbench_ada_df.estimates`.*"]
    for (entry, dataset), protocols in groups.items():
        parts += [f"## {entry}, {dataset}", _attention_table(protocols), LEGEND]
        parts.append("Class distributions after the last epoch, mean over the cells, in %; a row a class:")
        for protocol, cells in protocols.items():
            parts += [f"### {protocol}", _class_table(cells)]
        parts.append(f"![class distributions]({pictures[entry, dataset]})")
    return "\n\n".join(parts) + "\n"


def _attention_table(protocols: Mapping[str, Sequence[Estimates]]) -> str:
    lines = [["protocol", "cells", *COLUMNS.values()]]
    for protocol, cells in protocols.items():
        summaries = [cell.summary() for cell in cells]
        shown = [_shown(name, np.asarray([one[name] for one in summaries])) for name in COLUMNS]
        lines.append([protocol, str(len(cells)), *shown])
    text: str = tabulate(lines, headers="firstrow", tablefmt="pipe", disable_numparse=True)
    return text


def _shown(name: str, values: Floats) -> str:
    if np.isnan(values).any():
        return "–"
    scale, digits = (100, 1) if "says" in name else (1, 0 if name == "noisy" else 3)
    spread = f" ± {values.std(ddof=1) * scale:.{digits}f}" if len(values) > 1 else ""
    return f"{values.mean() * scale:.{digits}f}{spread}"


def _class_table(cells: Sequence[Estimates]) -> str:
    mean = np.mean([cell.of_classes for cell in cells], axis=0) * 100
    names = cells[0].classes
    lines = [["", *names], *([name, *(f"{value:.1f}" for value in row)] for name, row in zip(names, mean, strict=True))]
    text: str = tabulate(lines, headers="firstrow", tablefmt="pipe", disable_numparse=True)
    return text


def write_pages(results: Path, out: Path) -> Iterator[Path]:
    """Write a page, with its pictures, for each benchmark of a results folder that has records of Ada-DF.

    Yields:
        The pages.

    Raises:
        FerbenchError: there is none, or a record was altered.
    """
    found = False
    for sheet_path in sorted((results / "sheets").glob("*.json")):
        groups = grouped(load_sheet(results, sheet_path.stem).cells, RecordStore(results))
        if not groups:
            continue
        found = True
        pictures = {}
        for number, (place, protocols) in enumerate(groups.items(), start=1):
            pictures[place] = f"{sheet_path.stem}-estimates-{number}.png"
            means = {name: np.mean([one.of_classes for one in cells], axis=0) for name, cells in protocols.items()}
            first = next(iter(protocols.values()))[0]
            save(draw(means, first.classes), out / pictures[place])
        path = out / f"{sheet_path.stem}-estimates.md"
        write_atomically(path, page(sheet_path.stem, groups, pictures).encode())
        yield path
    if not found:
        raise InputError(
            expected="a results folder with finished cells of the method ada-df",
            found="none",
            where=str(results),
            remedy="give the folder that 'ferbench run' wrote to (--results)",
        )


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the command line and write the pages."""
    write_from_records(
        "ferbench_ada_df.estimates", "Show what Ada-DF estimated, from its records.", write_pages, arguments
    )


if __name__ == "__main__":
    main()
