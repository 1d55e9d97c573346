"""What a check has found wrong."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """A check that failed.

    Attributes:
        check: its name.
        problem: what is wrong, in one sentence.
        remedy: how to mend it.
    """

    check: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        """Return it as text for the user."""
        return f"{self.check}: {self.problem}\n  remedy: {self.remedy}"


class Failed(Exception):  # noqa: N818  what a check raises; the kit turns it into a finding
    """A check has failed.

    Args:
        problem: what is wrong.
        remedy: how to mend it.
    """

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(problem)
        self.problem, self.remedy = problem, remedy
