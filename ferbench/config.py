"""Benchmark files: TOML in, typed objects out. Unknown keys and wrong types are refused with a suggestion."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ferbench.errors import ConfigError, InputError, closest

Selection = Literal["validation", "last"]


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class AttributeChoice(_Table):
    """An attribute to be estimated for a data set without it, with its options."""

    name: str
    options: dict[str, Any] = Field(default_factory=dict)


class DatasetChoice(_Table):
    """A data set of a benchmark.

    Attributes:
        name: its column on the leaderboard.
        source: the installed data set, when it is not called the same (one data set with two sets of options).
        options: options of that data set.
        relabel: other names for some of its classes (`smile = "happiness"`); an empty name leaves a class out.
        derive: attributes to estimate (`subject`, `pose`) that the data set does not have.
    """

    name: str
    source: str | None = None
    options: dict[str, Any] = Field(default_factory=dict)
    relabel: dict[str, str] = Field(default_factory=dict)
    derive: tuple[AttributeChoice, ...] = ()


class PreprocessorChoice(_Table):
    """A preprocessor with its options and weights, and what happens to images in which it finds no face.

    Attributes:
        no_face: stop with an error, drop the image, or keep a centre crop of it.
        no_face_test: dropped test images count as wrong, or are left out of the test; leaderboards tell.
        weights: names of weights files by role, for a detector whose weights the user brings.
    """

    name: str
    options: dict[str, Any] = Field(default_factory=dict)
    no_face: Literal["error", "drop", "center-crop"] = "error"
    no_face_test: Literal["wrong", "leave-out"] = "wrong"
    weights: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _left_out_only_if_dropped(self) -> PreprocessorChoice:
        if self.no_face_test == "leave-out" and self.no_face != "drop":
            raise ValueError('no_face = "drop" beside no_face_test = "leave-out": nothing else leaves images out')
        return self


class ProtocolChoice(_Table):
    """A protocol with its options, restricted to some data sets if `datasets` (or `pairs`) is given."""

    name: str
    options: dict[str, Any] = Field(default_factory=dict)
    datasets: tuple[str, ...] | None = None
    pairs: tuple[tuple[str, str], ...] | None = None


class EntryChoice(_Table):
    """A row: a method, its options, options by data set, weights by role."""

    name: str
    method: str
    options: dict[str, Any] = Field(default_factory=dict)
    dataset_options: dict[str, dict[str, Any]] = Field(default_factory=dict)
    weights: dict[str, str] = Field(default_factory=dict)


class RepresentationMetricChoice(_Table):
    """A representation metric with its options; a name alone stands for one without."""

    name: str
    options: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _name_alone(cls, value: Any) -> Any:  # noqa: ANN401  whatever the file holds
        return {"name": value} if isinstance(value, str) else value


class Compute(_Table):
    """What may change a number without being part of the method; all of it is in a cell's id."""

    threads: int = Field(default=1, ge=1, description="CPU threads of one cell")
    precision: Literal["fp32", "bf16"] = "fp32"
    channels_last: bool = True
    evaluate_every: int = Field(default=1, ge=1, description="epochs between two evaluations")


class Recipe(_Table):
    """Weights that the harness trains itself, once: a method's own run on a data set and target."""

    dataset: str
    method: str
    target: str = "label"
    target_edges: tuple[float, ...] | None = Field(
        default=None, description="edges of the classes that a continuous target is cut into"
    )
    dataset_options: dict[str, Any] = Field(default_factory=dict)
    options: dict[str, Any] = Field(default_factory=dict)
    preprocessor: PreprocessorChoice | None = None
    seed: int = 0
    keep_head: bool = False


class WeightsChoice(_Table):
    """Named weights: a file with its checksum, or a recipe."""

    path: str | None = None
    sha256: str | None = None
    allow_pickle: bool = False
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    keep_head: bool = False
    recipe: Recipe | None = None

    @model_validator(mode="after")
    def _one_origin(self) -> WeightsChoice:
        if (self.path is None) == (self.recipe is None):
            raise ValueError("either a file (path and sha256) or a recipe, not both and not neither")
        if self.path is not None and self.sha256 is None:
            raise ValueError("a sha256 beside the path: sha256sum FILE prints it")
        return self


