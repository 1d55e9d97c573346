"""What this distribution offers to ferbench."""

from __future__ import annotations

from ferbench import DatasetCard, DatasetEntry, MethodEntry, MetricEntry, hookimpl
from ferbench_toy.options import FaultyOptions, LearnerOptions, PatternOptions

CLASSES = ("anger", "fear", "happiness", "neutral")


@hookimpl
def ferbench_datasets() -> list[DatasetEntry]:
    """Return the patterns."""
    card = DatasetCard(
        title="Toy patterns",
        classes=CLASSES,
        attributes=("subject", "pose", "landmarks"),
        licence="none needed",
        notes="made by a program: stripes, not faces.",
    )
    factory = "ferbench_toy.patterns:Patterns"
    return [DatasetEntry(name="toy", factory=factory, card=card, options=PatternOptions, needs_root=False)]


@hookimpl
def ferbench_methods() -> list[MethodEntry]:
    """Return what learns, and what fails."""

    def learns(name: str, kind: str, *, requires: tuple[str, ...] = ()) -> MethodEntry:
        factory = f"ferbench_toy.learners:{kind}"
        return MethodEntry(name=name, factory=factory, config=LearnerOptions, requires=requires)

    def fails(name: str, kind: str) -> MethodEntry:
        return MethodEntry(name=name, factory=f"ferbench_toy.faulty:{kind}", config=FaultyOptions)

    return [
        learns("toy-learner", "Learner"),
        learns("toy-adversarial", "Adversarial"),
        learns("toy-posed", "Posed", requires=("pose",)),
        fails("toy-raises", "Raises"),
        fails("toy-nan-loss", "NanLoss"),
        fails("toy-nan-logits", "NanLogits"),
        fails("toy-wrong-shape", "WrongShape"),
        fails("toy-hungry", "Hungry"),
        fails("toy-killed", "Killed"),
    ]


@hookimpl
def ferbench_metrics() -> list[MetricEntry]:
    """Return a metric that reads a column of the test data."""
    factory = "ferbench_toy.worst:worst_subject"
    return [MetricEntry(name="toy-worst-subject", factory=factory, needs=frozenset({"subject"}))]
