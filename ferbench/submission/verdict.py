"""What came of verifying a submission."""

from __future__ import annotations

from dataclasses import dataclass, field


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
        """Add a reason."""
        self.findings.append(Finding(where, problem))
