"""DML-Net: Dynamic Multi-channel Metric Network for Joint Pose-aware and Identity-invariant FER (Liu et al.).

Equation numbers are the paper's. There is no public code of the authors; the README lists what the paper leaves open.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize

from ferbench.poses import pose_classes
from ferbench.train import Batch, Context, Output, TestBatch
from ferbench.train.tuples import ANCHOR
from ferbench_dml_net.equations import hardest, squared_distances, triplet_loss
from ferbench_dml_net.networks import Seen
from ferbench_dml_net.recipe import CURVES, TrainingRecipe


class DMLNet(TrainingRecipe):
    """Expression and pose from fused channels, in an embedding where neither pose nor person keeps a class apart."""

    def alternate(self, batch: Batch, context: Context) -> Tensor:
        """Return the expression's loss and the triplets', by turns: the pose head rests."""
        losses = self._losses(batch)
        name = "triplet" if context.step % 2 else "expression"
        context.log(name, losses[name])
        return losses[name]

    def together(self, batch: Batch, context: Context) -> Tensor:
        """Return L = Σ λ_k L_k (eq. 7)."""
        losses = self._losses(batch)
        values = torch.stack([losses[name] for name in self.tasks])
        weights = self.weights() if self.options.dynamic_weights else torch.ones_like(values)
        self.weights.note(values)
        if context.step < CURVES:
            self.curves[context.step] = values.detach()
        for name, value, weight in zip(self.tasks, values, weights, strict=True):
            context.log(name, value)
            context.log(f"weight_{name}", weight)
        return (weights * values).sum()

    def _losses(self, batch: Batch) -> dict[str, Tensor]:
        seen: Seen = self.network(batch.images.flatten(0, 1))
        labels, yaws = batch.labels.flatten(), batch.columns["pose"].flatten()
        poses = torch.from_numpy(pose_classes(yaws.cpu().numpy(), self.options.yaws)).to(labels.device)
        losses = {"expression": cross_entropy(seen.expression, labels)}
        if seen.pose is not None:
            losses["pose"] = cross_entropy(seen.pose, poses)
        if self.options.triplets != "none":
            subjects = batch.columns["subject"].flatten()
            losses["triplet"] = self._triplets(seen.embeddings.float(), labels, poses, subjects)
        return losses

    def _triplets(self, embeddings: Tensor, labels: Tensor, poses: Tensor, subjects: Tensor) -> Tensor:
        """Return L^pose + L^id (eq. 4 to 6): anchors of the tuples, hardest among all images of the batch.

        Args:
            embeddings: (5 · tuples, E).
            labels: (5 · tuples,) of each image; so are poses and subjects.
            poses: their places among the pose classes.
            subjects: their codes.
        """
        options = self.options
        if options.normalise_embedding:
            embeddings = normalize(embeddings)
        distances = squared_distances(embeddings)[ANCHOR::5]
        alike = labels[ANCHOR::5, None] == labels
        total = distances.new_zeros(())
        for name, kinds, margin in (
            ("pose", poses, options.margin_pose),
            ("identity", subjects, options.margin_identity),
        ):
            if options.triplets in {"both", name}:
                same = kinds[ANCHOR::5, None] == kinds
                found = hardest(distances, alike & ~same, ~alike & same)
                total = total + triplet_loss(found, margin, hinge=options.hinge)
        return total / len(distances) if options.anchors == "mean" else total

    def predict(self, batch: TestBatch) -> Output:
        """Return the expression's logits; the probabilities of the pose classes and their centres as extras."""
        seen = self._seen(batch.images)
        if seen.pose is None:
            return Output(seen.expression)
        centres = torch.tensor(self.options.yaws).expand(len(seen.pose), -1)
        return Output(seen.expression, {"pose_probabilities": seen.pose.softmax(dim=1), "pose_yaws": centres})

    def features(self, images: Tensor) -> Mapping[str, Tensor]:
        """Return the embedding as the expression representation, at length 1 where distances are taken so."""
        embeddings = self._seen(images).embeddings
        joined = self.options.triplets != "none" and self.options.normalise_embedding
        return {"expression": normalize(embeddings) if joined else embeddings}

    def _seen(self, images: Tensor) -> Seen:
        network = self.network if self.averaged is None else self.averaged.network
        seen: Seen = network(images)
        return seen
