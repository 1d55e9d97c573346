"""Aggregate records: mean and standard deviation over folds and seeds, the best and its ties."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ferbench.metrics.evaluate import evaluate, metric_sources
from ferbench.plugins import Registry
from ferbench.records import SELECTIONS, Record, RecordStore
from ferbench.report.remarks import Remarks
from ferbench.report.sheet import Sheet, parts_of

KEYS = ["entry", "method", "dataset", "protocol"]
COSTS = ("parameters", "flops", "train_seconds", "images_per_second", "peak_memory_mb")


@dataclass(frozen=True)
class Results:
    """The records of a sheet.

    Attributes:
        sheet: what was planned.
        runs: one row a cell, selection and metric: the keys, fold, seed, selection, metric, value.
        costs: one row a cell: entry and the cost columns.
        validation: one row a cell: the keys, and the accuracy on its validation images of the epoch that ranks.
        provenance: distinct values of what the records say of their making.
        ids: the finished cells.
        remarks: what a reader must know of the columns' test data.
    """

    sheet: Sheet
    runs: pd.DataFrame
    costs: pd.DataFrame
    validation: pd.DataFrame
    provenance: Mapping[str, list[str]]
    ids: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


def collect(sheet: Sheet, store: RecordStore, registry: Registry) -> Results:
    """Read and check the records of all finished cells.

    Raises:
        RecordError: one of them was altered.
    """
    done = store.done()
    sources = metric_sources(registry)
    named = [metric for metric in sheet.metrics if not sheet.of_representations(metric)]
    current = {name: sources[name] for name in {metric.split(".")[0] for metric in named}}
    runs: list[dict[str, Any]] = []
    costs: list[dict[str, Any]] = []
    validation: list[dict[str, Any]] = []
    provenance: dict[str, set[str]] = {}
    remarks = Remarks()
    for cell in sheet.cells:
        if cell.id not in done:
            continue
        record = store.read(cell.id)
        base = {"entry": cell.entry, "method": cell.method, "dataset": cell.dataset, "protocol": cell.protocol}
        for selection in SELECTIONS:
            values = dict(_values(record, selection, current, registry))
            shown = [part for name in named for part in parts_of(name, values)]
            if selection == "validation":  # the only epoch whose representations were measured
                measured = {n: v for n, v in record.representation().items() if sheet.of_representations(n)}
                shown += measured
                values |= measured
            where = {**base, "fold": cell.fold, "seed": cell.seed, "selection": selection}
            found = [name for name in shown if values.get(name) is not None]
            runs += [{**where, "metric": name, "value": values[name]} for name in found]
        costs.append({"entry": cell.entry, **{name: record.content["cost"].get(name) for name in COSTS}})
        ranking = record.content["selected_epochs"][sheet.rank_by]
        validation.append({**base, "accuracy": record.content["validation_accuracy"][ranking - 1]})
        _note(record.content["provenance"], provenance)
        remarks.add(cell, record.content)
    columns = [*KEYS, "fold", "seed", "selection", "metric", "value"]
    return Results(
        sheet,
        pd.DataFrame(runs, columns=columns),
        pd.DataFrame(costs, columns=["entry", *COSTS]),
        pd.DataFrame(validation, columns=["entry", "method", "dataset", "protocol", "accuracy"]),
        {name: sorted(values) for name, values in sorted(provenance.items())},
        tuple(cell.id for cell in sheet.cells if cell.id in done),
        tuple(remarks.lines()),
    )


def _values(
    record: Record, selection: str, current: Mapping[str, str], registry: Registry
) -> Mapping[str, float | None]:
    """Return the stored metrics if today's code made them; else compute them from the stored predictions."""
    stored = record.content.get("metric_sources", {})
    if all(stored.get(name) == digest for name, digest in current.items()):
        return record.metrics(selection)
    return evaluate(record.predictions(selection), registry)


def _note(provenance: Mapping[str, Any], found: dict[str, set[str]]) -> None:
    plain = {"commit": provenance["commit"], "processor": provenance["processor"], "python": provenance["python"]}
    plain |= {f"package {name}": version for name, version in provenance["packages"].items()}
    plain |= {f"accelerator {i}": name for i, name in enumerate(provenance["accelerators"])}
    plain |= {f"weights {weights['name']}": weights["sha256"] for weights in provenance["weights"].values()}
    for name, fingerprint in provenance["data"]:
        found.setdefault(f"data {name}", set()).add(fingerprint)
    for name, value in plain.items():
        found.setdefault(name, set()).add(str(value) or "unknown")


def summarise(results: Results) -> pd.DataFrame:
    """Return one row an entry, column, selection and metric: mean, std (n − 1), n, expected n.

    std is NaN for a single run.
    """
    keys = [*KEYS, "selection", "metric"]
    groups = results.runs.groupby(keys, sort=False)["value"]
    table = groups.agg(mean="mean", std="std", n="count").reset_index()
    planned: dict[tuple[str, ...], int] = {}
    for cell in results.sheet.cells:
        key = (cell.entry, cell.method, cell.dataset, cell.protocol)
        planned[key] = planned.get(key, 0) + 1
    table["planned"] = [planned[tuple(row)] for row in table[KEYS].itertuples(index=False, name=None)]
    return table


def ranked(table: pd.DataFrame, sheet: Sheet) -> pd.DataFrame:
    """Return the rows of the ranking selection with `best` and `tied` marks in each column.

    Tied with the best: nearer to it than the larger of the two standard deviations. Nothing is marked in a
    column with a single entry.
    """
    wanted = table["metric"].map(sheet.selection_of)
    chosen = table[table["selection"] == wanted].copy()
    chosen["best"] = False
    chosen["tied"] = False
    for (metric, _, _), group in chosen.groupby(["metric", "dataset", "protocol"], sort=False):
        higher = sheet.higher_is_better(str(metric))
        complete = group[group["n"] == group["planned"]]  # an unfinished row is not compared
        if higher is None or len(complete) < 2:
            continue
        means, spreads = complete["mean"], complete["std"].fillna(0)
        place = int(means.to_numpy().argmax() if higher else means.to_numpy().argmin())
        spread = spreads.clip(lower=float(spreads.iloc[place]))
        gap = (means - float(means.iloc[place])).abs()
        chosen.loc[complete.index, "best"] = gap == 0
        chosen.loc[complete.index, "tied"] = (gap > 0) & (gap < spread)
    return chosen
