"""SCN's equations hold against loops and golden values; it learns, cures labels, and resumes exactly."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
import torch
from accelerate import Accelerator

from ferbench.errors import ConfigError
from ferbench.options import parse_options
from ferbench.testing import Rehearsal
from ferbench.train import Batch, Context, Erasing, Normalise, Setup, Task, TestBatch, TrainingSet
from ferbench.train.loop import seed_everything
from ferbench.train.task import ImageRows
from ferbench_scn.method import KEPT, SCN, FlipOrNoise, importance_groups, rank_loss, relabel
from ferbench_scn.options import SCNOptions
from ferbench_scn.plugin import ferbench_methods

CLASSES = ("anger", "fear", "joy")
COUNT = 120


def striped(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return noisy images whose class is the width of their stripes."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, COUNT)
    rows = np.arange(16)[None, :, None, None]
    waves = 60 * np.sign(np.sin(2 * np.pi * (rows + 0.5) / (4 * 2.0 ** labels[:, None, None, None])))
    pixels = 128 + waves + rng.normal(0, 20, (COUNT, 16, 16, 3))
    return pixels.clip(0, 255).astype(np.uint8), labels.astype(np.int64)


def mislabelled(labels: np.ndarray, rate: float) -> np.ndarray:
    rng = np.random.default_rng(7)
    wrong = rng.random(len(labels)) < rate
    return np.where(wrong, (labels + rng.integers(1, 3, len(labels))) % 3, labels)


def built(options: Mapping[str, object] | None = None, samples: int = COUNT) -> SCN:
    quick = {"backbone": "resnet-tiny", "epochs": 6, "batch_size": 20, "lr": 5e-3, "augment": "none"}
    seed_everything(0)
    task = Task(CLASSES, (16, 16, 3), samples, (samples, 0, 0))
    return SCN(Setup(task, SCNOptions.model_validate({**quick, **(options or {})})))


def training(rate: float = 0.0) -> TrainingSet:
    images, labels = striped(0)
    return TrainingSet(ImageRows(images, np.arange(COUNT)), mislabelled(labels, rate))


def context_of(method: SCN, epoch: int) -> Context:
    return Context(Accelerator(cpu=True), training(), method, lambda _size, _positions: iter(()), epoch=epoch)


def a_batch(size: int = 10) -> Batch:
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(size, 3, 16, 16, generator=generator)
    return Batch((images,), torch.arange(size) % 3, torch.arange(size) + 5)


@pytest.mark.parametrize(
    ("size", "beta", "high"), [(64, 0.7, 44), (10, 0.7, 7), (2, 0.7, 1), (3, 0.1, 1), (4, 0.99, 3)]
)
def test_groups_are_the_highest_and_the_rest(size: int, beta: float, high: int) -> None:
    importance = torch.rand(size, generator=torch.Generator().manual_seed(size))
    first, second = importance_groups(importance, beta)
    assert len(first) == high
    assert sorted([*first.tolist(), *second.tolist()]) == list(range(size))
    assert importance[first].min() > importance[second].max()


def test_rank_loss_by_hand() -> None:
    importance = torch.tensor([0.9, 0.5, 0.6])
    groups = importance_groups(importance, 0.7)  # {0, 2} and {1}
    assert rank_loss(importance, *groups, 0.15).item() == 0  # 0.75 − 0.5 exceeds the margin
    assert rank_loss(importance, *groups, 0.4).item() == pytest.approx(0.15)


def test_rank_loss_pulls_the_groups_apart() -> None:
    importance = torch.tensor([0.52, 0.5, 0.51], requires_grad=True)
    rank_loss(importance, *importance_groups(importance, 0.7), 0.15).backward()
    assert importance.grad.tolist() == pytest.approx([-0.5, 1.0, -0.5])


def test_relabelling_against_a_loop() -> None:
    generator = torch.Generator().manual_seed(1)
    logits, labels = 2 * torch.randn(200, 4, generator=generator), torch.randint(4, (200,), generator=generator)
    who = torch.arange(0, 200, 2)
    expected = []
    for i in range(200):
        powers = [np.exp(float(x)) for x in logits[i]]
        best = int(np.argmax(powers))
        surer = (powers[best] - powers[labels[i]]) / sum(powers) > 0.2
        expected.append(best if surer and i % 2 == 0 else int(labels[i]))
    assert relabel(logits, labels, who, 0.2).tolist() == expected
    assert 0 < sum(a != b for a, b in zip(expected, labels.tolist(), strict=True)) < 100
    assert relabel(logits, labels, who, 1.0).tolist() == labels.tolist()


def test_importance_multiplies_the_logits() -> None:
    method = built().eval()
    with torch.no_grad():
        method.attention.weight.zero_()
        method.attention.bias.fill_(np.log(3))  # σ(ln 3) = 3/4
        output = method.predict(TestBatch(a_batch().views))
        plain = method.head(method.backbone(a_batch().images))
    assert output.extras["importance"].tolist() == pytest.approx([0.75] * 10)
    assert torch.allclose(output.logits, 0.75 * plain)


def surely(method: SCN, label: int) -> None:
    """Make every prediction one class."""
    with torch.no_grad():
        method.head.weight.zero_()
        method.head.bias.copy_(20 * torch.nn.functional.one_hot(torch.tensor(label), 3).float())


@pytest.mark.parametrize(("group", "changed"), [("low", 3), ("all", 10)])
def test_labels_change_from_the_given_epoch_on_and_only_within_the_group(group: str, changed: int) -> None:
    method, batch = built({"relabel_from": 4, "relabel_group": group}), a_batch()
    surely(method, 2)
    batch = Batch(batch.views, torch.zeros(10, dtype=torch.int64), batch.index)
    method.step(batch, context_of(method, 3))
    assert (method.relabelled == KEPT).all()
    before = method.step(batch, context_of(method, 4)).item()
    assert (method.current_labels(batch) == 2).sum() == changed
    assert (method.relabelled != KEPT).sum() == changed
    assert method.step(batch, context_of(method, 3)).item() < before  # the loss meets new labels only at the next visit


def test_a_replaced_label_may_change_again() -> None:
    method, batch = built({"relabel_from": 1, "relabel_group": "all"}), a_batch()
    for label in (2, 1):
        surely(method, label)
        method.step(batch, context_of(method, 1))
        assert (method.current_labels(batch) == label).all()


def test_the_rank_term_counts_by_its_weight() -> None:
    losses = []
    for weight in (0.0, 1.0, 3.0):
        method = built({"rank_weight": weight, "rank_margin": 1.0})
        context = context_of(method, 1)
        losses.append(method.step(a_batch(), context).item())
        rank = context.logs["rank"][0]
    assert rank > 0.5
    assert losses[1] - losses[0] == pytest.approx(rank, rel=1e-4)
    assert losses[2] - losses[0] == pytest.approx(3 * rank, rel=1e-4)


def accuracy(method: SCN) -> float:
    images, labels = striped(1)
    method.eval()
    with torch.no_grad():
        logits = method.predict(TestBatch((method.normalise().tensor(images),))).logits
    return float((logits.argmax(dim=1).numpy() == labels).mean())


@pytest.mark.parametrize("augment", ["published", "light"])
def test_it_learns(augment: str) -> None:
    method = built({"augment": augment})
    Rehearsal().rehearse(method, training())
    assert accuracy(method) > 0.7  # chance is a third


def test_it_cures_wrong_labels() -> None:
    method = built({"relabel_from": 4, "relabel_group": "all", "epochs": 7})
    trainer = Rehearsal().rehearse(method, training(0.25))
    truth = striped(0)[1]
    given = training(0.25).labels
    used = np.asarray([int(trainer.context.diagnostics["used_label"][i][0]) for i in range(COUNT)])
    assert (used == truth).mean() > (given == truth).mean() + 0.1


def test_a_resumed_cell_goes_on_exactly() -> None:
    options = {"relabel_from": 2, "relabel_group": "all", "epochs": 4, "augment": "published"}
    whole, cut, resumed = (built(options) for _ in range(3))
    Rehearsal().rehearse(whole, training(0.25))
    rehearsal = Rehearsal()
    rehearsal.rehearse(cut, training(0.25), stop_after=3)
    assert len(rehearsal.saved) == 3
    assert (cut.relabelled != KEPT).any()  # there is a state to lose
    Rehearsal().rehearse(resumed, training(0.25), saved=rehearsal.saved[-1])
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name


def test_published_augmentation() -> None:
    images = np.random.default_rng(0).integers(60, 200, (400, 12, 12, 3)).astype(np.uint8)
    plain = Normalise().tensor(images)
    transform = FlipOrNoise(Normalise(), erasing=Erasing(0.0))
    made = transform(images, {}, np.random.default_rng(3)).images[0]
    assert torch.equal(made, transform(images, {}, np.random.default_rng(3)).images[0])
    same = (made == plain).all(dim=(1, 2, 3))
    flipped = (made == plain.flip(3)).all(dim=(1, 2, 3))
    assert 150 < same.sum() < 250
    assert 60 < flipped.sum() < 140
    noise = ((made - plain)[~same & ~flipped] * 0.25 * 255).std()
    assert noise.item() == pytest.approx(30**0.5, rel=0.05)


def test_published_erasing() -> None:
    images = np.full((400, 20, 20, 3), 255, np.uint8)
    made = FlipOrNoise(Normalise(), noise=0.0)(images, {}, np.random.default_rng(0)).images[0]
    share = (made == 0).float().mean(dim=(1, 2, 3))
    assert 150 < (share > 0).sum() < 250
    assert share[share > 0].min() > 0.01
    assert share.max() < 0.28  # a quarter, sides rounded


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"beta": 1.0}, "less than 1.*paper uses 0.7"),
        ({"relabel_margin": -0.1}, "paper uses 0.2"),
        ({"relabel_from": 0}, "paper uses 10"),
        ({"relabel_group": "high"}, "'low' or 'all'"),
        ({"margin": 0.2}, "unknown option 'margin'"),
    ],
)
def test_wrong_options_are_refused(options: Mapping[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_options(SCNOptions, options, "a test")


def test_inputs_are_resized_on_request() -> None:
    transforms = built({"input_size": 24, "augment": "published"}).transforms()
    images = striped(0)[0][:4]
    for transform in (transforms.train, transforms.test):
        assert transform(images, {}, np.random.default_rng(0)).images[0].shape == (4, 3, 24, 24)


def test_the_entry_names_the_method() -> None:
    (entry,) = ferbench_methods()
    assert entry.factory == f"{SCN.__module__}:{SCN.__name__}"
    assert entry.config is SCNOptions
