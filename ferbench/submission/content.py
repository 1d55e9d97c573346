"""What the files of a submission may say: strict shapes, finite numbers, text that harms no page it is shown on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

MANIFEST_SCHEMA = 1

Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Text = Annotated[str, StringConstraints(max_length=2000, pattern=r"^[^\x00-\x08\x0b-\x1f\x7f]*$")]
Label = Annotated[str, StringConstraints(min_length=1, max_length=120, pattern=r"^[^\x00-\x1f\x7f|<>`\\]+$")]
Number = Annotated[float, Field(allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0, lt=2**40)]
Share = Annotated[float, Field(ge=0, le=1)]
Selection = Literal["validation", "last", "oracle"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class SubmittedCell(_Part):
    """Where a record stands in the leaderboard."""

    id: Digest
    entry: Label
    method: Label
    dataset: Label
    protocol: Label
    fold: Count
    seed: Count


class SubmittedRow(_Part):
    """What a reader must know of a row: whose method it is, and what it starts from and sees at test.

    Attributes:
        distribution: that has the method, and its version.
        weights: names by role.
        test_inputs: what the method sees at test beside images.
    """

    method: Label
    distribution: Label
    version: Label
    weights: dict[Label, Label] = Field(default_factory=dict)
    test_inputs: list[Label] = Field(default_factory=list)


class Manifest(_Part):
    """`submission.json`.

    Attributes:
        schema_number: of this file.
        ferbench: the version that made it.
        benchmark: whose rows they are.
        rows: by entry.
        cells: one for each record.
    """

    schema_number: Literal[1] = Field(alias="schema")
    ferbench: Label
    benchmark: Label
    rows: dict[Label, SubmittedRow] = Field(min_length=1, max_length=1000)
    cells: list[SubmittedCell] = Field(min_length=1)


class _Weights(_Part):
    name: Label
    sha256: Digest


class _Provenance(_Part):
    weights: dict[Label, _Weights]
    data: list[Annotated[list[Label], Field(min_length=2, max_length=2)]]
    resumed: bool
    started: Label
    finished: Label
    packages: dict[Label, Label]
    python: Label
    platform: Label
    processor: Text
    accelerators: list[Label]
    commit: Text


class _Measured(BaseModel):
    model_config = ConfigDict(frozen=True, extra="allow", strict=True)

    values: dict[Label, Number | None]


class _Representation(BaseModel):
    model_config = ConfigDict(frozen=True, extra="allow", strict=True)

    metrics: dict[Label, _Measured] = Field(default_factory=dict)


class RecordContent(_Part):
    """`record.json`, as the core's own runs write it."""

    schema_number: Literal[1] = Field(alias="schema")
    id: Digest
    design_id: Digest
    spec: dict[str, Any]
    protocol: Label
    classes: list[Label] = Field(min_length=2, max_length=10_000)
    samples: dict[Literal["train", "validation", "test"], Count] = Field(min_length=3)
    fold_notes: dict[str, Any]
    selected_epochs: dict[Selection, Count] = Field(min_length=3)
    metric_sources: dict[Label, Text]
    metric_errors: dict[Label, Text]
    metrics: dict[Selection, dict[Label, Number | None]] = Field(min_length=3)
    warnings: list[Text]
    validation_accuracy: list[Share]
    history: list[dict[Label, Any]]
    kept: dict[Label, list[Any]]
    representation: _Representation | None = None
    cost: dict[Label, Number | None]
    predictions_sha256: Digest
    provenance: _Provenance


ModelT = TypeVar("ModelT", bound=BaseModel)


class RefusedContentError(Exception):
    """A file that says what it must not; the text says where and what."""


def read_model(path: Path, model: type[ModelT]) -> ModelT:
    """Read a JSON file.

    Args:
        path: of the file.
        model: its shape.

    Raises:
        RefusedContentError: it is missing, no JSON, or has another shape.
    """
    try:
        return model.model_validate_json(path.read_bytes())
    except OSError as error:
        raise RefusedContentError(f"there is no {path.name}") from error
    except ValidationError as error:
        found = [f"{'.'.join(map(str, one['loc'])) or path.name}: {one['msg']}" for one in error.errors()[:5]]
        raise RefusedContentError("; ".join(found)) from error
