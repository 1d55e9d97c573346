"""A replica of MNIST: drawn digits in four idx files."""

from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from ferbench.data.replica import ReplicaSite
from ferbench_controlled.idx import idx_bytes
from ferbench_controlled.mnist_files import DIGITS, IMAGES, LABELS, SIDE


def drawn_digit(digit: int, random: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Return a digit as the replica shows it: (28, 28), light on black, of any place, size, stroke and ink."""
    import cv2

    canvas = np.zeros((4 * SIDE, 4 * SIDE), dtype=np.uint8)
    x, y = (int(value) for value in random.integers((16, 72), (46, 96)))
    size, stroke, ink = float(random.uniform(2.2, 2.8)), int(random.integers(6, 13)), int(random.integers(180, 256))
    font = cv2.FONT_HERSHEY_SIMPLEX if random.random() < 0.5 else cv2.FONT_HERSHEY_DUPLEX
    cv2.putText(canvas, str(digit), (x, y), font, size, ink, stroke, cv2.LINE_AA)
    return np.asarray(cv2.resize(canvas, (SIDE, SIDE), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def write(site: ReplicaSite) -> Mapping[str, int]:
    """Write a replica: for each digit as many training images as there are to be subjects, and a third for testing."""
    random = np.random.default_rng(site.seed)
    counts: Counter[str] = Counter()
    for part, each in {"train": site.subjects, "test": max(1, site.subjects // 3)}.items():
        labels = random.permutation(np.repeat(np.arange(len(DIGITS), dtype=np.uint8), each))
        images = np.stack([drawn_digit(int(label), random) for label in labels])
        (site.folder / IMAGES[part]).write_bytes(idx_bytes(images))
        # Both forms are about: the labels are compressed here, and bear no date.
        (site.folder / f"{LABELS[part]}.gz").write_bytes(gzip.compress(idx_bytes(labels), mtime=0))
        counts.update(f"{part}/{DIGITS[label]}" for label in labels)
    return counts
