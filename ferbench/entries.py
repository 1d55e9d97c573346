"""Entries: what a hook returns. Names, summaries and import paths; nothing heavy is imported to list them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from ferbench.errors import PluginError
from ferbench.options import NoOptions, Options

_NAME = re.compile(r"[a-z0-9]+(?:[-_.][a-z0-9]+)*")
_FACTORY = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


def _check_name(kind: str, name: str) -> None:
    if not _NAME.fullmatch(name):
        raise PluginError(
            expected="a name of lower-case letters, digits, '-', '_' and '.'",
            found=repr(name),
            where=f"a {kind} entry",
            remedy="rename it in the plugin's hook",
        )


def _check_factory(kind: str, name: str, factory: str) -> None:
    if not _FACTORY.fullmatch(factory):
        raise PluginError(
            expected="a factory written 'package.module:Name'",
            found=repr(factory),
            where=f"the {kind} entry {name!r}",
            remedy="correct the factory in the plugin's hook",
        )


@dataclass(frozen=True, kw_only=True)
class DatasetCard:
    """What one must know of a data set before using it.

    Attributes:
        classes: class names in the order of the label integers; None when the user's folder decides.
        attributes: columns beside image and label.
        label_columns: attributes from which the label could be told (vote counts, intensities): metrics may
            read them, a method never sees them.
        counts: what the release holds, as its makers state it: a name (`train/anger`, `subjects`) and a number.
        layout: the tree of files and the codes of a release, for people.
        licence: the terms of use, in a few words.
        homepage: where to ask for it.
        citation: how to cite it.
        notes: what a reader of a leaderboard must know (for instance: synthetic).
    """

    title: str
    classes: tuple[str, ...] | None = None
    attributes: tuple[str, ...] = ()
    label_columns: tuple[str, ...] = ()
    counts: tuple[tuple[str, int], ...] = ()
    layout: str = ""
    licence: str = ""
    homepage: str = ""
    citation: str = ""
    notes: str = ""


@dataclass(frozen=True, kw_only=True)
class DatasetEntry:
    """A data set. `factory` names a subclass of `ferbench.DataSource`.

    Attributes:
        needs_root: True when the images are the user's own, under `--data-root`/<name>.
        folder: the folder below `--data-root` that several data sets of one release share; a folder of the data set's
            own name goes first.
        replica: a function `(ReplicaSite) -> counts` that writes synthetic images in the data set's layout; see
            `ferbench.data.replica`.
    """

    name: str
    factory: str
    card: DatasetCard
    options: type[Options] = NoOptions
    needs_root: bool = True
    folder: str | None = None
    replica: str | None = None
    summary: str = ""

    def __post_init__(self) -> None:
        """Check names and factories."""
        _check_name("data set", self.name)
        if self.folder is not None:
            _check_name("data set's folder", self.folder)
        _check_factory("data set", self.name, self.factory)
        if self.replica is not None:
            _check_factory("data set", f"{self.name}, replica", self.replica)


@dataclass(frozen=True, kw_only=True)
class PreprocessorEntry:
    """A preprocessor. `factory(options)` gives a callable `(image, landmarks, box) -> Prepared | NoFace`.

    Attributes:
        needs: data set columns it cannot do without (`landmarks`, `box`).
        gives: columns that prepared images have whether the data set had them or not (`landmarks` of a detector).
        version: raised by the author whenever its output changes; where another package or a file decides the
            output (a detector, its weights), that package's version and that file's hash are part of it.
        weights: roles of weights that the user brings; with roles, the factory is called as
            `factory(options, weights)`, a mapping of roles to files.
    """

    name: str
    factory: str
    version: str
    options: type[Options] = NoOptions
    needs: frozenset[str] = frozenset()
    gives: frozenset[str] = frozenset()
    weights: tuple[str, ...] = ()
    summary: str = ""

    def __post_init__(self) -> None:
        """Check name and factory."""
        _check_name("preprocessor", self.name)
        _check_factory("preprocessor", self.name, self.factory)


@dataclass(frozen=True, kw_only=True)
class AttributeEntry:
    """An attribute that is estimated for data sets without it.

    `factory(options)` gives a `ferbench.data.derive.Deriver`.

    Attributes:
        gives: the columns it makes (`subject`, `pose`); leaderboards say that they are derived.
        needs: columns of the prepared data that it reads.
        version: as a preprocessor's.
    """

    name: str
    factory: str
    version: str
    gives: tuple[str, ...]
    options: type[Options] = NoOptions
    needs: frozenset[str] = frozenset()
    summary: str = ""

    def __post_init__(self) -> None:
        """Check name and factory."""
        _check_name("attribute", self.name)
        _check_factory("attribute", self.name, self.factory)


@dataclass(frozen=True, kw_only=True)
class MethodEntry:
    """A method. `factory` names a subclass of `ferbench.train.Method`.

    Attributes:
        config: its options.
        requires: data set columns it trains on (`subject`, `pose`); without them its cells are unavailable.
        test_inputs: columns, never the label, that it may see at test beside the images; shown on leaderboards.
        weights: the roles of pretrained weights it understands, as patterns (`backbone`, `exogenous.*`).
        rehearsal: options under which it learns small toy images in seconds; `ferbench plugin check` uses them.
    """

    name: str
    factory: str
    config: type[Options] = NoOptions
    summary: str = ""
    citation: str = ""
    requires: tuple[str, ...] = ()
    test_inputs: tuple[str, ...] = ()
    weights: tuple[str, ...] = ("backbone",)
    rehearsal: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check name, factory and test inputs."""
        _check_name("method", self.name)
        _check_factory("method", self.name, self.factory)
        if "label" in self.test_inputs:
            raise PluginError(
                expected="test inputs without the label",
                found=repr(self.test_inputs),
                where=f"the method entry {self.name!r}",
                remedy="remove 'label' from test_inputs: a method never sees test labels",
            )


