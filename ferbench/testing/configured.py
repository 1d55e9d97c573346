"""A plugin under test that has options of its own."""

# Annotations are evaluated here, not kept as text: the __init__ that dataclass writes for a class built on this one
# carries them into that class's module, where their names mean nothing to who reads the signature (pdoc, inspect).
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from ferbench.entries import DatasetEntry, PreprocessorEntry, ProtocolEntry
from ferbench.options import Options
from ferbench.plugins import Provided, import_factory

EntryT = TypeVar("EntryT", DatasetEntry, PreprocessorEntry, ProtocolEntry)


@dataclass(frozen=True)
class Configured(Generic[EntryT]):
    """A plugin under test.

    Attributes:
        provided: its entry, and the distribution that lists it.
        options: of its own.
    """

    provided: Provided[EntryT]
    options: Mapping[str, Any] = field(default_factory=dict)

    def made(self, *more: object) -> Any:  # noqa: ANN401  whatever the plugin's factory makes
        """Return it, made anew from its options and what else its factory takes."""
        options: Options = self.provided.entry.options.model_validate(dict(self.options))
        return import_factory(self.provided)(options, *more)
