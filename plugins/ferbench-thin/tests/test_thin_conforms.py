"""The contract of every method, by the kit that other plugins use."""

from dataclasses import replace

from ferbench.testing import MethodTests, Subject, Toys
from ferbench_thin.plugin import ferbench_methods

ENTRIES = {entry.name: entry for entry in ferbench_methods()}


class TestThin(MethodTests):
    subject = Subject.installed("thin", **ENTRIES["thin"].rehearsal)


class TestRotationOracle(MethodTests):
    subject = replace(
        Subject.installed("thin-oracle-rotation", **ENTRIES["thin-oracle-rotation"].rehearsal),
        toys=Toys(further=("rotation",)),
    )
