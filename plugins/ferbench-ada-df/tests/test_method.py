"""The method under the harness's loop: what is trained, what is not, what is mined, kept and predicted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from ada_df_toys import Toys
from torch import Tensor

from ferbench.train import Batch, Context, TestBatch
from ferbench.train.loop import Trainer
from ferbench.train.prediction import predict
from ferbench_ada_df.equations import divergence, fused, normalised, ramps, threshold_rows
from ferbench_ada_df.method import AdaDF
from ferbench_ada_df.single_label import SingleLabel


def batch_of(views: int = 1, count: int = 10) -> Batch:
    generator = torch.Generator().manual_seed(0)
    images = tuple(torch.rand(count, 3, 32, 32, generator=generator) for _ in range(views))
    return Batch(images, torch.arange(count) % 7, torch.arange(count))


def context_of(method: AdaDF, toys: Toys, epoch: int = 1) -> Context:
    context = Context(Accelerator(cpu=True), toys.training(), method, lambda _size, _positions: iter(()))
    context.stage, context.epoch = "train", epoch
    return context


def logits_of(method: Any, images: Tensor) -> Tensor:
    method.eval()
    with torch.no_grad():
        made: Tensor = method.predict(TestBatch((images,))).logits
    return made


def test_the_loss_is_the_sum_of_equation_14(toys: Toys) -> None:
    method = toys.build(batch_size=10, beta=5, threshold=0.6, margin=0.9)
    batch, context = batch_of(), context_of(method, toys, epoch=2)
    method.eval()  # so that a second pass gives the same
    loss = method.step(batch, context)
    maps = method.stem(batch.images)
    auxiliary, target = method.auxiliary(maps), method.target(maps)
    average = (auxiliary.weights + target.weights) / 2
    ranked = average.sort(descending=True).values
    ranking = max(0.0, 0.9 - (ranked[:7].mean() - ranked[7:].mean()).item())
    single = torch.nn.functional.cross_entropy(auxiliary.logits, batch.labels)
    rows = threshold_rows(7, 0.6)[batch.labels]
    goal = fused(auxiliary.logits.softmax(dim=1), rows, normalised(average, 0.2))
    kl = (goal * (goal.log() - target.logits.log_softmax(dim=1))).sum(dim=1).mean()
    first, second = ramps(2, 5)
    assert ranking > 0
    assert loss.item() == pytest.approx((ranking + first * single + second * kl).item(), rel=1e-5)
    assert context.logs["auxiliary"] == pytest.approx([single.item()])
    assert context.logs["target"] == pytest.approx([kl.item()], rel=1e-4)
    assert context.logs["ranking"] == pytest.approx([ranking], rel=1e-5)


@pytest.mark.parametrize("distributions", ["class", "label", "fused"])
def test_the_target_branch_learns_from_what_the_option_says(toys: Toys, distributions: str) -> None:
    method = toys.build(batch_size=10, distributions=distributions).eval()
    batch, context = batch_of(), context_of(method, toys)
    method.step(batch, context)
    maps = method.stem(batch.images)
    label, rows = method.auxiliary(maps).logits.softmax(dim=1), method.class_distributions[batch.labels]
    average = (method.auxiliary(maps).weights + method.target(maps).weights) / 2
    goal = {"class": rows, "label": label, "fused": fused(label, rows, normalised(average, 0.2))}[distributions]
    expected = divergence(goal, method.target(maps).logits) / 10
    assert context.logs["target"] == pytest.approx([expected.item()], rel=1e-4)


@pytest.mark.parametrize(
    ("fusion_gradient", "label", "attention"), [("all", True, True), ("labels", True, False), ("none", False, False)]
)
def test_the_divergence_trains_through_its_goal_what_the_option_says(
    toys: Toys, fusion_gradient: str, label: bool, attention: bool
) -> None:
    method = toys.build(batch_size=10, fusion_gradient=fusion_gradient)
    maps = method.stem(batch_of().images)
    auxiliary, target = method.auxiliary(maps), method.target(maps)
    weights = normalised(auxiliary.weights, 0.2)
    distribution = auxiliary.logits.softmax(dim=1)
    for part in (weights, distribution):
        part.retain_grad()
    divergence(method._goal(distribution, batch_of().labels, weights), target.logits).backward()
    assert (distribution.grad is not None) == label
    assert (weights.grad is not None) == attention
    reached = [part for part in (distribution, weights) if part.grad is not None]
    assert all(part.grad.abs().sum() > 0 for part in reached)
    assert target.logits.requires_grad
    assert method.target.head.weight.grad.abs().sum() > 0


def test_the_stem_is_frozen_but_its_statistics_move(toys: Toys) -> None:
    method = toys.build()
    before = {name: value.clone() for name, value in method.stem.state_dict().items()}
    target = method.target.head.weight.clone()
    toys.train(method)
    after = method.stem.state_dict()
    parameters = dict(method.stem.named_parameters())
    assert all(torch.equal(before[name], after[name]) for name in parameters)
    moved = [name for name in before if "running" in name]
    assert moved
    assert all(not torch.equal(before[name], after[name]) for name in moved)
    assert not torch.equal(target, method.target.head.weight)


def test_the_stem_trains_on_request(toys: Toys) -> None:
    method = toys.build(freeze_stem=False)
    before = {name: value.clone() for name, value in method.stem.named_parameters()}
    toys.train(method)
    assert all(not torch.equal(value, dict(method.stem.named_parameters())[name]) for name, value in before.items())


def test_the_target_branch_alone_predicts(toys: Toys) -> None:
    method, images = toys.build(), torch.rand(5, 3, 32, 32)
    before = logits_of(method, images)
    with torch.no_grad():
        for parameter in method.auxiliary.parameters():
            parameter.add_(torch.randn_like(parameter))
    assert torch.equal(logits_of(method, images), before)
    with torch.no_grad():
        method.target.head.bias.add_(1)
    assert not torch.equal(logits_of(method, images), before)


def test_label_distributions_of_test_images_are_given_on_request(toys: Toys) -> None:
    images = torch.rand(5, 3, 32, 32)
    assert toys.build().eval().predict(TestBatch((images,))).extras == {}
    method = toys.build(label_distributions=True).eval()
    made = method.predict(TestBatch((images, images.flip(3))))
    label = made.extras["label_distribution"]
    assert label.sum(dim=1).tolist() == pytest.approx([1] * 5, abs=1e-5)
    both = [method.auxiliary(method.stem(view)).logits.softmax(dim=1) for view in (images, images.flip(3))]
    assert torch.allclose(label, sum(both) / 2)


def mined_by_hand(method: AdaDF, toys: Toys) -> Tensor:
    """Return the means of the auxiliary branch's label distributions by class, one image after the other."""
    training = toys.training()
    transform = method.transforms().test
    sums: dict[int, list[Tensor]] = {}
    method.eval()
    with torch.no_grad():
        for position, label in enumerate(training.labels.tolist()):
            (view,) = transform(training.images.take(np.asarray([position])), {}, np.random.default_rng(0)).images
            sums.setdefault(label, []).append(method.auxiliary(method.stem(view)).logits.softmax(dim=1)[0])
    return torch.stack([torch.stack(sums[label]).mean(dim=0) for label in range(7)])


