"""The contract of every method, by the kit that other plugins use."""

from ferbench.testing import MethodTests, Subject
from ferbench_dice_fer.plugin import ferbench_methods

ENTRIES = {entry.name: entry for entry in ferbench_methods()}


class TestDiceFER(MethodTests):
    subject = Subject.installed("dice-fer", **ENTRIES["dice-fer"].rehearsal)
