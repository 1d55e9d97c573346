"""Errors that reach a user: each says what was expected, what was found, where, and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class FerbenchError(Exception):
    """An error with a message made for the person who reads it.

    Args:
        expected: what should have been there.
        found: what was there instead.
        where: the file, option, cell or plugin it concerns.
        remedy: what the user can do about it.
    """

    exit_code = 1

    def __init__(self, *, expected: str, found: str, where: str, remedy: str) -> None:
        self.expected, self.found, self.where, self.remedy = expected, found, where, remedy
        super().__init__(f"{self.problem}; {remedy}")

    def __reduce__(self) -> tuple[object, ...]:
        """Survive a trip between processes (the keyword-only constructor would not)."""
        return _rebuild, (type(self), self.as_dict())

    @property
    def problem(self) -> str:
        """What is wrong and where, without the remedy."""
        return f"expected {self.expected}; found {self.found}; in {self.where}"

    def as_dict(self) -> dict[str, str]:
        """Return the four parts by name."""
        return {"expected": self.expected, "found": self.found, "where": self.where, "remedy": self.remedy}


def _rebuild(kind: type[FerbenchError], parts: dict[str, str]) -> FerbenchError:
    return kind(**parts)


class InputError(FerbenchError):
    """What the user gave (a file, an option, a name, a folder) cannot be used."""

    exit_code = 2


class ConfigError(InputError):
    """A benchmark file or a method's options are wrong."""


class PluginError(InputError):
    """A plugin breaks the contract: a duplicated name, a misspelt hook, a factory that cannot be imported."""


class LeakError(ConfigError):
    """A cell would be tested on what its weights were trained on."""


class DataError(InputError):
    """A data set is missing, incomplete or contradicts itself."""


class WeightsError(InputError):
    """A file of weights is missing, altered or does not fit the network."""


class MissingWeightsError(WeightsError):
    """The user has not brought a file of weights: what needs it cannot run, the rest can."""


class StorageError(InputError):
    """The machine has no more to give: a full disk, missing rights, no memory left.

    It is no cell's fault: the run stops, nothing is recorded.
    """


class SourceChangedError(InputError):
    """Code was edited while a run was under way: its cells are named after the old code. The run stops."""


class RecordError(InputError):
    """A record is truncated or altered."""


class MethodError(FerbenchError):
    """A method broke its contract while it ran: NaN loss, wrong shapes."""


def closest(name: str, known: Iterable[str]) -> str:
    """Return `did you mean 'x'? ` when a known name is near, else an empty string.

    >>> closest("offical", ["official", "k-fold"])
    "did you mean 'official'? "
    >>> closest("zzz", ["official"])
    ''
    """
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"did you mean {near[0]!r}? " if near else ""


def unknown_name(
    name: str, known: Iterable[str], *, what: str, where: str, remedy: str = "correct the name"
) -> ConfigError:
    """Return the error of a name that is none of those known, with a suggestion where one is near.

    >>> unknown_name("offical", ["official", "k-fold"], what="a protocol", where="--select").remedy
    "did you mean 'official'? correct the name"
    """
    names = list(known)
    return ConfigError(
        expected=f"{what}: {', '.join(names) or '(none)'}",
        found=repr(name),
        where=where,
        remedy=f"{closest(name, names)}{remedy}",
    )
