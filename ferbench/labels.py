"""Label spaces are names. The expression taxonomy is one of them; digits or subjects are others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ferbench.errors import ConfigError, closest

EXPRESSIONS = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral", "contempt")
"""Canonical expression names: Ekman's six, neutral, contempt. A data set uses those it has, in any order."""

MIXTURE = "mixture"
"""The column in which a data set gives label distributions: (N, K) shares of its classes, in their order."""


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


def restricted(
    shares: npt.NDArray[np.floating], classes: Sequence[str], kept: Sequence[str]
) -> npt.NDArray[np.float32]:
    """Return label distributions over other classes: those of `kept`, in its order, scaled to a sum of 1.

    Args:
        shares: (N, K) shares of `classes`.
        classes: K names.
        kept: names among `classes`.

    Returns:
        (N, len(kept)) shares; NaN where nothing of a sample falls on the kept classes.

    >>> restricted(np.array([[0.6, 0.2, 0.2]]), ["anger", "fear", "neutral"], ["neutral", "anger"]).tolist()
    [[0.25, 0.75]]
    """
    chosen = np.asarray(shares, dtype=np.float64)[:, [list(classes).index(name) for name in kept]]
    totals = chosen.sum(axis=1, keepdims=True)
    scaled = np.divide(chosen, totals, out=np.full_like(chosen, np.nan), where=totals > 0)
    return np.asarray(scaled, dtype=np.float32)


def check_relabel(dataset: str, relabel: Mapping[str, str], classes: Sequence[str]) -> None:
    """Refuse other names for classes that are not there, or that leave fewer than two.

    Args:
        dataset: whose classes they are, for the message.
        relabel: new names by old ones; an empty one leaves the class out.
        classes: names as released.

    Raises:
        ConfigError: an unknown class, or fewer than two that are left.
    """
    where = f"the data set {dataset}, relabel"
    unknown = [name for name in relabel if name not in classes]
    if unknown:
        raise ConfigError(
            expected=f"classes of {dataset}: {', '.join(classes)}",
            found=repr(unknown[0]),
            where=where,
            remedy=f"{closest(unknown[0], classes)}correct the name",
        )
    left = {relabel.get(name, name) for name in classes} - {""}
    if relabel and len(left) < 2:
        raise ConfigError(
            expected="at least two classes",
            found=", ".join(sorted(left)) or "none",
            where=where,
            remedy="leave fewer classes out, or merge fewer",
        )
