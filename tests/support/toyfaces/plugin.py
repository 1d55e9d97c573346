"""What toyfaces offers to ferbench."""

from __future__ import annotations

from ferbench import DatasetCard, DatasetEntry, MethodEntry, hookimpl
from toyfaces.options import NetOptions, ToyOptions


@hookimpl
def ferbench_datasets() -> list[DatasetEntry]:
    """Return the drawn data set, and one that needs the user's folder."""
    card = DatasetCard(
        title="Coloured squares", attributes=("subject", "pose", "votes", "mixture"), label_columns=("votes", "mixture")
    )
    factory = "toyfaces.data:Toy"
    return [
        DatasetEntry(name="toy", factory=factory, options=ToyOptions, card=card, needs_root=False),
        DatasetEntry(name="toy-others", factory=factory, options=ToyOptions, card=card, needs_root=False),
        DatasetEntry(name="toy-at-home", factory=factory, options=ToyOptions, card=card, needs_root=True),
    ]


@hookimpl
def ferbench_methods() -> list[MethodEntry]:
    """Return the small methods."""
    return [
        MethodEntry(name="toy-net", factory="toyfaces.methods:Net", config=NetOptions, weights=("backbone", "extra.*")),
        MethodEntry(name="toy-spy", factory="toyfaces.methods:Spy", config=NetOptions, test_inputs=("pose",)),
        MethodEntry(name="toy-cheat", factory="toyfaces.methods:Net", config=NetOptions, requires=("votes",)),
        MethodEntry(name="toy-vain", factory="toyfaces.methods:Net", config=NetOptions, requires=("beauty",)),
    ]
