"""The conformance kit for plugin authors: what a method must do, each check with what is wrong and how to mend it."""

from ferbench.testing.findings import Finding
from ferbench.testing.methods import CHECKS, MethodTests, Subject, check_method
from ferbench.testing.toys import Toys

__all__ = ["CHECKS", "Finding", "MethodTests", "Subject", "Toys", "check_method"]
