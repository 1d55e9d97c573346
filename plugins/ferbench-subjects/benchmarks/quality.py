"""How well clusters match people, where the people are known: on rendered faces, as a benchmark would prepare them.

`OMP_NUM_THREADS=1 uv run python plugins/ferbench-subjects/benchmarks/quality.py`: studio (seven expressions at yaws
−45°, 0°, 45°) and wild (any pose, light and quality), aligned by their true landmarks. A pair of images counts as found
when both are in one cluster. With `--crowd N`: time and memory of clustering N random embeddings, and nothing else.
"""
# ruff: noqa: INP001 (a script, not a package)

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
from scipy.spatial.distance import pdist
from sklearn.metrics import adjusted_rand_score, completeness_score, homogeneity_score, roc_auc_score

from ferbench import Site
from ferbench.data.preprocess import Align, AlignOptions, Prepared
from ferbench.datasource import silent_progress
from ferbench_subjects.clusters import clustered
from ferbench_subjects.embeddings import embedded
from ferbench_subjects.network import network_path, version
from ferbench_synthfaces.options import StudioOptions, WildOptions
from ferbench_synthfaces.source import Studio, SynthFaces, Wild

THRESHOLDS = (0.4, 0.5, 0.6)


def prepared(source: SynthFaces, align: Align) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Render and align; return images, landmarks and subjects."""
    images, landmarks, subjects = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        for row in source.load(Site(Path(folder))):
            made = align(np.asarray(row["image"]), np.asarray(row["landmarks"], dtype=np.float32), None)
            assert isinstance(made, Prepared)
            images.append(made.image)
            landmarks.append(made.landmarks)
            subjects.append(row["subject"])
    return np.stack(images), np.stack(landmarks), np.asarray(subjects)


def same(names: np.ndarray) -> np.ndarray:
    """Return for each pair of images whether both have one name."""
    return (names[:, None] == names)[np.triu_indices(len(names), 1)]


def measure(name: str, source: SynthFaces, align: Align) -> None:
    """Print the distances and, for each threshold, the agreement of clusters and people."""
    images, landmarks, subjects = prepared(source, align)
    start = time.process_time()
    embeddings = embedded(network_path(), images, landmarks, np.arange(len(images)), silent_progress)
    each = (time.process_time() - start) / len(images) * 1000
    true, distances = same(subjects), pdist(embeddings)
    print(f"{name}: {len(images)} images, {len(set(subjects))} people, {each:.0f} ms of processor time an image")
    print(
        f"  median distance: same person {np.median(distances[true]):.2f}, others {np.median(distances[~true]):.2f};"
        f" area under the ROC curve {roc_auc_score(true, -distances):.3f}"
    )
    for threshold in THRESHOLDS:
        groups = clustered(embeddings, threshold)
        found = same(groups)
        print(
            f"  threshold {threshold}: {len(set(groups))} clusters;"
            f" homogeneity {homogeneity_score(subjects, groups):.2f},"
            f" completeness {completeness_score(subjects, groups):.2f}; pairs: precision {true[found].mean():.2f},"
            f" recall {found[true].mean():.2f}; adjusted Rand index {adjusted_rand_score(subjects, groups):.2f}"
        )


def crowd(count: int) -> None:
    """Print what it takes to cluster many embeddings."""
    embeddings = np.random.default_rng(0).normal(size=(count, 128)) / 12
    start = time.process_time()
    clustered(embeddings, 0.6)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"{count} embeddings: {time.process_time() - start:.1f} s, peak memory {peak:.1f} GB (Linux)")


def main() -> None:
    """Render, embed, cluster and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=112, help="side of the prepared images")
    parser.add_argument("--margin", type=float, default=0.0, help="of the alignment")
    parser.add_argument("--grey", action="store_true", help="prepare one channel")
    parser.add_argument("--crowd", type=int, metavar="N")
    chosen = parser.parse_args()
    if chosen.crowd:
        crowd(chosen.crowd)
        return
    print(f"{version()}; aligned to {chosen.size} px, margin {chosen.margin}{', grey' if chosen.grey else ''}")
    align = Align(AlignOptions(size=chosen.size, margin=chosen.margin, grey=chosen.grey))
    measure("studio", Studio(StudioOptions(subjects=12, resolution=128, yaws=(-45.0, 0.0, 45.0))), align)
    measure("wild", Wild(WildOptions(subjects=30, images_per_subject=10, resolution=128)), align)


if __name__ == "__main__":
    main()
