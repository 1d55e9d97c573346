"""What a method says of a set of images: probabilities and extras, or representations; no labels anywhere near."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

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
    with torch.no_grad():
        for batch in _batches(images, inputs, transform, accelerator):
            with accelerator.autocast():
                output = method.predict(batch)
            _check_shape(output.logits, len(batch.images), len(method.task.classes), type(method).__name__)
            probabilities.append(torch.softmax(output.logits.double(), dim=1).float().cpu().numpy())
            for name, values in output.extras.items():
                extras.setdefault(name, []).append(values.float().cpu().numpy())
    method.train(was_training)
    made = np.concatenate(probabilities) if probabilities else np.zeros((0, len(method.task.classes)), np.float32)
    check_probabilities(made, len(images), len(method.task.classes), f"predictions of {type(method).__name__}")
    return made, {name: np.concatenate(values) for name, values in extras.items()}


def represent(
    method: Method[Options],
    images: ImageRows,
    inputs: Mapping[str, Array],
    transform: Transform,
    accelerator: Accelerator,
) -> dict[str, npt.NDArray[np.float32]]:
    """Return a method's representations of all images.

    Args:
        method: any mode; it is put back into it.
        images: M images.
        inputs: (M, …) declared test inputs, for the transform: `features` sees images alone.
        transform: the method's test transform; of several views, the mean of their features is taken.
        accelerator: of this process.

    Returns:
        (M, D) by name; empty for a method without any.

    Raises:
        MethodError: NaN, wrong shapes, other names from batch to batch.
    """
    was_training = method.training
    method.eval()
    found: list[dict[str, npt.NDArray[np.float32]]] = []
    with torch.no_grad():
        for batch in _batches(images, inputs, transform, accelerator):
            with accelerator.autocast():
                views = [method.features(view) for view in batch.views]
            means = {name: torch.stack([view[name].float() for view in views]).mean(dim=0) for name in views[0]}
            found.append({name: values.cpu().numpy() for name, values in means.items()})
            _check_features(found[-1], found[0], len(batch.images), type(method).__name__)
    method.train(was_training)
    return {name: np.concatenate([part[name] for part in found]) for name in (found[0] if found else {})}


def _batches(
    images: ImageRows, inputs: Mapping[str, Array], transform: Transform, accelerator: Accelerator
) -> Iterator[TestBatch]:
    """Yield all images as the test transform leaves them, in order, on the device."""
    rng = np.random.default_rng(0)
    for start in range(0, len(images), BATCH):
        positions = np.arange(start, min(start + BATCH, len(images)))
        views = transform(images.take(positions), {n: v[positions] for n, v in inputs.items()}, rng)
        columns = {name: torch.from_numpy(np.ascontiguousarray(v)) for name, v in views.columns.items()}
        yield to_device(TestBatch(views.images, columns), accelerator.device)


def _check_features(
    made: Mapping[str, npt.NDArray[np.float32]], first: Mapping[str, npt.NDArray[np.float32]], samples: int, name: str
) -> None:
    shapes = {key: values.shape for key, values in made.items()}
    wanted = {key: (samples, *values.shape[1:2]) for key, values in first.items()}
    if shapes != wanted or any(len(shape) != 2 for shape in shapes.values()):
        expected, found = f"one vector an image: ({samples}, D) for each name, the same D in all batches", str(shapes)
    elif not all(np.isfinite(values).all() for values in made.values()):
        expected, found = "finite features", "NaN or infinity"
    else:
        return
    remedy = "return (B, D) tensors by name, of the same names and widths for any batch"
    raise MethodError(expected=expected, found=found, where=f"{name}.features", remedy=remedy)


def _check_shape(logits: object, samples: int, classes: int, name: str) -> None:
    shape = tuple(logits.shape) if isinstance(logits, torch.Tensor) else type(logits).__name__
    if shape != (samples, classes):
        raise MethodError(
            expected=f"logits of shape ({samples}, {classes})",
            found=str(shape),
            where=f"{name}.predict",
            remedy="return Output(logits) with one row for each image and one column for each class",
        )