class Benchmark(_Table):
    """A named grid of cells."""

    name: str = ""
    title: str = ""
    description: str = ""
    dataset: tuple[DatasetChoice, ...] = Field(min_length=1)
    protocol: tuple[ProtocolChoice, ...] = Field(min_length=1)
    entry: tuple[EntryChoice, ...] = Field(min_length=1)
    preprocessor: PreprocessorChoice
    seeds: tuple[int, ...] = Field(default=(0,), min_length=1)
    metrics: tuple[str, ...] = Field(default=("accuracy",), min_length=1)
    representation_metrics: tuple[RepresentationMetricChoice, ...] = ()
    rank_by: Selection = "validation"
    keep: Literal["none", "selected"] = "none"
    compute: Compute = Compute()

    @model_validator(mode="after")
    def _names_once(self) -> Benchmark:
        named = (
            ("dataset", self.dataset),
            ("entry", self.entry),
            ("representation metric", self.representation_metrics),
        )
        for kind, rows in named:
            names = [row.name for row in rows]
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ValueError(f"every {kind} name once; {twice[0]!r} stands twice")
        for kind, values in (("seed", self.seeds), ("metric", self.metrics), ("protocol", self.protocol)):
            again = next((value for position, value in enumerate(values) if value in values[:position]), None)
            if again is not None:
                shown = again.name if isinstance(again, ProtocolChoice) else again
                raise ValueError(f"every {kind} once; {shown!r} stands twice")
        return self


class Extension(_Table):
    """Rows that a file adds to a benchmark of another file."""

    entry: tuple[EntryChoice, ...] = Field(min_length=1)


class BenchmarkFile(_Table):
    """A whole file: benchmarks, rows for those of other files, and weights, by name."""

    benchmark: dict[str, Benchmark] = Field(default_factory=dict)
    extend: dict[str, Extension] = Field(default_factory=dict)
    weights: dict[str, WeightsChoice] = Field(default_factory=dict)


def read_benchmarks(path: Path) -> BenchmarkFile:
    """Read a benchmark file.

    Raises:
        InputError: no such file.
        ConfigError: not TOML, an unknown key, a wrong type or value; the message names the place.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        found = error.strerror or str(error)
        remedy = "give the right file with --config FILE"
        raise InputError(expected="a readable benchmark file", found=found, where=str(path), remedy=remedy) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        remedy = "correct the file"
        raise ConfigError(expected="valid TOML", found=str(error), where=str(path), remedy=remedy) from error
    try:
        parsed = BenchmarkFile.model_validate_json(json.dumps(document, default=str))
    except ValidationError as error:
        raise _explain(document, path, error) from None
    for name, bench in parsed.benchmark.items():
        if bench.name not in {"", name}:
            raise ConfigError(
                expected=f"the benchmark's name in [benchmark.{name}]",
                found=f"name = {bench.name!r} besides",
                where=f"{path}, at benchmark.{name}.name",
                remedy="remove it; 'title' is for people",
            )
    named = {name: bench.model_copy(update={"name": name}) for name, bench in parsed.benchmark.items()}
    return parsed.model_copy(update={"benchmark": named})


def _explain(document: dict[str, Any], path: Path, error: ValidationError) -> ConfigError:
    errors = error.errors(include_url=False)
    # A misspelt name of something required is both missing and unknown: the unknown name helps more.
    first = next((one for one in errors if one["type"] == "extra_forbidden"), errors[0])
    place = ".".join(str(part) for part in first["loc"])
    where = f"{path}, at {place}"
    if first["type"] == "extra_forbidden":
        known = sorted(_keys_at(BenchmarkFile, first["loc"][:-1]))
        wrong = str(first["loc"][-1])
        return ConfigError(
            expected=f"one of the keys {', '.join(known)}",
            found=f"the unknown key {wrong!r}",
            where=where,
            remedy=f"{closest(wrong, known)}remove it or correct its name",
        )
    found = "nothing" if first["type"] == "missing" else repr(_value_at(document, first["loc"]))
    message = first["msg"].removeprefix("Value error, ")
    return ConfigError(expected=message[:1].lower() + message[1:], found=found, where=where, remedy="correct it")


def _keys_at(model: type[BaseModel], loc: tuple[int | str, ...]) -> set[str]:
    """Return the keys allowed at a place in the file."""
    names_follow = False
    for part in loc:
        if names_follow:  # the user's own name of a benchmark or of weights, be it that of a key
            names_follow = False
        elif isinstance(part, str) and part in model.model_fields:
            annotation = model.model_fields[part].annotation
            names_follow = getattr(annotation, "__origin__", None) is dict
            model = next(_models_in(annotation), model)
    return set(model.model_fields)


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:  # noqa: ANN401  a type expression
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in getattr(annotation, "__args__", ()):
        yield from _models_in(part)


def _value_at(document: Any, loc: tuple[int | str, ...]) -> Any:  # noqa: ANN401  any TOML value
    for part in loc:
        try:
            document = document[part]
        except (KeyError, IndexError, TypeError):
            break
    return document