def test_class_distributions_are_the_means_of_label_distributions(toys: Toys) -> None:
    method = toys.build(epochs=4, class_images="plain", threshold=0.15, lr=3e-3)
    assert torch.equal(method.class_distributions, threshold_rows(7, 0.15))
    trainer = toys.train(method)
    means = mined_by_hand(method, toys)
    strong = means.diagonal() >= 0.15
    assert strong.any()
    expected = torch.where(strong[:, None], means, threshold_rows(7, 0.15))
    assert torch.allclose(method.class_distributions, expected, atol=1e-5)
    assert np.allclose(trainer.context.kept["class_distributions"], expected.numpy(), atol=1e-5)
    assert method.class_distributions.sum(dim=1).tolist() == pytest.approx([1] * 7, abs=1e-5)


def test_weak_class_distributions_fall_back_to_each_modes_rows(toys: Toys) -> None:
    paper, official = toys.build(epochs=1, threshold=0.9), toys.build(epochs=1, threshold=0.9, mode="official")
    assert torch.equal(official.class_distributions, threshold_rows(7, 0.9))  # the first epoch's are right in both
    for method in (paper, official):
        toys.train(method)
    assert torch.equal(paper.class_distributions, threshold_rows(7, 0.9))
    assert torch.equal(official.class_distributions, threshold_rows(7, 0.9, 0.4))
    assert official.class_distributions.sum(dim=1).tolist() == pytest.approx([1.3] * 7)


def test_class_distributions_are_mined_from_augmented_images_by_default(toys: Toys) -> None:
    rows = {}
    for images in ("augmented", "plain"):
        method = toys.build(epochs=1, class_images=images, threshold=0.145, augment="rand")
        toys.train(method)
        rows[images] = method.class_distributions
    assert not torch.allclose(rows["augmented"], rows["plain"])


def test_each_training_sample_leaves_its_attention_and_its_label_distribution(toys: Toys) -> None:
    trainer = toys.train(toys.build(epochs=3))
    found = trainer.context.diagnostics
    assert set(found) == {"attention", "fusion_weight", "label_distribution"}
    assert set(found["label_distribution"]) == set(range(64))  # the pass over the training set leaves out nobody
    assert all(sum(shares) == pytest.approx(1, abs=1e-4) for shares in found["label_distribution"].values())
    assert all(0 < value[0] < 1 for value in found["attention"].values())
    assert all(0.2 - 1e-6 <= value[0] <= 1 + 1e-6 for value in found["fusion_weight"].values())


