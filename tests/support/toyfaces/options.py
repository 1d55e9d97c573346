"""Options of the toys."""

from __future__ import annotations

from pydantic import Field

from ferbench import Options


class ToyOptions(Options):
    """Options of the drawn data set."""

    classes: tuple[str, ...] = ("anger", "happiness", "neutral")
    subjects: int = Field(default=8, ge=1)
    per_subject: int = Field(default=3, ge=1, description="images of each class of each subject")
    size: int = Field(default=16, ge=8)
    columns: tuple[str, ...] = ("split", "subject", "pose", "votes")
    shuffled: bool = Field(default=False, description="mix the rows, so that no part has its labels in a regular order")
    seed: int = 0
    log: str = Field(default="", description="a file that gets one line whenever the data set is loaded")


class NetOptions(Options):
    """Options of the small network."""

    epochs: int = Field(default=2, ge=1, le=50)
    lr: float = Field(default=0.05, gt=0, le=1, json_schema_extra={"paper": 0.01})
    batch_size: int = Field(default=8, ge=2)


class FinderOptions(Options):
    """Options of the preprocessor that finds a face in some images."""

    of: int = Field(default=5, ge=1)
    blind: tuple[int, ...] = ()
