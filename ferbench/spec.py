"""The spec of a cell: every input that can change its numbers. Its hash is the cell's id."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from ferbench.canonical import digest

Json = Mapping[str, Any]


@dataclass(frozen=True)
class DerivedSpec:
    """An attribute that is estimated from prepared images.

    Attributes:
        name: of the attribute entry.
        options: its options, defaults filled in.
        version: as its entry states.
        source: digest of the code of its plugin.
        gives: the columns it makes.
        needs: the columns it reads.
    """

    name: str
    options: Json
    version: str
    source: str
    gives: tuple[str, ...]
    needs: tuple[str, ...] = ()

    @property
    def design(self) -> Json:
        """The spec as JSON without the code's digest."""
        return {"name": self.name, "options": self.options}

    @property
    def as_json(self) -> Json:
        """The whole spec as JSON."""
        return {**self.design, "version": self.version, "source": self.source}


@dataclass(frozen=True)
class PreparedSpec:
    """A data set as one preprocessor leaves it, and how a benchmark reads it: its classes, its derived columns.

    Attributes:
        dataset: name of the data set entry.
        options: its options, defaults filled in.
        identity: digest of what the data source says decides its content.
        preprocessor: name of the preprocessor entry.
        preprocessor_options: its options, defaults filled in.
        preprocessor_version: as its entry states.
        no_face: what happens to images without a face.
        source: digest of the code that loads and prepares (core, the data set's and the preprocessor's packages).
        hidden: columns that tell the label and never reach a method.
        weights: SHA-256 of the preprocessor's weights by role.
        no_face_test: what becomes of dropped test images: `wrong` (they count as wrong) or `leave-out`.
        relabel: other names of classes; an empty one leaves the class out.
        derived: attributes that are estimated from the prepared images.
    """

    dataset: str
    options: Json
    identity: str
    preprocessor: str
    preprocessor_options: Json
    preprocessor_version: str
    no_face: str
    source: str
    hidden: tuple[str, ...] = ()
    weights: Mapping[str, str] = field(default_factory=dict)
    no_face_test: str = "wrong"
    relabel: Mapping[str, str] = field(default_factory=dict)
    derived: tuple[DerivedSpec, ...] = ()

    def _as_json(self, design: bool) -> dict[str, Any]:
        return {
            "dataset": self.dataset,
            "options": self.options,
            "preprocessor": self.preprocessor,
            "preprocessor_options": self.preprocessor_options,
            "no_face": self.no_face,
            "hidden": self.hidden,
            "weights": self.weights,
            "no_face_test": self.no_face_test,
            "relabel": self.relabel,
            "derived": [part.design if design else part.as_json for part in self.derived],
        }

    @cached_property
    def design(self) -> Json:
        """The spec as JSON without digests of source code."""
        return self._as_json(design=True)

    @cached_property
    def as_json(self) -> Json:
        """The whole spec as JSON."""
        version = {"identity": self.identity, "version": self.preprocessor_version, "source": self.source}
        return {**self._as_json(design=False), **version}

    @cached_property
    def fingerprint(self) -> str:
        """What identifies the data in a cell's id."""
        return digest(self.as_json)

    @cached_property
    def pixels(self) -> PreparedSpec:
        """What decides the stored images: the spec without what is only another reading of them."""
        return replace(self, no_face_test="wrong", relabel={}, derived=())

    def derived_key(self, part: DerivedSpec) -> str:
        """Return the name under which the columns of a derived attribute are kept."""
        return digest([self.pixels.fingerprint, part.as_json])


@dataclass(frozen=True)
class FileWeightsSpec:
    """Weights from a user's file. The path is not part of the spec: the content is."""

    name: str
    sha256: str
    options: Json

    @cached_property
    def as_json(self) -> Json:
        """The spec as JSON; a name is a label and changes no number."""
        return {"sha256": self.sha256, **self.options}

    @property
    def design(self) -> Json:
        """The same: a file has no source code."""
        return self.as_json


@dataclass(frozen=True)
class RecipeWeightsSpec:
    """Weights the harness trains by running a training spec once."""

    name: str
    training: TrainingSpec
    keep_head: bool

    @cached_property
    def as_json(self) -> Json:
        """The spec as JSON."""
        return {"training": self.training.as_json, "keep_head": self.keep_head}

    @cached_property
    def design(self) -> Json:
        """The spec as JSON without digests of source code."""
        return {"training": self.training.design, "keep_head": self.keep_head}


