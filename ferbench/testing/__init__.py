"""The conformance kit for plugin authors: what a method must do, each check with what is wrong and how to mend it."""

from ferbench.testing.checks import CHECKS
from ferbench.testing.findings import Failed, Finding
from ferbench.testing.methods import MethodTests, check_method
from ferbench.testing.rehearsal import Rehearsal, context_of
from ferbench.testing.subject import Subject
from ferbench.testing.toys import Toys

__all__ = [
    "CHECKS",
    "Failed",
    "Finding",
    "MethodTests",
    "Rehearsal",
    "Subject",
    "Toys",
    "check_method",
    "context_of",
]
