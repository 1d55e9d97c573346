"""SFEW 2.0: stills of films, an image a file, the class its folder.

The challenge's labels of the third part, `Test`, were never released: it is not read. As papers do, `Val` is the test
part of the official division; whoever tunes on it has no other. The aligned faces that the release offers besides,
in further archives, are not read, even where they lie inside `Train` and `Val`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping

from ferbench import DatasetCard, DatasetEntry
from ferbench.data.files import FileOptions, FileSource, Index, Kind, Sample
from ferbench.data.findings import Finding
from ferbench.data.replica import ReplicaSite
from ferbench_fer_datasets.faces import save, widened
from ferbench_fer_datasets.notes import is_picture, note
from ferbench_fer_datasets.wild import scaled, shoot

FOLDERS = {
    "Angry": "anger",
    "Disgust": "disgust",
    "Fear": "fear",
    "Happy": "happiness",
    "Neutral": "neutral",
    "Sad": "sadness",
    "Surprise": "surprise",
}
CLASSES = tuple(FOLDERS.values())
PARTS = {"Train": "train", "Val": "test"}
ALIGNED = {"Train": "Train_Aligned_Faces", "Val": "Val_Aligned_Faces_new"}
"""Folders of aligned faces, where their archives were unpacked in place; there are others that begin like these."""

TRAIN = 958
TEST = (77, 23, 47, 73, 86, 73, 57)
"""Images of each class in Val. Of Train only the sum is known for certain."""

LAYOUT = """
sfew/
├── Train/{Angry,Disgust,Fear,Happy,Neutral,Sad,Surprise}/<film>_<time>_<frame>.png    958 images
├── Val/{Angry,Disgust,Fear,Happy,Neutral,Sad,Surprise}/<film>_<time>_<frame>.png      436 images: the test part
├── {Train,Val}/{Train,Val}_Aligned_Faces…/                                            not read: aligned faces
└── Test/                                                                              unlabelled: not read
"""

_NAME = re.compile(r"(?P<film>.+)_\d+_\d+\.\w+")


class Sfew(FileSource[FileOptions]):
    """SFEW 2.0: 958 training and 436 validation images of 7 classes (Dhall et al., 2011 and EmotiW 2015)."""

    name = "sfew"
    classes = CLASSES

    def kinds(self) -> Mapping[str, Kind]:
        """Return the columns; `film` is the first part of a file's name, empty where the name has another form."""
        return {"split": str, "film": str}

    def official(self) -> Mapping[str, int]:
        """Return the size of the training part, and of each class of the test part."""
        return {"train": TRAIN} | {f"test/{label}": count for label, count in zip(CLASSES, TEST, strict=True)}

    def read(self) -> Index:
        """Read the names of folders and files."""
        index = Index()
        strange: list[str] = []
        for file in sorted(self.files):
            top, _, below = file.partition("/")
            folder, _, name = below.partition("/")
            if top not in PARTS or folder.startswith(f"{top}_Aligned_Faces") or not is_picture(file):
                continue
            if folder not in FOLDERS or "/" in name:
                strange.append(file)
                continue
            part, label = PARTS[top], FOLDERS[folder]
            film = _NAME.fullmatch(name)
            columns = {"split": part} | ({"film": film["film"]} if film else {})
            index.samples.append(Sample(file, file, label, columns))
            index.count("train" if part == "train" else f"test/{label}")
        tops = {file.partition("/")[0] for file in self.files}
        index.findings += [
            Finding("structure", f"the folder {top} with a folder for each class", "no such folder", top)
            for top in PARTS
            if top not in tops
        ]
        note(index, "structure", f"Train and Val with images in {', '.join(FOLDERS)}, and nowhere else", strange, ".")
        return index


def write(site: ReplicaSite) -> Mapping[str, int]:
    """Write a replica, wide as films are, aligned faces beside, and two images of a test part without labels."""
    counts: Counter[str] = Counter()
    train = {label: 8 + place for place, label in enumerate(CLASSES)}
    folders = {label: folder for folder, label in FOLDERS.items()}
    for role, face in shoot(site, "sfew", {"train": train, "test": scaled(CLASSES, TEST, 0.08)}, size=120):
        top = "Train" if role.part == "train" else "Val"
        image = widened(face, 180, 144).image
        # The films' names have underscores now and then.
        file = f"Film_{role.person:02d}_{role.number:06d}440_{role.number:08d}.png"
        save(site.folder / f"{top}/{folders[role.label]}/{file}", image)
        if role.number <= 2:
            aligned = f"{top}/{ALIGNED[top]}/{folders[role.label]}/{file}"
            save(site.folder / aligned, face.image)
        if top == "Val" and role.number <= 2:
            save(site.folder / f"Test/{role.number}.png", face.image)
        counts["train" if role.part == "train" else f"test/{role.label}"] += 1
    return counts


ENTRIES = [
    DatasetEntry(
        name="sfew",
        factory="ferbench_fer_datasets.sfew:Sfew",
        options=FileOptions,
        replica="ferbench_fer_datasets.sfew:write",
        summary="SFEW 2.0: 7 classes in stills of films; its validation set is the test part",
        card=DatasetCard(
            title="Static Facial Expressions in the Wild 2.0",
            classes=CLASSES,
            attributes=("split", "film"),
            counts=(("train", TRAIN), ("test", sum(TEST))),
            layout=LAYOUT,
            licence="non-commercial research, on application; not to be passed on",
            homepage="https://cs.anu.edu.au/few/",
            citation="Dhall, Goecke, Lucey & Gedeon, Static facial expression analysis in tough conditions, ICCV "
            "workshops 2011; Dhall et al., Video and image based emotion recognition challenges in the wild: EmotiW "
            "2015, ICMI 2015",
            notes="the official test set is unlabelled; as papers do, the validation set is the test part, and what "
            "epochs are chosen on is carved from the training part",
        ),
    )
]
