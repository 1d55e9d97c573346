"""EAC's equations hold against loops; both losses matter; it learns and resumes exactly."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from torch.nn.functional import cross_entropy, grid_sample, mse_loss

from ferbench.errors import ConfigError
from ferbench.options import parse_options
from ferbench.testing import Rehearsal
from ferbench.train import Batch, Context, Normalise, Setup, Task, TestBatch, TrainingSet, feature_map
from ferbench.train.loop import seed_everything
from ferbench.train.task import ImageRows
from ferbench_eac.method import EAC, MirroredViews, attention_maps, consistency_loss
from ferbench_eac.options import EACOptions
from ferbench_eac.plugin import ferbench_methods

CLASSES = ("anger", "fear", "joy")
COUNT, SIDE = 120, 64


def striped(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return noisy images whose class is the width of their stripes, brighter to the left."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, COUNT)
    rows, columns = np.arange(SIDE)[None, :, None, None], np.arange(SIDE)[None, None, :, None]
    waves = 50 * np.sign(np.sin(2 * np.pi * (rows + 0.5) / (4 * 2.0 ** labels[:, None, None, None])))
    pixels = 150 + waves - columns + rng.normal(0, 20, (COUNT, SIDE, SIDE, 3))
    return pixels.clip(0, 255).astype(np.uint8), labels.astype(np.int64)


def built(options: Mapping[str, object] | None = None) -> EAC:
    quick = {"backbone": "resnet-tiny", "epochs": 3, "batch_size": 20, "lr": 5e-3}
    seed_everything(0)
    task = Task(CLASSES, (SIDE, SIDE, 3), COUNT, (COUNT, 0, 0))
    return EAC(Setup(task, EACOptions.model_validate({**quick, **(options or {})})))


def training() -> TrainingSet:
    images, labels = striped(0)
    return TrainingSet(ImageRows(images, np.arange(COUNT)), labels)


def context_of(method: EAC) -> Context:
    return Context(Accelerator(cpu=True), training(), method, lambda _size, _positions: iter(()), epoch=1)


def a_batch() -> Batch:
    generator = torch.Generator().manual_seed(0)
    views = tuple(torch.randn(8, 3, SIDE, SIDE, generator=generator) for _ in range(2))
    return Batch(views, torch.arange(8) % 3, torch.arange(8))


def made_of(options: Mapping[str, object], images: np.ndarray, seed: int = 0) -> tuple[torch.Tensor, ...]:
    transform = MirroredViews(Normalise(), EACOptions.model_validate(options))
    return transform(images, {}, np.random.default_rng(seed)).images


def test_maps_against_loops() -> None:
    rng = np.random.default_rng(0)
    features, weights = rng.normal(size=(2, 5, 3, 4)), rng.normal(size=(6, 5))
    found = attention_maps(torch.from_numpy(features), torch.from_numpy(weights))
    assert found.shape == (2, 6, 3, 4)
    for b, k, h, w in np.ndindex(2, 6, 3, 4):
        assert found[b, k, h, w].item() == pytest.approx(sum(features[b, d, h, w] * weights[k, d] for d in range(5)))


def test_the_mean_of_a_map_is_the_logit_without_bias() -> None:
    method = built().eval()
    with torch.no_grad():
        maps = attention_maps(feature_map(method.backbone, a_batch().images), method.head.weight)
        logits = method.predict(TestBatch(a_batch().views)).logits
    assert maps.shape == (8, 3, 2, 2)
    assert torch.allclose(maps.mean(dim=(2, 3)) + method.head.bias, logits, atol=1e-5)


def test_consistency_against_loops_and_against_resampling() -> None:
    generator = torch.Generator().manual_seed(0)
    first, second = (torch.randn(2, 3, 4, 5, generator=generator, dtype=torch.float64) for _ in range(2))
    found = consistency_loss(first, second).item()
    squares = [float(first[b, k, h, w] - second[b, k, h, 4 - w]) ** 2 for b, k, h, w in np.ndindex(2, 3, 4, 5)]
    assert found == pytest.approx(np.mean(squares))
    across, down = torch.linspace(1, -1, 5), torch.linspace(-1, 1, 4)  # as the authors flip: by a sampling grid
    grid = torch.stack([across.expand(4, 5), down[:, None].expand(4, 5)], dim=2).expand(2, 4, 5, 2).double()
    assert found == pytest.approx(mse_loss(first, grid_sample(second, grid, align_corners=True)).item())
    assert consistency_loss(first, first.flip(3)).item() == 0


def test_the_loss_is_the_sum_of_both_terms() -> None:
    method, batch = built({"consistency": 2.5}), a_batch()
    loss = method.step(batch, context_of(method)).item()
    maps = [
        torch.einsum("kd,bdhw->bkhw", method.head.weight, feature_map(method.backbone, view)) for view in batch.views
    ]
    logits = maps[0].mean(dim=(2, 3)) + method.head.bias
    difference = (maps[0] - torch.flip(maps[1], [-1])).square().mean()
    assert difference > 1e-4
    assert loss == pytest.approx((cross_entropy(logits, batch.labels) + 2.5 * difference).item(), rel=1e-4)


def test_consistency_trains_the_features_and_not_the_classifier() -> None:
    gradients = []
    for weight in (0.0, 5.0):
        method = built({"consistency": weight})
        method.step(a_batch(), context_of(method)).backward()
        gradients.append((method.head.weight.grad, method.backbone.conv1[0].weight.grad))
    assert torch.allclose(gradients[0][0], gradients[1][0], atol=1e-6)
    assert not torch.allclose(gradients[0][1], gradients[1][1], atol=1e-4)


def test_without_noise_and_erasing_the_second_view_is_the_mirror_image() -> None:
    images = striped(0)[0][:6]
    first, second = made_of({"noise": 0.0, "erase_probability": 0.0}, images)
    assert torch.equal(first, Normalise().tensor(images))
    assert torch.equal(second, first.flip(3))


@pytest.mark.parametrize("erasing", ["shared", "independent"])
def test_erasing(erasing: str) -> None:
    images = np.full((200, 20, 20, 3), 255, np.uint8)
    first, second = made_of({"noise": 0.0, "erasing": erasing}, images)
    for view in (first, second):
        share = (view == 0).float().mean(dim=(1, 2, 3))
        assert 70 < (share > 0).sum() < 130
        assert share[share > 0].min() > 0.01
        assert share.max() < 0.28  # a quarter, sides rounded
    alike = (first == second.flip(3)).all(dim=(1, 2, 3))
    assert alike.all() if erasing == "shared" else 20 < alike.sum() < 90  # a quarter has neither view erased


def test_noise_on_half_of_the_first_views() -> None:
    images = np.full((400, 8, 8, 3), 128, np.uint8)
    first, second = made_of({"erase_probability": 0.0}, images)
    plain = Normalise().tensor(images)
    assert torch.equal(second, plain)
    noisy = (first != plain).any(dim=1).any(dim=1).any(dim=1)
    assert 150 < noisy.sum() < 250
    assert ((first - plain)[noisy] * 0.25 * 255).std().item() == pytest.approx(30**0.5, rel=0.05)


def test_a_shift_moves_both_views_alike() -> None:
    images = striped(0)[0][:6]
    first, second = made_of({"noise": 0.0, "erase_probability": 0.0, "shift": 5}, images)
    assert torch.equal(second, first.flip(3))
    assert not torch.equal(first, Normalise().tensor(images))


def test_the_generator_alone_decides() -> None:
    images = striped(0)[0][:6]
    for one, other, third in zip(made_of({}, images), made_of({}, images), made_of({}, images, seed=1), strict=True):
        assert torch.equal(one, other)
        assert not torch.equal(one, third)


def measured(method: EAC) -> tuple[float, float]:
    """Return the accuracy on new images and the consistency loss of their maps."""
    images, labels = striped(1)
    pixels = method.normalise().tensor(images)
    method.eval()
    with torch.no_grad():
        logits = method.predict(TestBatch((pixels,))).logits
        maps = [
            attention_maps(feature_map(method.backbone, view), method.head.weight) for view in (pixels, pixels.flip(3))
        ]
    return float((logits.argmax(dim=1).numpy() == labels).mean()), consistency_loss(*maps).item()


def test_it_learns_and_the_consistency_makes_maps_agree() -> None:
    free, bound = built({"consistency": 0.0}), built({"consistency": 5.0})
    for method in (free, bound):
        Rehearsal().rehearse(method, training())
    accuracy, difference = measured(bound)
    assert accuracy > 0.7  # chance is a third
    assert difference < 0.5 * measured(free)[1]


def test_a_resumed_cell_goes_on_exactly() -> None:
    whole, cut, resumed = (built({"shift": 2}) for _ in range(3))
    Rehearsal().rehearse(whole, training())
    rehearsal = Rehearsal()
    rehearsal.rehearse(cut, training(), stop_after=2)
    assert len(rehearsal.saved) == 2
    assert not torch.equal(cut.head.weight, whole.head.weight)
    Rehearsal().rehearse(resumed, training(), saved=rehearsal.saved[-1])
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name


@pytest.mark.parametrize("backbone", ["resnet-small", "resnet18"])
def test_resnets_have_maps(backbone: str) -> None:
    assert feature_map(built({"backbone": backbone}).backbone, a_batch().images).ndim == 4


def test_a_backbone_without_maps_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"mean of its last feature map.*mobilenetv3_small_050"):
        built({"backbone": "mobilenetv3_small_050"})  # it has a layer between the pooling and the embedding


def test_maps_one_place_wide_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"two places wide.*1 × 1 from images of 32 × 32"):
        built({"input_size": 32})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"consistency": -1.0}, "paper uses 5.0"),
        ({"erase_area": [0.3, 0.2]}, "smallest, largest"),
        ({"erase_area": [0.0, 0.2]}, "erase_probability = 0"),
        ({"erasing": "both"}, "'independent' or 'shared'"),
        ({"lam": 5}, "unknown option 'lam'"),
    ],
)
def test_wrong_options_are_refused(options: Mapping[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_options(EACOptions, options, "a test")


def test_inputs_are_resized_on_request() -> None:
    transforms = built({"input_size": 96}).transforms()
    images = striped(0)[0][:4]
    made = transforms.train(images, {}, np.random.default_rng(0)).images
    assert [view.shape for view in made] == [(4, 3, 96, 96)] * 2
    assert transforms.test(images, {}, np.random.default_rng(0)).images[0].shape == (4, 3, 96, 96)


def test_the_entry_names_the_method() -> None:
    (entry,) = ferbench_methods()
    assert entry.factory == f"{EAC.__module__}:{EAC.__name__}"
    assert entry.config is EACOptions
