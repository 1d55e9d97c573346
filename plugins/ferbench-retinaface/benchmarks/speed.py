"""How long `retinaface` takes for an image, by its size: with random weights, which cost what trained ones do.

`python plugins/ferbench-retinaface/benchmarks/speed.py`
"""
# ruff: noqa: INP001 (a script, not a package)

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from ferbench_retinaface.detector import RetinaFace
from ferbench_retinaface.network import build_network
from ferbench_retinaface.options import RetinaFaceOptions


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[96, 128, 224, 480])
    parser.add_argument("--images", type=int, default=10)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        torch.save(build_network().state_dict(), Path(folder) / "random.pth")
        # No face is sure enough: what many random faces would cost after the network is not counted.
        tool = RetinaFace(RetinaFaceOptions(min_confidence=1.0), {"detector": Path(folder) / "random.pth"})
    print(f"load {os.getloadavg()[0]:.1f}")
    for size in chosen.sizes:
        image = np.random.default_rng(0).integers(0, 256, (size, size, 3), dtype=np.uint8)
        tool.faces(image)
        begun = time.process_time()
        for _ in range(chosen.images):
            tool.faces(image)
        print(f"{size} px: {(time.process_time() - begun) / chosen.images * 1e3:.0f} ms of processor time an image")


if __name__ == "__main__":
    main()
