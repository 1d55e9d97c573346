"""The contract of every method, by the kit that other plugins use."""

from ferbench.testing import MethodTests, Subject
from ferbench_dml_net.plugin import ferbench_methods

ENTRIES = {entry.name: entry for entry in ferbench_methods()}


class TestDMLNet(MethodTests):
    subject = Subject.installed("dml-net", **ENTRIES["dml-net"].rehearsal)
