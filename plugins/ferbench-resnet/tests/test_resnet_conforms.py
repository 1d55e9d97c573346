"""The contract of every method, by the kit that other plugins use."""

from ferbench.testing import MethodTests, Subject
from ferbench_resnet.plugin import ferbench_methods

ENTRIES = {entry.name: entry for entry in ferbench_methods()}


class TestResNet(MethodTests):
    subject = Subject.installed("resnet", **ENTRIES["resnet"].rehearsal)
