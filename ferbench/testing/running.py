"""Run checks over what is checked, and turn whatever they raise into findings that say how to mend it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from ferbench.errors import FerbenchError
from ferbench.testing.findings import Failed, Finding

T = TypeVar("T")

Check = Callable[[T], None]
"""Raises `Failed`, or whatever the plugin raises, when something is wrong."""


def name_of(check: Callable[..., None]) -> str:
    """Return a check's name as people read it."""
    return check.__name__.replace("_", " ")


def failing(checks: Sequence[Check[T]], checked: T) -> Iterator[Finding]:
    """Run checks in order; yields what failed. When the first one fails, the others have nothing to stand on."""
    for position, check in enumerate(checks):
        try:
            check(checked)
        except Failed as failed:
            yield Finding(name_of(check), failed.problem, failed.remedy)
        except FerbenchError as error:
            yield Finding(name_of(check), error.problem, error.remedy)
        except Exception as error:  # noqa: BLE001  a plugin may raise anything; the user is told what
            yield Finding(
                name_of(check),
                f"{type(error).__name__}: {error}",
                "run the check in pytest, whose traceback says where",
            )
        else:
            continue
        if position == 0:
            return
