"""One epoch of Ada-DF here against the same epoch done as the authors' loop does it.

Theirs: images are augmented as PIL images one by one and collated; after the training pass both branches pass over the
augmented training set once more, for the class distributions. Here: arrays and whole batches, and in the second pass
the auxiliary branch alone. The same network, images, batches, optimiser; one thread. Neither decodes image files.

    uv run python plugins/ferbench-ada-df/benchmarks/authors_loop.py --backbone resnet18 --side 48 --images 256
"""

# ruff: noqa: INP001 (a script, not a package)

from __future__ import annotations

import argparse
import copy
import statistics
import time
import warnings
from collections.abc import Iterator

import numpy as np
import torch
from accelerate import Accelerator
from PIL import Image
from timm.data.auto_augment import rand_augment_transform
from torch import Tensor, nn
from torch.nn.functional import kl_div
from torchvision import transforms

from ferbench.train import Setup, Task, TrainingSet, build_backbone, feature_width
from ferbench.train.loop import Hooks, Trainer
from ferbench.train.task import ImageRows
from ferbench_ada_df.equations import threshold_rows
from ferbench_ada_df.method import AdaDF
from ferbench_ada_df.options import AdaDFOptions

CLASSES, BATCH, THRESHOLD, W_MIN = 7, 64, 0.7, 0.2
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Theirs(nn.Module):
    """Stem and two branches, both always computed, attention on the logits."""

    def __init__(self, name: str) -> None:
        super().__init__()
        parts = list(build_backbone(name).children())[:-1]  # the last is an empty head
        width = feature_width(build_backbone(name))
        self.stem = nn.Sequential(*parts[:5]).requires_grad_(False)
        self.bodies = nn.ModuleList([nn.Sequential(*parts[5:]), copy.deepcopy(nn.Sequential(*parts[5:]))])
        self.heads = nn.ModuleList([nn.Linear(width, CLASSES) for _ in range(2)])
        self.attentions = nn.ModuleList([nn.Sequential(nn.Linear(width, 1), nn.Sigmoid()) for _ in range(2)])

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return both logits and the mean attention."""
        maps = self.stem(images)
        features = [body(maps) for body in self.bodies]
        weights = [attention(one) for attention, one in zip(self.attentions, features, strict=True)]
        first, second = (w * head(f) for w, head, f in zip(weights, self.heads, features, strict=True))
        return first, second, (weights[0] + weights[1]).squeeze(1) / 2


def pil_batches(images: np.ndarray, labels: np.ndarray, side: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield an epoch of whole batches, each image through a PIL pipeline of its own."""
    settings = {"translate_const": 117, "img_mean": (124, 116, 104)}
    pipeline = transforms.Compose(
        [
            transforms.Resize((side, side)),
            rand_augment_transform("rand-m5-n3-mstd0.5", settings),
            transforms.RandomHorizontalFlip(),
            transforms.ToTensor(),
            transforms.Normalize(MEAN, STD),
            transforms.RandomErasing(scale=(0.02, 0.25)),
        ]
    )
    order = np.random.permutation(len(labels))
    for start in range(0, len(order) - BATCH + 1, BATCH):
        rows = order[start : start + BATCH]
        yield torch.stack([pipeline(Image.fromarray(images[row])) for row in rows]), torch.from_numpy(labels[rows])


class AuthorsLoop:
    """Training pass and class-distribution pass, as the authors' script does them."""

    def __init__(self, images: np.ndarray, labels: np.ndarray, backbone: str, side: int) -> None:
        self.images, self.labels, self.side = images, labels, side
        self.network = Theirs(backbone)
        trained = [parameter for parameter in self.network.parameters() if parameter.requires_grad]
        self.adam = torch.optim.Adam(trained, lr=1e-3)
        self.rows = threshold_rows(CLASSES, THRESHOLD)

    def epoch(self) -> None:
        """Train one epoch and mine the class distributions."""
        self.network.train()
        for images, labels in pil_batches(self.images, self.labels, self.side):
            first, second, weights = self.network(images)
            high = int(BATCH * 0.7)
            gap = weights.topk(high).values.mean() - weights.topk(BATCH - high, largest=False).values.mean()
            scaled = (weights - weights.min()) / (weights.max() - weights.min()) * (1 - W_MIN) + W_MIN
            goal = (1 - scaled[:, None]) * first.softmax(1) + scaled[:, None] * self.rows[labels]
            divergence = kl_div(second.log_softmax(1), goal, reduction="sum") / BATCH
            loss = nn.functional.cross_entropy(first, labels) + divergence + (0.07 - gap).clamp_min(0)
            self.adam.zero_grad()
            loss.backward()
            self.adam.step()
            loss.item()
        self.network.eval()
        said, given = [], []
        with torch.no_grad():
            for images, labels in pil_batches(self.images, self.labels, self.side):
                first, _, _ = self.network(images)
                nn.functional.cross_entropy(first, labels).item()
                said.append(first.softmax(1))
                given.append(labels)
        shares, labels = torch.cat(said), torch.cat(given)
        self.rows = torch.stack([shares[labels == label].mean(0) for label in range(CLASSES)])


def ours(images: np.ndarray, labels: np.ndarray, backbone: str, side: int, epochs: int) -> Trainer:
    """Return a trainer of the plugin's method."""
    task = Task(tuple("abcdefg"), images.shape[1:], len(labels), tuple(np.bincount(labels).tolist()))
    options = AdaDFOptions(backbone=backbone, input_size=side, epochs=epochs, mode="official")
    method = AdaDF(Setup(task, options)).to(memory_format=torch.channels_last)
    training = TrainingSet(ImageRows(images, np.arange(len(labels))), labels)
    hooks = Hooks(lambda _epoch: None, lambda _state: None, lambda _share, _images: None)
    return Trainer(method, training, Accelerator(cpu=True), 0, hooks)


def main() -> None:
    """Time both in turn and print the median ratio."""
    parser = argparse.ArgumentParser(description="One epoch here against the authors' loop.")
    parser.add_argument("--backbone", default="resnet18")
    parser.add_argument("--side", type=int, default=48, help="of the network's input, pixels")
    parser.add_argument("--images", type=int, default=256)
    parser.add_argument("--pairs", type=int, default=3)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore", category=UserWarning)
    rng = np.random.default_rng(0)
    labels = np.arange(chosen.images) % CLASSES
    images = rng.integers(0, 256, (chosen.images, chosen.side, chosen.side, 3), dtype=np.uint8)
    loop = AuthorsLoop(images, labels, chosen.backbone, chosen.side)
    loop.epoch()  # warm both up
    ours(images, labels, chosen.backbone, chosen.side, 1).run()
    ratios, here, there = [], [], []
    for _ in range(chosen.pairs):
        begun = time.perf_counter()
        loop.epoch()
        there.append(time.perf_counter() - begun)
        trainer = ours(images, labels, chosen.backbone, chosen.side, 1)
        begun = time.perf_counter()
        trainer.run()
        here.append(time.perf_counter() - begun)
        ratios.append(there[-1] / here[-1])
    print(f"{chosen.backbone}, {chosen.side} px, {chosen.images} images, one thread, median of {chosen.pairs} pairs")
    print(f"authors' loop {statistics.median(there):.2f} s, here {statistics.median(here):.2f} s an epoch")
    print(
        f"the authors' loop takes {statistics.median(ratios):.2f} times as long ({min(ratios):.2f} – {max(ratios):.2f})"
    )


if __name__ == "__main__":
    main()
