"""What came of verifying a submission."""

from __future__ import annotations

from dataclasses import dataclass, field

LONGEST = 600
"""Characters of a reason that are shown."""


@dataclass(frozen=True)
class Finding:
    """A reason to refuse.

    Attributes:
        where: the file, row or cell.
        problem: what is wrong with it.
    """

    where: str
    problem: str


@dataclass
class Verdict:
    """What verification found.

    Attributes:
        benchmark: whose rows they claim to be; empty when that cannot be read.
        rows: cells by row.
        findings: reasons to refuse; none: it is accepted.
        notes: what a reader should know of an accepted one.
    """

    benchmark: str = ""
    rows: dict[str, int] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def accepted(self) -> bool:
        """Whether nothing speaks against it."""
        return not self.findings

    def refuse(self, where: str, problem: str) -> None:
        """Add a reason. What a submitter wrote in it is cut short and made harmless to terminals and pages."""
        self.findings.append(Finding(_plain(where), _plain(problem)))


def _plain(text: str) -> str:
    shown = "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in text)
    return shown if len(shown) <= LONGEST else shown[:LONGEST] + "…"
