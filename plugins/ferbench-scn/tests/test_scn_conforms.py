"""The contract of every method, by the kit that other plugins use."""

from ferbench.testing import MethodTests, Subject
from ferbench_scn.plugin import ferbench_methods

ENTRIES = {entry.name: entry for entry in ferbench_methods()}


class TestSCN(MethodTests):
    subject = Subject.installed("scn", **ENTRIES["scn"].rehearsal)
