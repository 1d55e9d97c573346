"""All checks of a method: as tests of a plugin, or as a list of findings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import ClassVar

from ferbench.errors import FerbenchError
from ferbench.testing.checks import CHECKS, loads
from ferbench.testing.findings import Failed, Finding
from ferbench.testing.subject import Subject


def check_method(subject: Subject) -> Iterator[Finding]:
    """Run every check; yields what failed. What cannot be built is not checked further."""
    for check in CHECKS:
        name = check.__name__.replace("_", " ")
        try:
            check(subject)
        except Failed as failed:
            yield Finding(name, failed.problem, failed.remedy)
        except FerbenchError as error:
            yield Finding(name, f"{error.expected} expected, {error.found} found, {error.where}", error.remedy)
        except Exception as error:  # noqa: BLE001  a plugin may raise anything; the user is told what
            yield Finding(
                name, f"{type(error).__name__}: {error}", "let it run on the toys; see the traceback in pytest"
            )
        else:
            continue
        if check is loads:
            return


class MethodTests:
    """Tests of a method for pytest, one for each check: derive from it, name it `Test…`, set `subject`."""

    subject: ClassVar[Subject]


def _test_of(check: Callable[[Subject], None]) -> Callable[[MethodTests], None]:
    def test(self: MethodTests) -> None:
        check(self.subject)

    test.__doc__ = check.__doc__
    return test


for _check in CHECKS:
    setattr(MethodTests, f"test_{_check.__name__}", _test_of(_check))