WeightsSpec = FileWeightsSpec | RecipeWeightsSpec


@dataclass(frozen=True)
class RepresentationMetricSpec:
    """A metric of representations: it decides what a record holds, and cannot be taken later.

    Attributes:
        name: of the entry.
        options: its options, defaults filled in.
        source: digest of the code of the measuring core and of its plugin.
    """

    name: str
    options: Json
    source: str

    @property
    def design(self) -> Json:
        """The spec as JSON without the code's digest."""
        return {"name": self.name, "options": self.options}

    @property
    def as_json(self) -> Json:
        """The whole spec as JSON."""
        return {**self.design, "source": self.source}


@dataclass(frozen=True)
class TrainingSpec:
    """One training run, of a cell or of a weights recipe.

    Attributes:
        data: the training data set.
        test: the data set tested on, when it is another one.
        target: the column to predict; `label` for expressions.
        target_edges: edges of the classes that a continuous target is cut into.
        method: name of the method entry.
        options: its options, defaults filled in.
        protocol: name of the protocol entry.
        protocol_options: its options, defaults filled in.
        protocol_label: how the protocol prints.
        fold: fold number.
        seed: of initialisation, order, augmentation and label noise.
        weights: pretrained weights by role.
        compute: threads, precision, memory format, evaluation interval.
        sources: digests of the code, by what it is (`core`, `method`, `protocol`).
        representation_metrics: what is measured of the method's representations.
        fold_of: the data of which the fold is, where `data` are another form of them (drawn or prepared otherwise):
            trained on are the images of that fold's training subjects.
    """

    data: PreparedSpec
    method: str
    options: Json
    protocol: str
    protocol_options: Json
    protocol_label: str
    fold: int
    seed: int
    compute: Json
    sources: Json
    test: PreparedSpec | None = None
    target: str = "label"
    target_edges: tuple[float, ...] | None = None
    weights: Mapping[str, WeightsSpec] = field(default_factory=dict)
    representation_metrics: tuple[RepresentationMetricSpec, ...] = ()
    fold_of: PreparedSpec | None = None

    def _as_json(self, design: bool) -> dict[str, Any]:
        def part(spec: PreparedSpec | WeightsSpec | RepresentationMetricSpec) -> Json:
            return spec.design if design else spec.as_json

        # A cell that measures none has no such key: metrics that it does not take are none of its inputs.
        measured = [part(metric) for metric in self.representation_metrics]
        return {
            "data": part(self.data),
            "test": part(self.test) if self.test is not None else None,
            "target": self.target,
            "target_edges": self.target_edges,
            "method": self.method,
            "options": self.options,
            "protocol": self.protocol,
            "protocol_options": self.protocol_options,
            "fold": self.fold,
            "seed": self.seed,
            "weights": {role: part(spec) for role, spec in self.weights.items()},
            "compute": self.compute,
            **({"representation_metrics": measured} if measured else {}),
            **({"fold_of": part(self.fold_of)} if self.fold_of is not None else {}),
        }

    @cached_property
    def as_json(self) -> Json:
        """The whole spec as JSON."""
        return {**self._as_json(design=False), "sources": self.sources}

    @cached_property
    def design(self) -> Json:
        """The spec as JSON without digests of source code: equal before and after an edit of the code."""
        return self._as_json(design=True)

    @cached_property
    def id(self) -> str:
        """SHA-256 of the canonical spec: the id of the cell (or of the weights) it makes."""
        return digest(self.as_json)

    @cached_property
    def design_id(self) -> str:
        """SHA-256 of `design`."""
        return digest(self.design)

    @property
    def recipes(self) -> tuple[RecipeWeightsSpec, ...]:
        """The weights that must have been trained before."""
        return tuple(spec for spec in self.weights.values() if isinstance(spec, RecipeWeightsSpec))

    @property
    def prepared(self) -> tuple[PreparedSpec, ...]:
        """The stores it reads."""
        return tuple(part for part in (self.data, self.test, self.fold_of) if part is not None)
