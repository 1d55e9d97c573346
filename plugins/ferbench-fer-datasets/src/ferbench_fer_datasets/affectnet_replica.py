"""Replicas of AffectNet: of seven classes in the older release's layout, of eight in the newer one's."""

from __future__ import annotations

import hashlib
import io
from collections import Counter
from collections.abc import Mapping

import numpy as np

from ferbench.data.replica import ReplicaSite
from ferbench_fer_datasets.affectnet import CODES, HEADER, IMAGES, LACKING, LEFT_OUT, LISTS, NO_RATING, SETS, TRAIN
from ferbench_fer_datasets.faces import save, widened
from ferbench_fer_datasets.marks68 import sixty_eight
from ferbench_fer_datasets.wild import Parts, put, scaled, shoot, whole_box

ALL = (*CODES, *LEFT_OUT)
VALENCE = (0.0, 0.8, -0.7, 0.2, -0.3, -0.6, -0.5, -0.4)
AROUSAL = (0.0, 0.1, -0.3, 0.8, 0.8, 0.4, 0.6, 0.5)
"""Of each class; what a person of the replica is rated lies around it."""


def _parts() -> Parts:
    train = scaled(CODES, TRAIN, 0.00012)
    test = {label: 3 + (place in (1, 4)) for place, label in enumerate(CODES)}
    few = dict.fromkeys(LEFT_OUT, 2)
    return {"train": train | few, "test": test | few}


def _rating(random: np.random.Generator, label: str) -> tuple[float, float]:
    if label in LEFT_OUT:
        return NO_RATING, NO_RATING
    place = CODES.index(label)
    near = [float(np.clip(centre + random.normal(0, 0.1), -1, 1)) for centre in (VALENCE[place], AROUSAL[place])]
    return round(near[0], 6), round(near[1], 6)


def write_lists(site: ReplicaSite) -> Mapping[str, int]:
    """Write the older layout: photographs with a box, two lists, that of the test part without a header.

    As the release's, the list of the training part names an image that is not there and one that is empty. Counted are
    the images of the test part, of which alone the release's numbers are known.
    """
    counts: Counter[str] = Counter()
    random = np.random.default_rng([site.seed, 13])
    lists = {part: [",".join(HEADER)] if part == "train" else [] for part in LISTS.values()}
    for role, drawn in shoot(site, "affectnet-7", _parts(), size=96):
        face = widened(drawn, 150, 120)
        name = hashlib.sha256(f"{role.part} {role.number}".encode()).hexdigest()
        file = f"{100 + role.number % 3}/{name}.{'JPG' if role.number % 7 == 0 else 'jpg'}"
        save(site.folder / (IMAGES[0] + file), face.image)
        left, top, right, bottom = whole_box(face)
        marks = ";".join(f"{value:.2f}" for value in sixty_eight(face).ravel())
        rating = _rating(random, role.label)
        values = [file, left, top, right - left, bottom - top, marks, ALL.index(role.label), *rating]
        lists[role.part].append(",".join(map(str, values)))
        counts.update([f"test/{role.label}"] if role.part == "test" and role.label in CODES[:7] else [])
    for file in LACKING:
        values = [file, *["NULL"] * 5, CODES.index("happiness"), NO_RATING, NO_RATING]
        lists["train"].append(",".join(map(str, values)))
    _, empty = LACKING
    put(site.folder, IMAGES[0] + empty, b"")
    # The release's folder of images holds some that no list names.
    save(site.folder / f"{IMAGES[0]}100/{'0' * 64}.jpg", np.full((50, 70, 3), 90, np.uint8))
    for file, part in LISTS.items():
        put(site.folder, file, "".join(f"{line}\n" for line in lists[part]).encode())
    return counts


def write_folders(site: ReplicaSite) -> Mapping[str, int]:
    """Write the newer layout: square crops, four files of annotations each; numbers as texts but for the points."""
    counts: Counter[str] = Counter()
    random = np.random.default_rng([site.seed, 17])
    folders = {part: folder for folder, part in SETS.items()}
    for role, face in shoot(site, "affectnet-8", _parts(), size=112):
        folder, stem = folders[role.part], str(7 * role.number)  # numbers with gaps, as in the release
        save(site.folder / f"{folder}/images/{stem}.jpg", face.image)
        valence, arousal = _rating(random, role.label)
        annotations = {
            "exp": np.asarray(str(ALL.index(role.label))),
            "val": np.asarray(str(valence)),
            "aro": np.asarray(str(arousal)),
            "lnd": sixty_eight(face).ravel(),
        }
        for kind, array in annotations.items():
            stream = io.BytesIO()
            np.save(stream, array, allow_pickle=False)
            put(site.folder, f"{folder}/annotations/{stem}_{kind}.npy", stream.getvalue())
        counts.update([f"{role.part}/{role.label}"] if role.label in CODES else [])
    return counts
