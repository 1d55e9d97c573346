"""The contract of every method, by the kit that other plugins use."""

from ferbench.testing import MethodTests, Subject
from ferbench_ada_df.plugin import ferbench_methods

ENTRIES = {entry.name: entry for entry in ferbench_methods()}


class TestAdaDF(MethodTests):
    subject = Subject.installed("ada-df", **ENTRIES["ada-df"].rehearsal)


class TestSingleLabel(MethodTests):
    subject = Subject.installed("ada-df-single-label", **ENTRIES["ada-df-single-label"].rehearsal)
