"""CK+, the extended Cohn-Kanade data set: sequences from a neutral face to the peak of a posed expression."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cached_property

from pydantic import Field

from ferbench import DatasetCard, DatasetEntry
from ferbench.data.files import FileSource, Index, Kind, Sample, Value
from ferbench.data.findings import Finding
from ferbench.data.replica import ReplicaSite
from ferbench_fer_datasets.marks68 import five, sixty_eight
from ferbench_fer_datasets.notes import is_picture, note
from ferbench_fer_datasets.sequences import Frames, Neutral, SequenceOptions, frames_needed

IMAGES, EMOTION, LANDMARKS = "cohn-kanade-images", "Emotion", "Landmarks"

CODES = ("neutral", "anger", "contempt", "disgust", "fear", "happiness", "sadness", "surprise")
"""The number in an emotion file is the position; none of the release is labelled 0."""

COUNTS = {"anger": 45, "contempt": 18, "disgust": 59, "fear": 25, "happiness": 69, "sadness": 28, "surprise": 83}
"""Labelled sequences of each class (Lucey et al. 2010)."""

TOTALS = {"sequences": 593, "subjects": 123, "labelled": 327}

LAYOUT = """
ck-plus/
├── cohn-kanade-images/S005/001/S005_001_00000011.png    subject_sequence_frame; frames from 00000001, neutral, to
│                                                        the peak; grey or colour, 640 × 490 or 640 × 480
├── Emotion/S005/001/S005_001_00000011_emotion.txt       "   3.0000000e+00": 1 anger, 2 contempt, 3 disgust, 4 fear,
│                                                        5 happiness, 6 sadness, 7 surprise; most sequences have an
│                                                        empty folder, or none: they are not labelled
└── Landmarks/S005/001/S005_001_00000011_landmarks.txt   68 lines "x y" for each frame; may be left out
"""

_IMAGE = re.compile(rf"{IMAGES}/(S\d{{3}})/(\d{{3}})/(S\d{{3}})_(\d{{3}})_(\d{{8}})\.png")
_EMOTION = re.compile(rf"{EMOTION}/(S\d{{3}})/(\d{{3}})/(S\d{{3}})_(\d{{3}})_\d{{8}}_emotion\.txt")

Key = tuple[str, str]
"""Subject and sequence: `("S005", "001")`."""


class CkPlusOptions(SequenceOptions):
    """Options of CK+.

    Most papers take the last three frames of each labelled sequence as its class (the default), some add the first
    as neutral. DICE-FER takes the first and the last frame, and seven classes, which can only be the six basic
    expressions and neutral: `peak_frames = 1, neutral = "first-frame", contempt = false`. That gives 618 images of
    the release; the paper speaks of 500 and does not say which.

    Attributes:
        contempt: False leaves the 18 sequences of contempt out.
    """

    peak_frames: int = Field(
        default=3, ge=1, le=20, description="how many of the last frames", json_schema_extra={"paper": 1}
    )
    neutral: Neutral = Field(
        default="none",
        description="'first-frame' adds the first frame of each labelled sequence as neutral",
        json_schema_extra={"paper": "first-frame"},
    )
    contempt: bool = Field(default=True, description="keep contempt as a class", json_schema_extra={"paper": False})


class CkPlus(FileSource[CkPlusOptions]):
    """CK+: 593 sequences of 123 subjects, 327 of them labelled (Lucey et al., CVPR workshops 2010)."""

    name = "ck-plus"

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes in the order of the release's codes."""
        dropped = {"neutral"} if self.options.neutral == "none" else set()
        dropped |= set() if self.options.contempt else {"contempt"}
        return tuple(label for label in CODES if label not in dropped)

    def kinds(self) -> Mapping[str, Kind]:
        """Return the subject, and landmarks if the folder is there."""
        return {"subject": str, "landmarks": (5, 2)} if self.has_landmarks else {"subject": str}

    def official(self) -> Mapping[str, int]:
        """Return the release's number of sequences, subjects, labelled sequences, and of those by class."""
        return TOTALS | COUNTS

    @cached_property
    def has_landmarks(self) -> bool:
        """Whether the folder of landmarks is there."""
        return any(file.startswith(f"{LANDMARKS}/") for file in self.files)

    def read(self) -> Index:
        """Read names and emotion files; landmarks only of the frames that the options ask for."""
        index = Index()
        for folder in (IMAGES, EMOTION):
            if not any(file.startswith(f"{folder}/") for file in self.files):
                index.findings.append(Finding("structure", f"the folder {folder}", "no file in it", folder))
        if index.findings:
            return index
        sequences = self._sequences(index)
        labels = self._labels(index)
        note(
            index,
            "annotation",
            "a sequence for every emotion file",
            ["/".join(key) for key in labels if key not in sequences],
            EMOTION,
        )
        self._count(index, sequences, labels)
        self._sample(index, sequences, labels)
        return index

    def _sequences(self, index: Index) -> dict[Key, Frames]:
        sequences: dict[Key, Frames] = {}
        misnamed: list[str] = []
        contradicting: list[str] = []
        for file in sorted(self.files):
            if not (file.startswith(f"{IMAGES}/") and is_picture(file)):
                continue
            match = _IMAGE.fullmatch(file)
            if match is None:
                misnamed.append(file)
            elif match.group(1, 2) != match.group(3, 4):
                contradicting.append(file)
            else:
                sequence = sequences.setdefault((match[1], match[2]), Frames())
                sequence.by_number[int(match[5])] = file
        note(index, "annotation", "names such as S005/001/S005_001_00000011.png", misnamed, IMAGES)
        note(index, "annotation", "images in the folders of their names", contradicting, IMAGES)
        broken = ["/".join(key) for key, frames in sequences.items() if not frames.is_complete(first=1)]
        note(index, "missing-image", "frames numbered from 00000001 on without a gap", broken, IMAGES)
        return sequences

    def _labels(self, index: Index) -> dict[Key, str]:
        by_sequence: dict[Key, list[str]] = {}
        misnamed: list[str] = []
        contradicting: list[str] = []
        for file in sorted(self.files):
            if not (file.startswith(f"{EMOTION}/") and file.endswith(".txt")):
                continue
            match = _EMOTION.fullmatch(file)
            if match is None:
                misnamed.append(file)
            elif match.group(1, 2) != match.group(3, 4):
                contradicting.append(file)
            else:
                by_sequence.setdefault((match[1], match[2]), []).append(file)
        note(index, "annotation", "names such as S005/001/S005_001_00000011_emotion.txt", misnamed, EMOTION)
        note(index, "annotation", "emotion files in the folders of their names", contradicting, EMOTION)
        several = ["/".join(key) for key, files in by_sequence.items() if len(files) > 1]
        note(index, "annotation", "one emotion file in a folder", several, EMOTION)
        index.annotations += [file for files in by_sequence.values() for file in files]
        codes = {key: (files[0], _code(self.text(files[0]) or "")) for key, files in by_sequence.items()}
        wrong = [f"{file}: {code!r}" for file, code in codes.values() if isinstance(code, str)]
        note(index, "annotation", "a code from 1 to 7 such as '   3.0000000e+00'", wrong, EMOTION)
        return {
            key: CODES[code] for key, (_, code) in codes.items() if isinstance(code, int) and len(by_sequence[key]) == 1
        }

    def _count(self, index: Index, sequences: Mapping[Key, Frames], labels: Mapping[Key, str]) -> None:
        index.counts["sequences"] = len(sequences)
        index.counts["subjects"] = len({subject for subject, _ in sequences})
        for key, label in labels.items():
            if key in sequences:
                index.count("labelled", label)

    def _sample(self, index: Index, sequences: Mapping[Key, Frames], labels: Mapping[Key, str]) -> None:
        needed = frames_needed(self.options)
        short: list[str] = []
        malformed: list[str] = []
        for key, label in sorted(labels.items()):
            if key not in sequences or label not in self.classes:
                continue
            if len(sequences[key].by_number) < needed:
                short.append("/".join(key))
                continue
            for file, shown in sequences[key].used(label, self.options).items():
                columns: dict[str, Value] = {"subject": key[0]}
                if self.has_landmarks:
                    points = self._landmarks(index, file)
                    if points is None:
                        malformed.append(_landmark_file(file))
                    else:
                        columns["landmarks"] = points
                stem = file.rpartition("/")[2].removesuffix(".png")
                index.samples.append(Sample(stem, file, shown, columns))
        note(index, "missing-image", f"at least {needed} frames, for these options", short, IMAGES)
        note(index, "annotation", "68 lines 'x y' for each frame, or no Landmarks folder", malformed, LANDMARKS)

    def _landmarks(self, index: Index, file: str) -> Sequence[Sequence[float]] | None:
        name = _landmark_file(file)
        index.annotations.append(name)
        try:
            return five([value for point in _points(self.text(name) or "") for value in point])
        except ValueError:
            return None


