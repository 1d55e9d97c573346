"""How high the eyes and the mouth stand in a prepared face: what `region` must hold to show them.

    python plugins/ferbench-dml-net/benchmarks/eye_region.py --subjects 4

Shares of the height from above, of the centre between the eyes and of that between the corners of the mouth, as MTCNN's
points have them: over rendered people at seven yaws under `crop = "box"`, which the tables use, and in the template of
aligned faces.
"""
# ruff: noqa: INP001 (a script, not a package)

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np

from ferbench import Site
from ferbench.data.preprocess import TEMPLATE, NoFace
from ferbench.poses import pose_classes
from ferbench_mtcnn.detector import Mtcnn
from ferbench_mtcnn.options import MtcnnOptions
from ferbench_synthfaces.options import StudioOptions
from ferbench_synthfaces.source import Studio

YAWS = (-90.0, -60.0, -30.0, 0.0, 30.0, 60.0, 90.0)


def heights(points: np.ndarray, height: float) -> tuple[float, float]:
    """Return where eyes and mouth stand, as shares of the height."""
    return float(points[:2, 1].mean() / height), float(points[3:, 1].mean() / height)


def main() -> None:
    """Render, prepare, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--subjects", type=int, default=4)
    chosen = parser.parse_args()
    source = Studio(StudioOptions(subjects=chosen.subjects, yaws=YAWS, resolution=224))
    prepare = Mtcnn(MtcnnOptions(size=224, crop="box"))
    found: dict[float, list[tuple[float, float]]] = {yaw: [] for yaw in YAWS}
    images = 0
    with tempfile.TemporaryDirectory() as cache:
        for row in source.load(Site(Path(cache))):
            images += 1
            made = prepare(np.asarray(row["image"].convert("RGB")), None, None)
            if not isinstance(made, NoFace) and made.landmarks is not None:
                (step,) = pose_classes(np.asarray([row["pose"]]), YAWS)
                found[YAWS[step]].append(heights(np.asarray(made.landmarks), made.image.shape[0]))
    every = np.asarray([pair for pairs in found.values() for pair in pairs])
    print(f"{len(every)} faces found in {images} images of {chosen.subjects} people")
    for name, place in (("eyes", 0), ("mouth", 1)):
        means = [f"{np.mean([pair[place] for pair in found[yaw]]):.1%}" if found[yaw] else "none" for yaw in YAWS]
        spread = np.percentile(every[:, place], [5, 95])
        print(f"box, {name}: {every[:, place].mean():.1%} (5 to 95 %: {spread[0]:.1%} to {spread[1]:.1%})")
        print("  by yaw: " + ", ".join(f"{yaw:g}° {mean}" for yaw, mean in zip(YAWS, means, strict=True)))
    eyes, mouth = heights(np.asarray(TEMPLATE), 1.0)
    print(f"aligned template: eyes {eyes:.1%}, mouth {mouth:.1%}")


if __name__ == "__main__":
    main()
