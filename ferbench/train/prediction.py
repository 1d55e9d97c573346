"""Predict a set of images with a method: probabilities and extras, no labels anywhere near."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import torch
from accelerate import Accelerator

from ferbench.errors import MethodError
from ferbench.options import Options
from ferbench.predictions import check_probabilities
from ferbench.train.batch import TestBatch, to_device
from ferbench.train.method import Method
from ferbench.train.task import Array, ImageRows
from ferbench.train.transforms import Transform

BATCH = 256


def predict(
    method: Method[Options],
    images: ImageRows,
    inputs: Mapping[str, Array],
    transform: Transform,
    accelerator: Accelerator,
) -> tuple[npt.NDArray[np.float32], dict[str, Array]]:
    """Predict all images.

    Args:
        method: any mode; it is put back into it.
        images: M images.
        inputs: (M, …) declared test inputs.
        transform: the method's test transform.
        accelerator: of this process.

    Returns:
        (M, K) probabilities and (M, …) extras.

    Raises:
        MethodError: NaN, wrong shapes.
    """
    was_training = method.training
    method.eval()
    probabilities: list[npt.NDArray[np.float32]] = []
    extras: dict[str, list[Array]] = {}
    rng = np.random.default_rng(0)
    with torch.no_grad():
        for start in range(0, len(images), BATCH):
            positions = np.arange(start, min(start + BATCH, len(images)))
            views = transform(images.take(positions), {n: v[positions] for n, v in inputs.items()}, rng)
            columns = {name: torch.from_numpy(np.ascontiguousarray(v)) for name, v in views.columns.items()}
            batch = to_device(TestBatch(views.images, columns), accelerator.device)
            with accelerator.autocast():
                output = method.predict(batch)
            _check_shape(output.logits, len(positions), len(method.task.classes), type(method).__name__)
            probabilities.append(torch.softmax(output.logits.double(), dim=1).float().cpu().numpy())
            for name, values in output.extras.items():
                extras.setdefault(name, []).append(values.float().cpu().numpy())
    method.train(was_training)
    made = np.concatenate(probabilities) if probabilities else np.zeros((0, len(method.task.classes)), np.float32)
    check_probabilities(made, len(images), len(method.task.classes), f"predictions of {type(method).__name__}")
    return made, {name: np.concatenate(values) for name, values in extras.items()}


def _check_shape(logits: object, samples: int, classes: int, name: str) -> None:
    shape = tuple(logits.shape) if isinstance(logits, torch.Tensor) else type(logits).__name__
    if shape != (samples, classes):
        raise MethodError(
            expected=f"logits of shape ({samples}, {classes})",
            found=str(shape),
            where=f"{name}.predict",
            remedy="return Output(logits) with one row for each image and one column for each class",
        )
