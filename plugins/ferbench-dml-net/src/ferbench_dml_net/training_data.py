"""What the training data must have, and which of it has no subject."""

from __future__ import annotations

from ferbench.errors import ConfigError
from ferbench.train import Task

UNKNOWN = ""
"""The name of a subject that a data set does not know."""


def no_subject(task: Task) -> int:
    """Return the code of images whose subject is unknown; −1 if all are known."""
    categories = task.columns["subject"].categories if "subject" in task.columns else None
    return categories.index(UNKNOWN) if categories and UNKNOWN in categories else -1


def check_classes(task: Task) -> None:
    """Refuse a training set that cannot hold a five-tuple.

    Raises:
        ConfigError: fewer than two classes with images, or fewer than five images.
    """
    present = sum(count > 0 for count in task.class_counts)
    if present >= 2 and task.samples >= 5:
        return
    raise ConfigError(
        expected="at least 5 training images of at least 2 classes, for tuples: 1 to 1024 of five images (the paper "
        "uses 3)",
        found=f"{task.samples} of {present}",
        where="the training data of dml-net",
        remedy="use more data",
    )
