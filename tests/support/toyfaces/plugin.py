"""What toyfaces offers to ferbench."""

from __future__ import annotations

from ferbench import AttributeEntry, DatasetCard, DatasetEntry, MethodEntry, PreprocessorEntry, hookimpl
from ferbench.data.files import FileOptions
from toyfaces.options import FinderOptions, NetOptions, ToyOptions


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
        DatasetEntry(
            name="toy-release",
            factory="toyfaces.release:Release",
            options=FileOptions,
            replica="toyfaces.release:write",
            card=DatasetCard(title="Squares as released", layout="toy-release/\n├── labels.txt\n└── images/"),
        ),
    ]


@hookimpl
def ferbench_preprocessors() -> list[PreprocessorEntry]:
    """Return a preprocessor that finds a face in some images, without and with weights."""
    given = {"version": "1", "options": FinderOptions, "gives": frozenset({"landmarks", "box"})}
    factory = "toyfaces.finder:Finder"
    return [
        PreprocessorEntry(name="toy-finder", factory=factory, **given),
        PreprocessorEntry(name="toy-finder-with-weights", factory=factory, weights=("detector",), **given),
    ]


@hookimpl
def ferbench_attributes() -> list[AttributeEntry]:
    """Return attributes estimated from the pixels."""
    factory = "toyfaces.finder:Brightness"
    needs = frozenset({"landmarks"})
    return [AttributeEntry(name="toy-brightness", factory=factory, version="1", gives=("pose", "subject"), needs=needs)]


@hookimpl
def ferbench_methods() -> list[MethodEntry]:
    """Return the small methods."""
    return [
        MethodEntry(name="toy-net", factory="toyfaces.methods:Net", config=NetOptions, weights=("backbone", "extra.*")),
        MethodEntry(name="toy-spy", factory="toyfaces.methods:Spy", config=NetOptions, test_inputs=("pose",)),
        MethodEntry(name="toy-cheat", factory="toyfaces.methods:Net", config=NetOptions, requires=("votes",)),
        MethodEntry(name="toy-vain", factory="toyfaces.methods:Net", config=NetOptions, requires=("beauty",)),
    ]
