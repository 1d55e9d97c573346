"""All checks of a method: as tests of a plugin, or as a list of findings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import ClassVar

from ferbench.testing.findings import Finding
from ferbench.testing.method_checks import METHOD_CHECKS
from ferbench.testing.running import failing
from ferbench.testing.subject import Subject


def check_method(subject: Subject) -> Iterator[Finding]:
    """Run every check; yields what failed. What cannot be built is not checked further."""
    return failing(METHOD_CHECKS, subject)


class MethodTests:
    """Tests of a method for pytest, one for each check: derive from it, name it `Test…`, set `subject`."""

    subject: ClassVar[Subject]


def _test_of(check: Callable[[Subject], None]) -> Callable[[MethodTests], None]:
    def test(self: MethodTests) -> None:
        check(self.subject)

    test.__doc__ = check.__doc__
    return test


for _check in METHOD_CHECKS:
    setattr(MethodTests, f"test_{_check.__name__}", _test_of(_check))
