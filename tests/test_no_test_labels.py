"""No object that a method can reach holds the labels of test images, nor anything that tells them."""

from __future__ import annotations

import functools
import gc
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FrameType, FunctionType, ModuleType, TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest
import torch
from toyfaces.methods import Spy

from ferbench.config import read_benchmarks
from ferbench.data.store import Store
from ferbench.datasource import silent_progress
from ferbench.plan import make_plan
from ferbench.plugins import Registry
from ferbench.predictions import Predictions
from ferbench.protocols import Fold, Samples
from ferbench.resolve import Resolver
from ferbench.run.cell import Services, run_training
from ferbench.run.outcome import Outcome
from ferbench.run.session import prepare_all

HARNESS = (Store, Fold, Samples, Predictions, Outcome, pa.Table, pa.ChunkedArray, pa.Array)
PASSED_OVER = (ModuleType, type, FrameType, CodeType, TracebackType, logging.Logger, str, bytes, int, float)


def reachable(roots: list[object]) -> Iterator[object]:
    """Yield every object that can be reached: attributes, items, closures, defaults, what arrays are views of."""
    seen: dict[int, object] = {}
    waiting = list(roots)
    while waiting:
        thing = waiting.pop()
        if id(thing) in seen:
            continue
        seen[id(thing)] = thing  # kept alive, so that no id is used twice
        yield thing
        if not isinstance(thing, PASSED_OVER):
            waiting += referents(thing)


def referents(thing: object) -> list[object]:
    if isinstance(thing, FunctionType):
        cells = [cell.cell_contents for cell in thing.__closure__ or () if _filled(cell)]
        return [*cells, thing.__defaults__, thing.__kwdefaults__, thing.__dict__]
    found = list(gc.get_referents(thing))
    if isinstance(thing, np.ndarray) and thing.base is not None:
        found.append(thing.base)
    if isinstance(thing, torch.Tensor):
        found += [thing.grad, thing._base, vars(thing) if hasattr(thing, "__dict__") else None]
    return found


def _filled(cell: Any) -> bool:
    try:
        cell.cell_contents  # noqa: B018  an empty cell raises
    except ValueError:
        return False
    return True


def numbers_in(thing: object) -> Iterator[npt.NDArray[Any]]:
    """Yield what an object holds as flat arrays of numbers, along rows and along columns."""
    array: npt.NDArray[Any] | None = None
    if isinstance(thing, torch.Tensor):
        whole = torch.empty(0, dtype=thing.dtype).set_(thing.detach().cpu().untyped_storage())  # also beyond a view
        array = whole.float().numpy() if whole.dtype == torch.bfloat16 else whole.numpy()
        if thing.dim() > 1:
            yield thing.detach().cpu().float().numpy().ravel(order="F")
    elif isinstance(thing, np.ndarray) and thing.dtype.kind in "biuf":
        array = thing
        yield thing.ravel(order="F")
    elif isinstance(thing, (list, tuple, set, frozenset)):
        array = _as_array(list(thing))
    elif isinstance(thing, Mapping) or type(thing).__name__ in {"dict_values", "mappingproxy"}:
        array = _as_array(list(thing.values()) if isinstance(thing, Mapping) else list(thing))
    elif isinstance(thing, (bytes, bytearray)):
        array = np.frombuffer(thing, dtype=np.uint8)
    if array is not None:
        yield array.ravel()


def _as_array(values: list[Any]) -> npt.NDArray[Any] | None:
    if not values or not all(isinstance(value, (int, float, np.number, torch.Tensor)) for value in values):
        return None
    if any(isinstance(value, torch.Tensor) and value.numel() != 1 for value in values):
        return None
    return np.asarray([float(v.detach()) if isinstance(v, torch.Tensor) else float(v) for v in values])


def contains(array: npt.NDArray[Any], pattern: npt.NDArray[Any]) -> bool:
    if len(array) < len(pattern):
        return False
    starts = np.flatnonzero(array[: len(array) - len(pattern) + 1] == pattern[0])
    return any((array[start : start + len(pattern)] == pattern).all() for start in starts)


