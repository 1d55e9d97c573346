"""What the verifier knows of a cell by itself: the protocol's own division of the verifier's own data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ferbench.columns import Column
from ferbench.config import Benchmark
from ferbench.data.store import Store
from ferbench.protocols.base import Fold
from ferbench.resolve import Resolver
from ferbench.run.division import divide, tested_columns
from ferbench.spec import RepresentationMetricSpec


@dataclass(frozen=True)
class Ground:
    """What the verifier knows of a cell by itself.

    Attributes:
        benchmark: the grid, as the verifier has it.
        column: where the cell stands in it.
        fold: the protocol's own division.
        ids: (N,) of the test images, in the fold's order.
        columns: (N, …) what the data say of them.
        dropped: (N,) images in which no face was found.
        measures: the representation metrics that its cells take.
    """

    benchmark: Benchmark
    column: Column
    fold: Fold
    ids: npt.NDArray[np.str_]
    columns: Mapping[str, npt.NDArray[Any]]
    dropped: npt.NDArray[np.bool_]
    measures: tuple[RepresentationMetricSpec, ...] = ()


def ground(benchmark: Benchmark, column: Column, fold: int, seed: int, resolver: Resolver) -> Ground:
    """Divide the verifier's own data as the protocol says.

    Args:
        benchmark: the grid.
        column: of it, with its data; they are prepared.
        fold: fold number.
        seed: the cell's seed.
        resolver: knows the installed plugins.

    Raises:
        DataError: the data cannot be divided so.
    """
    spec = replace(column.training(method="", options={}, compute={}, sources={}), fold=fold, seed=seed)
    store = Store.open(spec.data)
    test_store = Store.open(spec.test) if spec.test is not None else store
    divided = divide(spec, store, test_store, resolver.registry)
    ids, dropped = test_store.strings("id")[divided.test], test_store.dropped[divided.test]
    measures = resolver.representation_metrics(benchmark)
    return Ground(benchmark, column, divided, ids, tested_columns(test_store, divided), dropped, measures)
