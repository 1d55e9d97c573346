"""What is wrong with a copy of a data set: expected, found, where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from ferbench.errors import DataError

Check = Literal[
    "structure",  # a folder or an annotation file is missing, or it is another release's
    "annotation",  # a line that cannot be read: an unknown code, a value out of range
    "missing-image",  # annotated, and not there
    "unannotated-image",  # there, and not annotated
    "count",  # other numbers than the release states
    "unreadable",  # an image that cannot be decoded
    "box",  # a face outside its image, or without area
    "duplicate",  # the same pixels twice in one part
    "leak",  # the same pixels in two parts of the official division
    "subject-leak",  # one person in two parts of a division
    "manifest",  # other contents than a manifest says
]


@dataclass(frozen=True)
class Finding:
    """A difference between what a data set should be and what was found.

    Attributes:
        check: what kind of difference.
        expected: what should have been there.
        found: what was there instead.
        where: the file or folder, below the data set's own where possible.
        items: every file, line or class it concerns, where there are several.
    """

    check: Check
    expected: str
    found: str
    where: str
    items: tuple[str, ...] = ()

    def as_json(self) -> Mapping[str, Any]:
        """Return the finding as JSON types."""
        return asdict(self)


def listed(items: Sequence[str], most: int = 3) -> str:
    """Return how many there are and the first of them, as `found` says it.

    >>> listed(["a.jpg", "b.jpg", "c.jpg", "d.jpg"])
    '4: a.jpg, b.jpg, c.jpg and 1 more'
    """
    more = f" and {len(items) - most} more" if len(items) > most else ""
    return f"{len(items)}: {', '.join(items[:most])}{more}"


def as_error(findings: Sequence[Finding], name: str) -> DataError:
    """Return the error that stops a run on such data.

    Args:
        findings: at least one.
        name: of the data set.
    """
    first = findings[0]
    more = f" (and {len(findings) - 1} more differences)" if len(findings) > 1 else ""
    return DataError(
        expected=first.expected,
        found=first.found + more,
        where=first.where,
        remedy=f"'ferbench data verify {name} --data-root DIR' lists every difference, "
        f"'ferbench data layout {name}' shows what is expected",
    )
