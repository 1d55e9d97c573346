"""One cell of the harness against a hand-written PyTorch loop with the same network, data, epochs and evaluations."""

from __future__ import annotations

import statistics
import time

import numpy as np
import torch
from torch import nn
from toy_store import cell_spec, make_store

from ferbench.data.store import Store
from ferbench.plugins import discover
from ferbench.run.cell import Services, run_training
from ferbench.run.division import divide
from ferbench.train.backbones import build_backbone

EPOCHS, BATCH, LR, SHIFT, PAIRS = 4, 32, 1e-2, 3, 5


def hand_written(images: np.ndarray, labels: np.ndarray, parts: dict[str, np.ndarray]) -> float:
    """Train and evaluate as a researcher's script would, on arrays in memory; returns the test accuracy."""
    torch.manual_seed(0)
    backbone = build_backbone("resnet-small", 3)
    network = nn.Sequential(backbone, nn.Linear(backbone.num_features, 7)).to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(network.parameters(), lr=LR, weight_decay=0.05, foreach=True)
    train = parts["train"]
    steps = EPOCHS * -(-len(train) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LR, total_steps=steps + 1)
    rng = np.random.default_rng(0)
    accuracy = 0.0

    def tensor(pixels: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(pixels).permute(0, 3, 1, 2).float().sub_(127.5).mul_(1 / 63.75)

    for _ in range(EPOCHS):
        network.train()
        order = rng.permutation(train)
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH]
            loss = nn.functional.cross_entropy(
                network(tensor(augmented(images[rows], rng))), torch.from_numpy(labels[rows]), label_smoothing=0.1
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            loss.item()
        network.eval()
        with torch.no_grad():
            for rows in (parts["validation"], parts["test"]):
                guesses = [network(tensor(images[rows[i : i + 256]])).argmax(1) for i in range(0, len(rows), 256)]
                accuracy = float((torch.cat(guesses).numpy() == labels[rows]).mean())
    return accuracy


def augmented(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Flip and shift each image at random."""
    side = pixels.shape[1]
    padded = np.pad(pixels, ((0, 0), (SHIFT, SHIFT), (SHIFT, SHIFT), (0, 0)), mode="edge")
    moved = np.empty_like(pixels)
    for i, (y, x) in enumerate(rng.integers(0, 2 * SHIFT + 1, size=(len(pixels), 2))):
        window = padded[i, y : y + side, x : x + side]
        moved[i] = window[:, ::-1] if rng.random() < 0.5 else window
    return moved


def main() -> None:
    """Time both in turn and print the median ratio."""
    torch.set_num_threads(1)
    registry = discover()
    data = make_store(1750, 48)
    options = {"backbone": "resnet-small", "epochs": EPOCHS, "batch_size": BATCH, "lr": LR, "shift": SHIFT}
    options |= {"schedule": "one-cycle", "weight_decay": 0.05, "label_smoothing": 0.1}
    spec = cell_spec(registry, data, **options)
    store = Store.open(data)
    fold = divide(spec, store, store, registry)
    parts = {"train": fold.train, "validation": fold.validation, "test": fold.test}
    images, labels = np.array(store.images), store.column("label").astype(np.int64)
    services = Services(registry)
    hand_written(images, labels, parts)  # warm both up
    run_training(spec, services)
    ratios, ours, theirs = [], [], []
    for _ in range(PAIRS):
        begun = time.perf_counter()
        hand_written(images, labels, parts)
        middle = time.perf_counter()
        run_training(spec, services)
        theirs.append(middle - begun)
        ours.append(time.perf_counter() - middle)
        ratios.append(ours[-1] / theirs[-1])
    print(f"hand-written loop: {statistics.median(theirs):.2f} s; cell: {statistics.median(ours):.2f} s")
    print(f"ratio, median of {PAIRS} pairs: {statistics.median(ratios):.3f} ({min(ratios):.3f} – {max(ratios):.3f})")


if __name__ == "__main__":
    main()
