"""What a leaderboard is made from: the cells of a benchmark and what a reader must know of its rows and columns."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from ferbench.config import DatasetChoice
from ferbench.entries import RepresentationMetricEntry
from ferbench.errors import DataError, InputError
from ferbench.places import write_atomically
from ferbench.plan import Plan
from ferbench.plugins import Registry


def parts_of(metric: str, columns: Iterable[str]) -> list[str]:
    """Return the columns of a metric: its own, or `metric.part` where it is a mapping named as a whole."""
    return [name for name in columns if name == metric or name.startswith(f"{metric}.")]


@dataclass(frozen=True)
class SheetCell:
    """A cell as a leaderboard needs it."""

    id: str
    entry: str
    method: str
    dataset: str
    protocol: str
    fold: int
    seed: int
    state: str
    reason: str

    @property
    def file_stem(self) -> str:
        """Name of its files: no other cell of the benchmark has it."""
        place = f"{self.entry} {self.dataset} {self.protocol} {self.fold} {self.seed}"
        return re.sub(r"[^\w.]+", "-", place)


@dataclass(frozen=True)
class Sheet:
    """A benchmark as it was planned.

    Attributes:
        benchmark: its name.
        title: its title.
        description: its description.
        metrics: those of the tables, the first one ranks.
        rank_by: the selection it ranks by.
        cells: all cells.
        weights: weights by entry and role.
        test_inputs: what an entry's method sees at test beside images.
        notes: what a reader must know of a data set.
        percent: which metrics are shown as percentages.
        descending: which metrics, or patterns of such, are better when higher; None: neither way is good.
        preprocessing: preprocessor and its options, in words.
        renamed: data sets whose name here is not that of the installed data set.
        caveats: what keeps a copy of a data set from being as it was released.
        derived: by data set, what estimated which of its columns.
        relabelled: by data set, its classes that have another name here; an empty one is left out.
        representation_metrics: those that the runs took of representations.
    """

    benchmark: str
    title: str
    description: str
    metrics: tuple[str, ...]
    rank_by: str
    cells: tuple[SheetCell, ...]
    weights: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    test_inputs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)
    percent: Mapping[str, bool] = field(default_factory=dict)
    descending: Mapping[str, bool | None] = field(default_factory=dict)
    preprocessing: str = ""
    renamed: tuple[str, ...] = ()
    caveats: Mapping[str, str] = field(default_factory=dict)
    derived: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    relabelled: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    representation_metrics: tuple[str, ...] = ()

    def of_representations(self, metric: str) -> bool:
        """Return whether a column (`metric` or `metric.key`) is a measure of representations."""
        return metric.split(".")[0] in self.representation_metrics

    def selection_of(self, metric: str) -> str:
        """Return the selection by which a metric is shown: representations are those of one epoch only."""
        return "validation" if self.of_representations(metric) else self.rank_by

    def in_percent(self, metric: str) -> bool:
        """Return whether a column is shown in percent."""
        return self.percent.get(metric, self.percent.get(metric.split(".")[0], False))

    def higher_is_better(self, metric: str) -> bool | None:
        """Return which way is good in a column; None when neither is."""
        if metric in self.descending:
            return self.descending[metric]
        fitting = (way for pattern, way in self.descending.items() if fnmatchcase(metric, pattern))
        return next(fitting, self.descending.get(metric.split(".")[0]))

    @property
    def unlike_the_papers(self) -> frozenset[str]:
        """Data sets beside which no printed figure may stand: other data under the name, or other classes."""
        return frozenset({*self.renamed, *self.caveats, *self.relabelled})


def sheet_of(plan: Plan, registry: Registry) -> Sheet:
    """Return the sheet of a plan."""
    benchmark = plan.benchmark
    where = f"benchmark {benchmark.name}"
    measures = {
        row.name: registry.representation_metric(row.name, where).entry for row in benchmark.representation_metrics
    }
    plain = [name for name in benchmark.metrics if name.split(".")[0] not in measures]
    metrics = {name: registry.metric(name.split(".")[0], where).entry for name in plain}
    methods = {entry.name: registry.method(entry.method, where).entry for entry in benchmark.entry}
    cards = {row.name: registry.dataset(row.source or row.name, where).entry.card for row in benchmark.dataset}
    options = ", ".join(f"{key} = {value}" for key, value in benchmark.preprocessor.options.items())
    return Sheet(
        benchmark=benchmark.name,
        title=benchmark.title,
        description=benchmark.description,
        metrics=benchmark.metrics,
        rank_by=benchmark.rank_by,
        cells=tuple(
            SheetCell(c.id, c.entry, c.method, c.dataset, c.protocol, c.fold, c.seed, c.state, c.reason)
            for c in plan.cells
        ),
        weights={entry.name: dict(entry.weights) for entry in benchmark.entry if entry.weights},
        test_inputs={name: method.test_inputs for name, method in methods.items() if method.test_inputs},
        notes={name: card.notes for name, card in cards.items() if card.notes},
        percent={name: metric.percent for name, metric in (metrics | measures).items()},
        descending={name: metric.higher_is_better for name, metric in metrics.items()} | _directions(measures),
        renamed=tuple(row.name for row in benchmark.dataset if row.source not in {None, row.name}),
        preprocessing=f"{benchmark.preprocessor.name} ({options})" if options else benchmark.preprocessor.name,
        caveats=_caveats(plan, where),
        derived={row.name: _derived(row, registry) for row in benchmark.dataset if row.derive},
        relabelled={row.name: row.relabel for row in benchmark.dataset if row.relabel},
        representation_metrics=tuple(measures),
    )


def _directions(measures: Mapping[str, RepresentationMetricEntry]) -> dict[str, bool | None]:
    """Return which way is good by pattern of columns."""
    found: dict[str, bool | None] = {}
    for name, entry in measures.items():
        way = entry.higher_is_better
        keys = way if isinstance(way, Mapping) else {"*": way}
        found |= {f"{name}.{pattern}": better for pattern, better in keys.items()}
        found |= {} if isinstance(way, Mapping) else {name: way}
    return found


def _caveats(plan: Plan, where: str) -> dict[str, str]:
    """Return the caveats of the data sets that are there."""
    found: dict[str, str] = {}
    for row in plan.benchmark.dataset:
        try:
            caveat = plan.resolver.source(row, where).caveat()
        except DataError:  # not there, or not readable: its cells are unavailable and say why
            continue
        if caveat:
            found[row.name] = caveat
    return found


def _derived(row: DatasetChoice, registry: Registry) -> dict[str, str]:
    """Return what derives each derived column of a data set."""
    entries = [registry.attribute(part.name, "derive").entry for part in row.derive]
    return {column: f"{entry.name} {entry.version}" for entry in entries for column in entry.gives}


def sheet_path(results: Path, benchmark: str) -> Path:
    """Return where the sheet of a run is kept."""
    return results / "sheets" / f"{benchmark}.json"


def save_sheet(sheet: Sheet, results: Path) -> None:
    """Keep the sheet beside the records, so that the leaderboard can be made again after the code has changed."""
    write_atomically(sheet_path(results, sheet.benchmark), (json.dumps(asdict(sheet), indent=1) + "\n").encode())


def load_sheet(results: Path, benchmark: str) -> Sheet:
    """Read the sheet of a run.

    Raises:
        InputError: there is none, or it is damaged.
    """
    path = sheet_path(results, benchmark)
    try:
        content: dict[str, Any] = json.loads(path.read_text())
        content["cells"] = tuple(SheetCell(**cell) for cell in content["cells"])
        content["metrics"] = tuple(content["metrics"])
        content["representation_metrics"] = tuple(content.get("representation_metrics", ()))
        return Sheet(**content)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise InputError(
            expected=f"the sheet of a run of {benchmark}",
            found=f"{type(error).__name__}: {error}",
            where=str(path),
            remedy="give the folder of that run with --results, or leave out --as-run",
        ) from error