def _landmark_file(image: str) -> str:
    return f"{LANDMARKS}{image.removeprefix(IMAGES).removesuffix('.png')}_landmarks.txt"


def _code(text: str) -> int | str:
    """Return the code of an emotion file from 1 to 7, or what stands there instead."""
    try:
        value = float(text)
    except ValueError:
        return text.strip()
    return int(value) if value in range(1, len(CODES)) else text.strip()


def _points(text: str) -> list[tuple[float, float]]:
    """Return the points of a landmark file; none if it cannot be read."""
    try:
        return [(float(x), float(y)) for x, y in (line.split() for line in text.splitlines() if line.strip())]
    except ValueError:
        return []


# --- the replica ------------------------------------------------------------------------------------------------

_FRAMES = (0.0, 0.35, 0.7, 1.0)
"""Intensity of the frames of a replica's sequence."""


def write(site: ReplicaSite) -> Mapping[str, int]:
    """Write a replica: an eighth of the release's labelled sequences in its proportions, and some without a label."""
    labels = [label for label, count in COUNTS.items() for _ in range(max(2, round(count / 8)))] + [""] * 6
    people = [f"S{5 + 7 * person:03d}" for person in range(site.subjects)]
    shown: dict[str, list[str]] = {subject: [] for subject in people}
    for number, label in enumerate(labels):
        shown[people[number % len(people)]].append(label)
    counts = {"sequences": len(labels), "subjects": sum(map(bool, shown.values())), "labelled": len(labels) - 6}
    with site.progress("drawing ck-plus", len(labels)) as advance:
        for person, (subject, of_one) in enumerate(shown.items()):
            for number, label in enumerate(of_one, start=1):
                _write_sequence(site, person, f"{subject}/{number:03d}", label)
                advance()
    return counts | {label: labels.count(label) for label in COUNTS}


