"""What the files of a submission may say: strict shapes, finite numbers, text that harms no page it is shown on."""

from __future__ import annotations

from math import isfinite
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

MANIFEST_SCHEMA = 1

MOST_CELLS = 40_000

Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Line = Annotated[str, StringConstraints(max_length=4000, pattern=r"^[^\x00-\x1f\x7f<>|`]*$")]
"""Text that is shown on pages and terminals."""
Label = Annotated[str, StringConstraints(min_length=1, max_length=120, pattern=r"^[^\x00-\x1f\x7f|<>`\\]+$")]
_WORD = r"[^\x00-\x1f\x7f|<>`\\]+"
Column = Annotated[str, StringConstraints(max_length=240, pattern=rf"^{_WORD}(->{_WORD})?$")]
"""A data set, or two of a cross-dataset protocol."""
Key = Annotated[str, StringConstraints(max_length=240, pattern=r"^[^\x00-\x1f\x7f]*$")]
"""A name that is compared and not shown as it is, such as what a method logged."""
Number = Annotated[float, Field(allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0, lt=2**40)]
Seed = Annotated[int, Field(gt=-(2**63), lt=2**63)]
Share = Annotated[float, Field(ge=0, le=1)]
Selection = Literal["validation", "last", "oracle"]


def _finite(value: Any) -> Any:  # noqa: ANN401  any JSON value
    """Refuse NaN and infinity anywhere in a JSON value, and one that is nested beyond reason."""
    waiting, depth = [value], 0
    while waiting:
        depth += 1
        if depth > 64:
            raise ValueError("is nested too deeply")
        inner: list[Any] = []
        for one in waiting:
            if isinstance(one, float) and not isfinite(one):
                raise ValueError("holds a number that is none")
            inner += one.values() if isinstance(one, dict) else one if isinstance(one, list) else []
        waiting = inner
    return value


Json = Annotated[Any, AfterValidator(_finite)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class SubmittedCell(_Part):
    """Where a record stands in the leaderboard."""

    id: Digest
    entry: Label
    method: Label
    dataset: Column
    protocol: Label
    fold: Count
    seed: Seed


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
    cells: list[SubmittedCell] = Field(min_length=1, max_length=MOST_CELLS)


class _Weights(_Part):
    name: Label
    sha256: Digest


class _Provenance(_Part):
    weights: dict[Label, _Weights]
    data: list[Annotated[list[Label], Field(min_length=2, max_length=2)]]
    resumed: bool
    started: Line
    finished: Line
    packages: dict[Label, Line]
    python: Line
    platform: Line
    processor: Line
    accelerators: list[Line]
    commit: Line


class _Measured(_Part):
    values: dict[Key, Number | None]
    arrays: Json = None
    settings: dict[Key, Json] = Field(default_factory=dict)
    seconds: Number = 0.0


class _Representation(_Part):
    selection: Literal["validation"]
    epoch: Count
    images: Count
    widths: dict[Key, Count]
    seed: Seed
    metrics: dict[Label, _Measured]
    left_out: dict[Line, Line]
    failed: dict[Line, Line]


class RecordContent(_Part):
    """`record.json`, as the core's own runs write it."""

    schema_number: Literal[1] = Field(alias="schema")
    id: Digest
    design_id: Digest
    spec: dict[Key, Json]
    protocol: Label
    classes: list[Label] = Field(min_length=2, max_length=10_000)
    samples: dict[Literal["train", "validation", "test"], Count] = Field(min_length=3)
    fold_notes: dict[Key, Json]
    selected_epochs: dict[Selection, Count] = Field(min_length=3)
    metric_sources: dict[Label, Line]
    metric_errors: dict[Label, Line]
    metrics: dict[Selection, dict[Key, Number | None]] = Field(min_length=3)
    warnings: list[Line]
    validation_accuracy: list[Share]
    history: list[dict[Key, Json]]
    kept: dict[Key, Json]
    # There or not, where nothing was measured; never null, which reports do not expect.
    representation: _Representation = Field(default=None, validate_default=False)  # type: ignore[assignment]
    cost: dict[Key, Number | None]
    predictions_sha256: Digest
    provenance: _Provenance

    @property
    def measured(self) -> _Representation | None:
        """What it says of representations; None where nothing was measured."""
        return self.representation if "representation" in self.model_fields_set else None


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
        told = error.errors(include_input=False, include_context=False)[:5]
        found = [f"{'.'.join(map(str, one['loc'])) or path.name}: {one['msg']}" for one in told]
        raise RefusedContentError("; ".join(found)) from error
