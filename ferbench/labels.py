"""Label spaces are names. The expression taxonomy is one of them; digits or subjects are others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

EXPRESSIONS = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral", "contempt")
"""Canonical expression names: Ekman's six, neutral, contempt. A data set uses those it has, in any order."""


@dataclass(frozen=True)
class SharedClasses:
    """The classes two data sets share, and what is lost by restricting to them.

    Attributes:
        names: shared names, in the order of the first data set.
        dropped_first: names only the first has.
        dropped_second: names only the second has.
    """

    names: tuple[str, ...]
    dropped_first: tuple[str, ...]
    dropped_second: tuple[str, ...]


def shared_classes(first: Sequence[str], second: Sequence[str]) -> SharedClasses:
    """Match two label spaces by name.

    >>> shared_classes(["anger", "fear", "neutral"], ["neutral", "anger", "contempt"])
    SharedClasses(names=('anger', 'neutral'), dropped_first=('fear',), dropped_second=('contempt',))
    """
    return SharedClasses(
        names=tuple(name for name in first if name in second),
        dropped_first=tuple(name for name in first if name not in second),
        dropped_second=tuple(name for name in second if name not in first),
    )
