"""The baseline learns, with each of its options, and starts from weights when it is given some."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
import torch
from accelerate import Accelerator

from ferbench.train import Setup, Task, TrainingSet
from ferbench.train.loop import Hooks, Trainer, seed_everything
from ferbench.train.prediction import predict
from ferbench.train.task import ImageRows
from ferbench.weights import LoadedWeights
from ferbench_resnet.method import ResNet
from ferbench_resnet.options import ResNetOptions

CLASSES = ("anger", "fear", "joy")


def striped(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return noisy images whose class is the width of their stripes: nothing that a flip or a shift destroys."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, len(CLASSES), count)
    rows = np.arange(32)[None, :, None, None]
    waves = 60 * np.sign(np.sin(2 * np.pi * rows / (4 * 2.0 ** labels[:, None, None, None])))
    pixels = 128 + waves + rng.normal(0, 30, (count, 32, 32, 3))
    return np.clip(pixels, 0, 255).astype(np.uint8), labels.astype(np.int64)


def built(options: Mapping[str, object], weights: Mapping[str, LoadedWeights] | None = None) -> ResNet:
    task = Task(CLASSES, (32, 32, 3), 120, (40, 40, 40))
    chosen = ResNetOptions.model_validate(
        {"backbone": "resnet-tiny", "epochs": 6, "batch_size": 16, "lr": 5e-3, **options}
    )
    seed_everything(0)
    return ResNet(Setup(task, chosen, weights or {}))


def trained(options: Mapping[str, object]) -> tuple[list[float], float]:
    """Train; return the loss by epoch and the accuracy on new images."""
    method = built(options)
    images, labels = striped(120, 0)
    training = TrainingSet(ImageRows(images, np.arange(120)), labels)
    accelerator = Accelerator()
    hooks = Hooks(evaluated=lambda _: None, checkpoint=lambda _: None, progress=lambda _share, _images: None)
    trainer = Trainer(method, training, accelerator, 0, hooks)
    trainer.run()
    images, labels = striped(90, 1)
    made, _ = predict(method, ImageRows(images, np.arange(90)), {}, method.transforms().test, accelerator)
    return [row["loss"] for row in trainer.position.history], float((made.argmax(axis=1) == labels).mean())


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"optimizer": "sgd", "lr": 0.05},
        {"optimizer": "adam", "schedule": "one-cycle", "clip": 1.0, "label_smoothing": 0.1},
        {"schedule": "constant", "sampling": "class-balanced", "augment": "none", "dropout": 0.1},
        {"augment": "strong"},
        {"backbone": "resnet-small"},
    ],
    ids=lambda options: ",".join(f"{name}={value}" for name, value in options.items()) or "default",
)
def test_it_learns(options: Mapping[str, object]) -> None:
    losses, accuracy = trained(options)
    assert losses[-1] < 0.8 * losses[0]
    assert accuracy > 0.6  # chance is a third


@pytest.mark.parametrize("backbone", ["resnet18", "resnet34", "resnet50", "mobilenetv3_small_050"])
def test_any_backbone_of_timm_predicts(backbone: str) -> None:
    method = built({"backbone": backbone})
    images, _ = striped(4, 0)
    made, _ = predict(method, ImageRows(images, np.arange(4)), {}, method.transforms().test, Accelerator())
    assert made.shape == (4, 3)
    features = method.eval().features(torch.zeros(2, 3, 32, 32))["expression"]
    assert features.shape == (2, method.head.in_features)


def test_it_starts_from_the_weights_it_is_given() -> None:
    donor = built({"backbone": "resnet-tiny"})
    with torch.no_grad():
        for parameter in donor.backbone.parameters():
            parameter.add_(1)
    weights = LoadedWeights("donor", donor.backbone.state_dict(), "0", mean=(0.4,), std=(0.2,))
    method = built({}, {"backbone": weights})
    for name, parameter in method.backbone.named_parameters():
        assert torch.equal(parameter, donor.backbone.state_dict()[name]), name
    assert method.normalise().mean == (0.4,)