@dataclass
class Secrets:
    """What must not be reachable: sequences of numbers, and names."""

    patterns: dict[str, npt.NDArray[Any]]
    names: frozenset[str]

    def found_from(self, *roots: object) -> list[str]:
        """Say what is reachable and should not be."""
        found = []
        for thing in reachable(list(roots)):
            if isinstance(thing, HARNESS):
                found.append(f"a {type(thing).__name__}")
            if isinstance(thing, str) and thing in self.names:
                found.append(f"the test id {thing}")
            if isinstance(thing, np.ndarray) and thing.dtype.kind in "US" and self.names & set(thing.ravel().tolist()):
                found.append("an array of test ids")
            for name, pattern in self.patterns.items():
                if any(contains(array, pattern) for array in numbers_in(thing)):
                    found.append(f"{name} in a {type(thing).__name__}")
        return found


@dataclass
class Run:
    """A cell that was run with a method which keeps all it was given."""

    secrets: Secrets
    kept: list[object]
    store: Store
    outcome: Outcome


FILE = """
[benchmark.b]
preprocessor = { name = "resize", options = { size = 16 } }
dataset = [{ name = "toy", options = { shuffled = true, subjects = 12 } }]
protocol = [{ name = "label-noise", options = { rate = 0.3 } }]
entry = [{ name = "spy", method = "toy-spy" }]
"""


@pytest.fixture
def run(tmp_path: Path, registry: Registry) -> Iterator[Run]:
    (tmp_path / "b.toml").write_text(FILE)
    resolver = Resolver(registry)
    (cell,) = make_plan(read_benchmarks(tmp_path / "b.toml").benchmark["b"], registry, resolver, tmp_path).cells
    assert cell.spec is not None
    prepare_all([cell.spec.data], resolver, registry, 1, silent_progress)
    Spy.seen.clear()
    outcome = run_training(cell.spec, Services(registry))
    store = Store.open(cell.spec.data)
    samples, fold = store.samples(), outcome.fold
    patterns = {
        "test labels": fold.test_labels,
        "all labels": samples.labels,
        "clean training labels": samples.labels[fold.train],
        "validation labels as numbered in the data": samples.labels[fold.validation],
        "hidden column": store.column("votes")[fold.train],
    }
    assert len(fold.test_labels) >= 20
    secrets = Secrets(patterns, frozenset(samples.ids[fold.test].tolist()))
    yield Run(secrets, Spy.seen, store, outcome)
    Spy.seen.clear()


def test_a_method_its_batches_and_its_context_do_not_lead_to_test_labels(run: Run) -> None:
    kinds = {type(thing).__name__ for thing in run.kept}
    assert {"Spy", "Setup", "Batch", "TestBatch", "Context"} <= kinds
    assert run.secrets.found_from(*run.kept) == []
    things = list(reachable(list(run.kept)))
    assert len(things) > 300
    shown = Secrets({"noisy training labels": run.outcome.fold.train_labels}, frozenset())
    assert shown.found_from(*run.kept), "what it may see is found"
    images = [thing for thing in things if isinstance(thing, np.ndarray) and thing.shape == run.store.images.shape]
    assert images, "the walk went as far as the mapped images"


def test_a_batch_holds_what_was_declared_and_no_hidden_column(run: Run) -> None:
    batches = [thing for thing in run.kept if type(thing).__name__ == "Batch"]
    tests = [thing for thing in run.kept if type(thing).__name__ == "TestBatch"]
    pose, subject = (run.store.column(name) for name in ("pose", "subject"))
    (task,) = {id(thing.task): thing.task for thing in run.kept if type(thing).__name__ == "Setup"}.values()  # type: ignore[attr-defined]
    people = task.columns["subject"].categories
    assert set(people) == set(subject[run.outcome.fold.train])
    for batch in batches:
        rows = run.outcome.fold.train[batch.index.numpy()]  # type: ignore[attr-defined]
        assert np.abs(np.abs(batch.columns["pose"].numpy()) - np.abs(pose[rows])).max() < 1e-4  # type: ignore[attr-defined]
        assert [people[code] for code in batch.columns["subject"]] == subject[rows].tolist()  # type: ignore[attr-defined]
    assert {name for batch in batches for name in batch.columns} == {"split", "subject", "pose"}  # type: ignore[attr-defined]
    assert {name for batch in tests for name in batch.columns} == {"pose"}  # type: ignore[attr-defined]
    assert not any(hasattr(batch, name) for batch in tests for name in ("labels", "index", "ids"))


