"""DML-Net as a method: what each loss trains, the schedule, the average that predicts, and that it learns."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize

from ferbench.errors import ConfigError, WeightsError
from ferbench.train import Batch, Output, Setup, Task, TestBatch, TrainingSet
from ferbench.weights import LoadedWeights
from ferbench_dml_net.average import MovingAverage
from ferbench_dml_net.method import DMLNet
from ferbench_dml_net.options import DMLNetOptions


def trained_parts(method: DMLNet, loss: Tensor) -> set[str]:
    """Return the parts of the network that a loss has a gradient for."""
    method.zero_grad(set_to_none=True)
    loss.backward(retain_graph=True)
    return {
        name.split(".")[0]
        for name, value in method.network.named_parameters()
        if value.grad is not None and bool((value.grad != 0).any())
    }


def test_the_joint_loss_is_equation_7_written_out(toys: Any) -> None:
    method, batch = toys.build(), toys.batch()
    context = toys.context(method, "together")
    method.eval()  # batch norm would move between the two passes
    found = method.together(batch, context)
    seen = method.network(batch.images.flatten(0, 1))
    labels, yaws, people = batch.labels.flatten(), batch.columns["pose"].flatten(), batch.columns["subject"].flatten()
    points, poses = normalize(seen.embeddings), torch.tensor([[-45.0, 0, 45].index(yaw) for yaw in yaws.tolist()])
    triplet = torch.zeros(())
    for kinds in (poses, people):
        for i in range(0, 15, 5):
            apart = (points[i] - points).square().sum(dim=1)
            positive = [apart[j] for j in range(15) if labels[j] == labels[i] and kinds[j] != kinds[i]]
            negative = [apart[j] for j in range(15) if labels[j] != labels[i] and kinds[j] == kinds[i]]
            triplet = triplet + (0.2 + torch.stack(positive).max() - torch.stack(negative).min()).clamp(min=0)
    assert seen.pose is not None
    total = cross_entropy(seen.expression, labels) + cross_entropy(seen.pose, poses) + triplet
    assert found.item() == pytest.approx(2 / 3 * total.item(), rel=1e-5)


def test_every_anchor_of_a_batch_has_both_kinds_of_both_triplets(toys: Any) -> None:
    batch: Batch = toys.batch()
    for i in range(3):
        (e, p, s) = (values[i].tolist() for values in (batch.labels, batch.columns["pose"], batch.columns["subject"]))
        assert e[1] == e[0] == e[3]
        assert e[2] != e[0] != e[4]
        assert p[1] != p[0] == p[2]
        assert s[3] != s[0] == s[4]


def test_turns_train_the_expression_and_the_embedding_and_let_the_pose_head_rest(toys: Any) -> None:
    method, batch = toys.build(), toys.batch()
    context = toys.context(method, "turns")
    assert trained_parts(method, method.alternate(batch, context)) == {"features", "embedding", "expression"}
    context.step = 1
    assert trained_parts(method, method.alternate(batch, context)) == {"features", "embedding"}
    context = toys.context(method, "together")
    assert trained_parts(method, method.together(batch, context)) == {"features", "embedding", "expression", "pose"}


def test_both_triplet_losses_count(toys: Any) -> None:
    batch = toys.batch()
    losses = {kind: toys.build(triplets=kind).eval()._losses(batch)["triplet"] for kind in ("pose", "identity", "both")}
    assert losses["both"].item() == pytest.approx((losses["pose"] + losses["identity"]).item(), rel=1e-5)
    assert losses["pose"].item() > 0
    assert losses["identity"].item() > 0


def test_anchors_are_summed_or_averaged(toys: Any) -> None:
    batch = toys.batch()
    summed, mean = (toys.build(anchors=kind).eval()._losses(batch)["triplet"] for kind in ("sum", "mean"))
    assert summed.item() == pytest.approx(3 * mean.item(), rel=1e-5)


def test_without_triplets_there_is_no_embedding_and_no_turn(toys: Any) -> None:
    method = toys.build(triplets="none", pose_head=False)
    assert [stage.name for stage in method.stages()] == ["together"]
    assert method.tasks == ("expression",)
    assert isinstance(method.network.embedding, torch.nn.Identity)
    assert set(method.predict(TestBatch((torch.randn(2, 1, 24, 24),))).extras) == set()


def test_the_channels_see_their_parts(toys: Any) -> None:
    features = toys.build(region=1 / 3).eval().network.features
    seen: dict[str, Tensor] = {}
    for name in ("face", "eyes", "mouth"):
        getattr(features, name).register_forward_pre_hook(lambda _, given, name=name: seen.update({name: given[0]}))
    images = torch.randn(2, 1, 24, 24)
    fused = features(images)
    assert torch.equal(seen["face"], images)
    assert torch.equal(seen["eyes"], images[:, :, :8])
    assert torch.equal(seen["mouth"], images[:, :, 16:])
    local = torch.relu(features.local(torch.cat([features.eyes(seen["eyes"]), features.mouth(seen["mouth"])], dim=1)))
    assert torch.equal(fused, torch.relu(features.fused(torch.cat([features.face(images), local], dim=1))))


def test_initial_weights_are_those_of_table_1(toys: Any) -> None:
    network = toys.build(fusion_width=256, embedding_width=256, head_width=256).network
    for layer in (network.features.local, network.features.fused, network.embedding, network.expression.layer):
        assert layer.weight.std().item() == pytest.approx(0.04, rel=0.05)
    scaled = toys.build(fusion_width=256, embedding_width=64, initial="fan-in").network
    assert scaled.embedding.weight.std().item() == pytest.approx((2 / 256) ** 0.5, rel=0.05)
    for head in (network.expression, network.pose):
        assert head.classifier.weight.std().item() == pytest.approx(1 / 512, rel=0.1)


def predicted(method: DMLNet, toys: Any) -> tuple[Output, TrainingSet]:
    """Return what a method says of new images of the same people."""
    new = toys.training(noise=1)
    images = method.transforms().test(new.images.take(new.images.rows), {}, None).images[0]
    with torch.no_grad():
        return method.eval().predict(TestBatch((images,))), new


def test_training_lowers_the_loss_and_beats_chance_on_new_images(toys: Any) -> None:
    method = toys.build(epochs=6)
    history = [row for row in toys.train(method).position.history if row["stage"] == "together"]
    assert history[-1]["expression"] < 0.6 * history[0]["expression"]
    assert history[-1]["triplet"] < 0.6 * history[0]["triplet"]
    output, new = predicted(method, toys)
    right = output.logits.argmax(dim=1) == torch.from_numpy(new.labels)
    assert right.float().mean().item() > 0.75


def test_the_pose_head_tells_the_yaw_of_new_images(toys: Any) -> None:
    method = toys.build(triplets="none", epochs=6)
    toys.train(method)
    output, new = predicted(method, toys)
    yaws = output.extras["pose_yaws"].gather(1, output.extras["pose_probabilities"].argmax(dim=1, keepdim=True))
    assert (yaws[:, 0] == torch.from_numpy(new.columns["pose"])).float().mean().item() > 0.75


@pytest.mark.parametrize("stand", ["embedding", "fused"])
def test_the_pose_head_stands_where_it_is_told(toys: Any, stand: str) -> None:
    network = toys.build(pose_input=stand, embedding_width=8).eval().network
    images = torch.randn(2, 1, 24, 24)
    features = network.features(images)
    assert torch.equal(
        network(images).pose, network.pose(network.embedding(features) if stand == "embedding" else features)
    )


def scatter(method: DMLNet, toys: Any) -> float:
    """Return how far apart a class is across poses and people, as a share of how far apart classes are."""
    new = toys.training(noise=1)
    images = method.transforms().test(new.images.take(new.images.rows), {}, None).images[0]
    with torch.no_grad():
        points = normalize(method.eval().features(images)["expression"])
    labels = torch.from_numpy(new.labels)
    apart, alike = torch.cdist(points, points), labels[:, None] == labels
    return float(apart[alike].mean() / apart[~alike].mean())


def test_triplets_draw_a_class_together_across_poses_and_people(toys: Any) -> None:
    found = {}
    for triplets in ("both", "none"):
        method = toys.build(triplets=triplets, epochs=6, alternate_epochs=0, dynamic_weights=False)
        toys.train(method)
        found[triplets] = scatter(method, toys)
    assert found["both"] < 0.8 * found["none"]


def test_dynamic_weights_move_and_are_kept(toys: Any) -> None:
    method = toys.build(epochs=1, tuples=2, alternate_epochs=0)
    trainer = toys.train(method)
    weights = [[row[f"weight_{task}"] for task in method.tasks] for row in trainer.position.history]
    assert all(sum(row) == pytest.approx(2.0, abs=1e-4) for row in weights)
    assert weights[-1] != pytest.approx([2 / 3] * 3, abs=1e-3)
    curves = torch.tensor(trainer.context.kept["loss_curves"])
    assert curves.shape[1] == 3
    assert len(curves) == trainer.context.step
    fixed = toys.build(dynamic_weights=False)
    batch, context = toys.batch(), toys.context(fixed, "together")
    fixed.eval()
    assert fixed.together(batch, context).item() == pytest.approx(sum(fixed._losses(batch).values()).item(), rel=1e-5)


def test_the_average_predicts_and_forgets_its_start(toys: Any) -> None:
    method = toys.build(ema=0.99)
    start = method.network.expression.layer.weight.detach().clone()
    toys.train(method)
    assert method.averaged is not None
    average, own = method.averaged.network.expression.layer.weight, method.network.expression.layer.weight
    assert not torch.equal(average, own)
    assert (average - own).norm().item() < (start - own).norm().item()
    images = torch.randn(4, 1, 24, 24)
    method.eval()
    assert torch.equal(method.predict(TestBatch((images,))).logits, method.averaged.network(images).expression)
    plain = toys.build(ema=0.0).eval()
    assert plain.averaged is None
    assert torch.equal(plain.predict(TestBatch((images,))).logits, plain.network(images).expression)


def test_the_average_is_the_one_written_out_and_no_parameter(toys: Any) -> None:
    method = toys.build(ema=0.5)
    network, average = method.network, MovingAverage(method.network, 0.5)
    expected = network.expression.classifier.weight.detach().clone()
    for update in range(12):
        with torch.no_grad():
            network.expression.classifier.weight.add_(1.0)
            network.features.face.bn1.running_mean.add_(1.0)
        kept = min(0.5, (1 + update) / (10 + update))
        expected = kept * expected + (1 - kept) * network.expression.classifier.weight.detach()
        average.update(network)
    assert torch.allclose(average.network.expression.classifier.weight, expected)
    assert torch.equal(average.network.features.face.bn1.running_mean, network.features.face.bn1.running_mean)
    assert list(average.parameters()) == []
    counted = sum(value.numel() for value in method.parameters())
    assert counted == sum(value.numel() for value in network.parameters()), "the cost table counts a network once"


def test_a_stopped_training_goes_on_exactly(toys: Any) -> None:
    whole = toys.build()
    toys.train(whole)
    toys.train(toys.build(), stop_after=2)
    assert len(toys.saved) == 2
    resumed = toys.build()
    toys.train(resumed, saved=toys.saved[-1])
    for (name, value), other in zip(whole.state_dict().items(), resumed.state_dict().values(), strict=True):
        assert torch.equal(value.nan_to_num(), other.nan_to_num()), name


def test_weights_go_into_every_channel(toys: Any) -> None:
    source = toys.build(channels="face").network.features.face
    weights = LoadedWeights("people", source.state_dict(), "0" * 64)
    features = toys.build(weights={"backbone": weights}).network.features
    for backbone in (features.face, features.eyes, features.mouth):
        assert torch.equal(backbone.state_dict()["conv1.0.weight"], source.state_dict()["conv1.0.weight"])
    with pytest.raises(WeightsError, match=r"for the option backbone \(the paper uses resnet50\)"):
        toys.build(weights={"backbone": weights}, backbone="resnet-small")


def test_a_trained_network_is_taken_over_but_for_its_softmax_layers(toys: Any) -> None:
    before = toys.build()
    toys.train(before)
    weights = LoadedWeights("multi", before.state_dict(), "0" * 64)
    after = toys.build(weights={"network": weights}).network
    assert before.averaged is not None
    given, own = before.averaged.network.state_dict(), after.state_dict()
    same = {name for name, value in own.items() if torch.equal(value, given[name])}
    assert {name for name in own if name not in same} >= {"expression.classifier.weight", "pose.classifier.weight"}
    assert "embedding.weight" in same
    assert "features.mouth.conv1.0.weight" in same


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("tuples", 0, "1"),
        ("temperature", 0, "0"),
        ("ema", 1.0, "1"),
        ("yaws", (45.0, 0.0), r"ascending order, each once \(the paper's KDEF: -90, -45, 0, 45, 90\)"),
        ("channels", "two", "'three' or 'face'"),
    ],
)
def test_options_out_of_range_are_refused(name: str, value: object, told: str) -> None:
    with pytest.raises(ValueError, match=told) as raised:
        DMLNetOptions.model_validate({name: value})
    assert name in str(raised.value)


def test_too_little_data_is_refused_before_training(toys: Any) -> None:
    task: Task = toys.task(toys.training())
    few = Task(task.classes, task.image_shape, 4, (4, 0, 0), task.columns)
    with pytest.raises(ConfigError, match=r"at least 5 training images of at least 2 classes.*the paper\s+uses 3"):
        DMLNet(Setup(few, DMLNetOptions(backbone="resnet-tiny", input_size=None)))
    with pytest.raises(ConfigError, match=r"the paper uses resnet50"):
        toys.build(backbone="resnet-fifty")
