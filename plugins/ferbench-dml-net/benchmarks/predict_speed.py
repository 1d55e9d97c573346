"""Images a second when predicting, of the rows of Table 8: its column FPS, on this machine.

    python plugins/ferbench-dml-net/benchmarks/predict_speed.py --images 32 --rounds 5

One thread, random images at the table's size, untrained networks: what is predicted does not matter to the time. Rows
take turns, so that a busy moment of the machine meets all of them.
"""
# ruff: noqa: INP001 (a script, not a package)

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator

from ferbench.catalogue import list_benchmarks
from ferbench.options import parse_options
from ferbench.plugins import discover, import_factory
from ferbench.train import Method, Setup, Task
from ferbench.train.prediction import predict
from ferbench.train.task import Column, ImageRows
from ferbench_dml_net import plugin

CLASSES = ("anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise")
SIDE = 224


def rows() -> dict[str, Method]:
    """Return the table's methods, untrained."""
    registry = discover()
    table = list_benchmarks(Path(plugin.__file__).parent / "benchmarks.toml", registry)["dml-net-table-8"].benchmark
    columns = {"subject": Column(tuple(str(number) for number in range(20))), "pose": Column()}
    task = Task(CLASSES, (SIDE, SIDE, 3), 700, (100,) * 7, columns)
    built = {}
    for entry in table.entry:
        provided = registry.method(entry.method, "table 8")
        options = parse_options(provided.entry.config, entry.options, entry.name)
        built[entry.name] = import_factory(provided)(Setup(task, options)).eval().to(memory_format=torch.channels_last)
    return built


def main() -> None:
    """Predict in turns and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    accelerator = Accelerator(cpu=True)
    pixels = np.random.default_rng(0).integers(0, 256, (chosen.images, SIDE, SIDE, 3), dtype=np.uint8)
    images = ImageRows(pixels, np.arange(chosen.images))
    methods = rows()
    seconds: dict[str, list[float]] = {name: [] for name in methods}
    for _ in range(chosen.rounds + 1):
        for name, method in methods.items():
            before = time.perf_counter()
            predict(method, images, {}, method.transforms().test, accelerator)
            seconds[name].append(time.perf_counter() - before)
    middle = {name: statistics.median(taken[1:]) for name, taken in seconds.items()}  # the first round warms up
    first = next(iter(middle))
    for name, taken in middle.items():
        print(f"{name:<18}{chosen.images / taken:8.1f} images/s, {middle[first] / taken:.2f} of {first}")


if __name__ == "__main__":
    main()