@dataclass(frozen=True, kw_only=True)
class MetricEntry:
    """A metric. `factory` names a function `(Predictions) -> float | Mapping[str, float]`.

    Attributes:
        higher_is_better: which way is good, for ranking; None when neither is.
        needs: columns of the test data (`subject`, `pose`) or extras of the method that it reads; without them
            the metric is left out.
        percent: True when a fraction is shown as a percentage.
    """

    name: str
    factory: str
    higher_is_better: bool | None = True
    needs: frozenset[str] = frozenset()
    percent: bool = True
    summary: str = ""

    def __post_init__(self) -> None:
        """Check name and factory."""
        _check_name("metric", self.name)
        _check_factory("metric", self.name, self.factory)


@dataclass(frozen=True, kw_only=True)
class RepresentationMetricEntry:
    """A metric of a method's `features`, taken by the run when a cell is finished and kept in its record.

    `factory` names a function `(Representations) -> float | Mapping[str, float] | Measured`; with options of its own,
    `(Representations, options)`. It must give the same for the same input. See `ferbench.representation`.

    Attributes:
        options: what a benchmark may set.
        needs: columns of the test data (`subject`, `pose`) without which it is left out.
        representations: those it reads, and without which it is left out; `each`: whatever the method gives.
        higher_is_better: which way is good, for ranking; by pattern of its keys (`expression/*`) where that depends
            on the representation; None, or no pattern that fits, when neither is.
        percent: True when a fraction is shown as a percentage.
        citation: how to cite it.
    """

    name: str
    factory: str
    options: type[Options] = NoOptions
    needs: frozenset[str] = frozenset()
    representations: tuple[str, ...] | Literal["each"] = "each"
    higher_is_better: bool | Mapping[str, bool] | None = True
    percent: bool = True
    summary: str = ""
    citation: str = ""

    def __post_init__(self) -> None:
        """Check name, factory and representations."""
        _check_name("representation metric", self.name)
        _check_factory("representation metric", self.name, self.factory)
        if isinstance(self.representations, str) and self.representations != "each":
            raise PluginError(
                expected="names of representations in a tuple, or 'each'",
                found=repr(self.representations),
                where=f"the representation metric entry {self.name!r}",
                remedy=f"write representations=({self.representations!r},)",
            )


@dataclass(frozen=True, kw_only=True)
class ProtocolEntry:
    """A protocol. `factory` names a subclass of `ferbench.protocols.Protocol`; it must not import torch."""

    name: str
    factory: str
    options: type[Options] = NoOptions
    summary: str = ""

    def __post_init__(self) -> None:
        """Check name and factory."""
        _check_name("protocol", self.name)
        _check_factory("protocol", self.name, self.factory)


@dataclass(frozen=True, kw_only=True)
class BenchmarkEntry:
    """A TOML file of benchmarks that a plugin ships."""

    name: str
    path: Path

    def __post_init__(self) -> None:
        """Check the name."""
        _check_name("benchmark file", self.name)


@dataclass(frozen=True, kw_only=True)
class ReportedEntry:
    """A CSV file of printed figures: source, table, benchmark, entry, dataset, protocol, metric, value, note."""

    name: str
    path: Path
    citation: str = field(default="")

    def __post_init__(self) -> None:
        """Check the name."""
        _check_name("reported file", self.name)


Entry = (
    DatasetEntry
    | PreprocessorEntry
    | AttributeEntry
    | MethodEntry
    | MetricEntry
    | RepresentationMetricEntry
    | ProtocolEntry
    | BenchmarkEntry
    | ReportedEntry
)