def _write_sequence(site: ReplicaSite, person: int, place: str, label: str) -> None:
    from ferbench_fer_datasets.faces import Shot, draw, grey, save, widened

    stem, number = place.replace("/", "_"), int(place.rpartition("/")[2])
    frames = _FRAMES if label else _FRAMES[:3]  # a sequence without a label: too weak to be one
    for frame, intensity in enumerate(frames, start=1):
        shot = Shot(person, label or "sadness", intensity, number=number, size=98)
        face = widened(draw(shot, site.seed), 128, 98)
        save(site.folder / IMAGES / place / f"{stem}_{frame:08d}.png", grey(face.image))
        path = site.folder / LANDMARKS / place / f"{stem}_{frame:08d}_landmarks.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"   {x:.7e}   {y:.7e}\n" for x, y in sixty_eight(face)))
    folder = site.folder / EMOTION / place
    if label or person % 2:  # some unlabelled sequences have an empty folder, some have none
        folder.mkdir(parents=True)
    if label:
        (folder / f"{stem}_{len(frames):08d}_emotion.txt").write_text(f"   {CODES.index(label):.7e}\n")


ENTRIES = [
    DatasetEntry(
        name="ck-plus",
        factory="ferbench_fer_datasets.ck_plus:CkPlus",
        options=CkPlusOptions,
        replica="ferbench_fer_datasets.ck_plus:write",
        summary="CK+: posed sequences, 7 classes with contempt, by subject",
        card=DatasetCard(
            title="Extended Cohn-Kanade data set (CK+)",
            classes=CODES[1:],
            attributes=("subject", "landmarks"),
            counts=(*TOTALS.items(), *COUNTS.items()),
            layout=LAYOUT,
            licence="research use, by agreement with the University of Pittsburgh",
            homepage="https://www.jeffcohn.net/Resources/",
            citation="Lucey, Cohn, Kanade, Saragih, Ambadar & Matthews, The extended Cohn-Kanade dataset (CK+), "
            "CVPR workshops 2010",
            notes="Counts are of sequences. Landmarks are the release's own pixels; whether they count from 0 or "
            "from 1, it does not say. Papers differ in the frames they take: see the options.",
        ),
    )
]