def test_a_downsampled_epoch_mines_as_many_images_of_each_class(toys: Toys) -> None:
    trainer = toys.train(toys.build(epochs=1, sampling="downsampled"))
    seen = np.asarray(sorted(trainer.context.diagnostics["label_distribution"]))
    assert np.bincount(toys.training().labels[seen]).tolist() == [9] * 7  # 64 images of 7 classes: 9 or 10 of each


def attention_of(trainer: Trainer) -> list[float]:
    return [value[0] for _, value in sorted(trainer.context.diagnostics["attention"].items())]


@pytest.mark.parametrize("options", [{}, {"augment": "rand", "sampling": "downsampled"}, {"crops": 10}], ids=str)
def test_a_resumed_cell_goes_on_exactly(toys: Toys, options: dict[str, object]) -> None:
    whole = toys.build(epochs=3, **options)
    expected = toys.train(whole)
    toys.train(toys.build(epochs=3, **options), stop_after=1)
    (saved,) = toys.saved
    resumed = toys.build(epochs=3, **options)
    trainer = toys.train(resumed, saved=saved)
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name
    assert trainer.position.history == expected.position.history
    assert attention_of(trainer) == attention_of(expected)


def test_ten_crops_train_and_predict_as_the_mean_of_views(toys: Toys) -> None:
    method = toys.build(crops=10)
    transforms, training = method.transforms(), toys.training()
    views = transforms.test(training.images.take(np.arange(3)), {}, np.random.default_rng(0)).images
    assert len(views) == 10
    method.eval()
    with torch.no_grad():
        each = torch.stack([method.predict(TestBatch((view,))).logits for view in views])
        assert torch.allclose(method.predict(TestBatch(views)).logits, each.mean(dim=0), atol=1e-6)
    trainer = toys.train(method)
    assert set(trainer.context.diagnostics["attention"]) == set(range(64))


def test_ten_crops_weigh_ten_times_as_much_in_the_authors_divergence(toys: Toys) -> None:
    """The sum over 100 crops is divided by 10 images there, and by 100 crops here."""
    logs = {}
    for mode in ("paper", "official"):
        method = toys.build(batch_size=10, mode=mode, crops=10).eval()
        with torch.no_grad():  # without a bias the modes' attention does the same
            for branch in (method.auxiliary, method.target):
                branch.head.bias.zero_()
        context = context_of(method, toys)
        method.step(batch_of(views=10), context)
        logs[mode] = context.logs
    assert logs["official"]["target"][0] == pytest.approx(10 * logs["paper"]["target"][0], rel=1e-4)
    assert logs["official"]["auxiliary"] == pytest.approx(logs["paper"]["auxiliary"], rel=1e-5)


def test_ten_crops_are_ranked_in_groups_of_each_modes_size(toys: Toys) -> None:
    attention = torch.linspace(0.1, 0.9, 100)
    paper, official = (toys.build(batch_size=10, crops=10, mode=mode, margin=1.0) for mode in ("paper", "official"))
    gap = {
        "paper": attention[30:].mean() - attention[:30].mean(),
        "official": attention[93:].mean() - attention[:3].mean(),
    }
    assert paper._ranking(attention, 10).item() == pytest.approx(1 - gap["paper"].item(), abs=1e-6)
    assert official._ranking(attention, 10).item() == pytest.approx(1 - gap["official"].item(), abs=1e-6)


@pytest.mark.parametrize("mode", ["paper", "official"])
def test_it_learns(toys: Toys, mode: str) -> None:
    training = toys.training(112)
    method = toys.build(training=training, epochs=12, lr=5e-3, threshold=0.5, mode=mode)
    trainer = toys.train(method, training)
    images = toys.training(140).images
    made, _ = predict(method, images, {}, method.transforms().test, Accelerator(cpu=True))
    assert (made.argmax(axis=1) == toys.training(140).labels).mean() > 0.6  # chance is a seventh
    assert trainer.position.history[-1]["auxiliary"] < 0.5 * trainer.position.history[0]["auxiliary"]


def test_the_single_label_baseline_learns_with_one_branch(toys: Toys) -> None:
    training = toys.training(112)
    method = toys.build(SingleLabel, training=training, epochs=12, lr=5e-3)
    toys.train(method, training)
    images = toys.training(140).images
    made, _ = predict(method, images, {}, method.transforms().test, Accelerator(cpu=True))
    assert (made.argmax(axis=1) == toys.training(140).labels).mean() > 0.6
    branches = sum(parameter.numel() for parameter in toys.build().parameters())
    assert sum(parameter.numel() for parameter in method.parameters()) < 0.6 * branches
    assert method.features(torch.rand(2, 3, 32, 32))["expression"].shape == (2, 64)


def test_features_are_the_target_branchs(toys: Toys) -> None:
    method, images = toys.build().eval(), torch.rand(2, 3, 32, 32)
    expected = method.target.body(method.stem(images))
    assert torch.equal(method.features(images)["expression"], expected)


def test_grey_images_train(toys: Toys) -> None:
    training = toys.training(channels=1)
    method = toys.build(training=training, augment="rand")
    toys.train(method, training)
    assert len(method.normalise().mean) == 1
