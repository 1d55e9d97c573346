"""EAC: Zhang, Wang, Ling, Deng: Learn From All: Erasing Attention Consistency for Noisy Label FER, ECCV 2022.

Only the image is classified, but its mirror image must be seen alike: the class activation maps of both agree once one
of them is flipped back. With parts erased, a network that remembers a wrong label by one detail cannot satisfy this.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, mse_loss

from ferbench.errors import ConfigError
from ferbench.train import (
    Batch,
    Context,
    Epochs,
    Erasing,
    FlipShift,
    Method,
    Normalisation,
    Optim,
    Output,
    Resized,
    Setup,
    Shuffled,
    Stage,
    TestBatch,
    Transforms,
    Views,
    feature_map,
    feature_width,
    naming,
    pretrained_backbone,
)
from ferbench_eac.options import EACOptions


class EAC(Method[EACOptions]):
    """Cross-entropy of the image, consistency of its attention maps with its mirror image's. Weights: `backbone`."""

    def __init__(self, setup: Setup[EACOptions]) -> None:
        super().__init__(setup)
        self.backbone = pretrained_backbone(setup)
        self.head = nn.Linear(feature_width(self.backbone), len(setup.task.classes))
        self._check_maps()

    def stages(self) -> Sequence[Stage]:
        """Return the one stage."""
        options = self.options
        return [Stage("train", self.step, self.optimizers, Epochs(options.epochs), Shuffled(options.batch_size))]

    def optimizers(self) -> Mapping[str, Optim]:
        """Return Adam, whose learning rate falls by a factor after each epoch."""
        options = self.options
        adam = torch.optim.Adam(self.parameters(), lr=options.lr, weight_decay=options.weight_decay, foreach=True)
        return {"main": Optim(adam, torch.optim.lr_scheduler.ExponentialLR(adam, options.decay))}

    def step(self, batch: Batch, context: Context) -> Tensor:
        """Return the cross-entropy of the image plus λ times the consistency of both views."""
        image, mirrored = (feature_map(self.backbone, view) for view in batch.views)
        classification = cross_entropy(self.head(image.mean(dim=(2, 3))), batch.labels)
        weights = self.head.weight.detach()  # the consistency trains the features, not the classifier
        consistency = consistency_loss(attention_maps(image, weights), attention_maps(mirrored, weights))
        context.log("consistency", consistency)
        return classification + self.options.consistency * consistency

    def predict(self, batch: TestBatch) -> Output:
        """Return the logits of the image alone."""
        return Output(self.head(self.backbone(batch.images)))

    def features(self, images: Tensor) -> Mapping[str, Tensor]:
        """Return the pooled features as the expression representation."""
        return {"expression": self.backbone(images)}

    def transforms(self) -> Transforms:
        """Return two views in training, the image alone at test."""
        options = self.options
        normalise: Normalisation = self.normalise()
        if options.input_size is not None:
            normalise = Resized(normalise, options.input_size)
        return Transforms(train=MirroredViews(normalise, options), test=normalise)

    def _check_maps(self) -> None:
        """Refuse a backbone whose embedding is not the mean of its last feature map: it has no class activation map."""
        height, width, channels = self.task.image_shape
        side = self.options.input_size
        shape = (1, channels, side or height, side or width)
        probe = torch.linspace(-1, 1, math.prod(shape)).reshape(shape)
        self.backbone.eval()
        with torch.no_grad():
            pooled = self.backbone(probe)
            with naming("backbone", self.options):
                found = feature_map(self.backbone, probe)
        self.backbone.train()
        if found.shape[1] != pooled.shape[1] or not found.mean(dim=(2, 3)).allclose(pooled, atol=1e-4):
            raise ConfigError(
                expected="a backbone whose embedding is the mean of its last feature map (B, D, H, W)",
                found=f"{self.options.backbone!r}, with a last layer of shape {tuple(found.shape)}",
                where="the option 'backbone' of eac",
                remedy="use a ResNet: resnet18, resnet50, resnet-small",
            )
        if found.shape[3] < 2:
            raise ConfigError(
                expected="feature maps at least two places wide, so that left and right can be told apart",
                found=f"maps of {found.shape[2]} × {found.shape[3]} from images of {shape[2]} × {shape[3]} pixels",
                where=f"the method eac with the backbone {self.options.backbone!r}",
                remedy="set input_size to 64 or more, or prepare larger images",
            )


def attention_maps(features: Tensor, weights: Tensor) -> Tensor:
    """Return the class activation map of every class: (B, D, H, W), (K, D) → (B, K, H, W)."""
    return torch.einsum("bdhw,kd->bkhw", features, weights)


def consistency_loss(maps: Tensor, mirrored: Tensor) -> Tensor:
    """Return the mean squared error between the maps of the image and the flipped maps of its mirror image.

    Args:
        maps: (B, K, H, W).
        mirrored: (B, K, H, W).

    Returns:
        A scalar, the mean over samples, classes and places.
    """
    return mse_loss(maps, mirrored.flip(3))


@dataclass(frozen=True)
class MirroredViews:
    """The image, perhaps with noise, and its mirror image, both with a part erased.

    The first view keeps its orientation, so columns stay valid (but for a shift).

    Attributes:
        normalise: after noise, before erasing.
        options: erasing, noise, shift.
    """

    normalise: Normalisation
    options: EACOptions

    def __call__(
        self, images: npt.NDArray[np.uint8], columns: Mapping[str, npt.NDArray[np.generic]], rng: np.random.Generator
    ) -> Views:
        """Return two views of a batch; the second is mirrored."""
        noisy = self._with_noise(images, rng)
        if self.options.shift > 0:
            offsets_seed = int(rng.integers(2**63))  # both views move alike, and so do the columns
            shifted = FlipShift(self.normalise, flip=0.0, shift=self.options.shift)
            first = shifted(noisy, columns, np.random.default_rng(offsets_seed))
            second = shifted(images, columns, np.random.default_rng(offsets_seed))
            (image,), (plain,), columns = first.images, second.images, first.columns
        else:
            image, plain = self.normalise.tensor(noisy), self.normalise.tensor(images)
        erase = Erasing(self.options.erase_probability, self.options.erase_area)
        erase(image, rng)
        if self.options.erasing == "shared":
            return Views((image, image.flip(3)), columns)
        erase(plain, rng)
        return Views((image, plain.flip(3)), columns)

    def _with_noise(self, images: npt.NDArray[np.uint8], rng: np.random.Generator) -> npt.NDArray[np.uint8]:
        if self.options.noise == 0:
            return images
        chosen = rng.random(len(images)) < 0.5
        changed = images.copy()
        disturbed = images[chosen] + rng.normal(0, self.options.noise, images[chosen].shape)
        changed[chosen] = disturbed.clip(0, 255).astype(np.uint8)
        return changed