def in_closure(leak: Any) -> object:
    def inner() -> Any:
        return leak

    return inner


def in_default(leak: Any) -> object:
    def inner(value: Any = leak) -> Any:
        return value

    return inner


class Holder:
    def __init__(self, leak: Any) -> None:
        self.leak = leak

    def method(self) -> None: ...


class Slotted:
    __slots__ = ("leak",)

    def __init__(self, leak: Any) -> None:
        self.leak = leak


def in_generator(leak: Any) -> object:
    def generate() -> Iterator[Any]:
        yield 0
        yield leak

    made = generate()
    next(made)
    return made


def in_module(leak: Any) -> object:
    module = torch.nn.Sequential(torch.nn.Linear(1, 1))
    module[0].register_buffer("leak", torch.as_tensor(np.asarray(leak)))
    return module


HIDING: dict[str, Callable[[Any], object]] = {
    "closure": in_closure,
    "default": in_default,
    "attribute": Holder,
    "slot": Slotted,
    "bound method": lambda leak: Holder(leak).method,
    "partial": lambda leak: functools.partial(print, leak),
    "generator": in_generator,
    "buffer": in_module,
    "dict": lambda leak: {"a": [{"b": leak}]},
    "list of numbers": lambda leak: leak.tolist(),
    "values by id": lambda leak: {f"i{row}": int(value) for row, value in enumerate(leak)},
    "float tensor": lambda leak: torch.as_tensor(leak).float(),
    "gradient": lambda leak: with_gradient(leak=leak),
    "view of a tensor": lambda leak: torch.as_tensor(leak)[:1],
    "view of an array": lambda leak: leak[:1],
    "column of a table": lambda leak: np.stack([leak, leak * 0], axis=1),
    "part of a longer array": lambda leak: np.concatenate([[9, 9], leak, [9]]),
    "bytes": lambda leak: leak.astype(np.uint8).tobytes(),
    "callback": lambda leak: hooked(leak=leak),
}


def with_gradient(leak: Any) -> torch.Tensor:
    parameter = torch.zeros(len(leak), requires_grad=True)
    parameter.grad = torch.as_tensor(leak).float()
    return parameter


def hooked(leak: Any) -> torch.nn.Module:
    module = torch.nn.Identity()
    module.register_forward_hook(in_closure(leak))  # type: ignore[arg-type]
    return module


@pytest.mark.parametrize("way", HIDING)
def test_the_search_finds_labels_however_they_are_hidden(way: str) -> None:
    labels = np.random.default_rng(0).integers(0, 7, 30)
    secrets = Secrets({"test labels": labels.copy()}, frozenset())
    assert secrets.found_from(Holder(HIDING[way](labels.copy())))
    assert not secrets.found_from(Holder(HIDING[way](np.random.default_rng(1).integers(0, 7, 30))))


def test_the_search_finds_what_the_harness_keeps_to_itself(run: Run) -> None:
    for planted in (
        run.store,
        run.outcome,
        run.outcome.fold,
        run.store.samples(),
        next(iter(run.outcome.epochs.values())),
    ):
        assert run.secrets.found_from(in_closure([planted]))
    assert run.secrets.found_from({"ids": run.store.strings("id")})
    assert run.secrets.found_from({"ids": run.store.strings("id").tolist()})


def test_a_leak_into_a_method_would_be_found(run: Run) -> None:
    spy = run.kept[0]
    assert isinstance(spy, Spy)
    spy.register_buffer("stolen", torch.as_tensor(run.outcome.fold.test_labels))
    assert run.secrets.found_from(run.kept)
