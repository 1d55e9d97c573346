"""CK+, the extended Cohn-Kanade data set: sequences from a neutral face to the peak of a posed expression."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath

from pydantic import Field

from ferbench import DatasetCard, DatasetEntry
from ferbench.data.files import FileSource, Index, Kind, Sample, Value
from ferbench.data.findings import Finding
from ferbench.data.replica import ReplicaSite
from ferbench_fer_datasets.marks68 import five, sixty_eight
from ferbench_fer_datasets.notes import IMAGE_SUFFIXES, note, only_prefix, prefixes
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

Each of the three may lie deeper, as the archives unpack: extended-cohn-kanade-images/cohn-kanade-images/S005/…
"""

_IMAGE_FILE = re.compile(r"(S\d{3})/(\d{3})/(S\d{3})_(\d{3})_(\d{8})(?i:\.png)")
_EMOTION_FILE = re.compile(r"(S\d{3})/(\d{3})/(S\d{3})_(\d{3})_(\d{8})_emotion(?i:\.txt)")

Key = tuple[str, str]
"""Subject and sequence: `("S005", "001")`."""


@dataclass(frozen=True)
class Emotion:
    """What an emotion file says.

    Attributes:
        label: the class.
        peak: number of the frame that the file is named after: the last one.
    """

    label: str
    peak: int


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
        return bool(self._prefixes[LANDMARKS])

    @cached_property
    def _prefixes(self) -> Mapping[str, Sequence[str]]:
        """The folders in which each of the three folders lies: one, or none."""
        return {folder: prefixes(self.files, rf"{folder}/S\d{{3}}/") for folder in (IMAGES, EMOTION, LANDMARKS)}

    def _top(self, folder: str) -> str:
        """Return the way to one of the three folders, "" before it where it is nowhere."""
        return f"{next(iter(self._prefixes[folder]), '')}{folder}/"

    def read(self) -> Index:
        """Read names and emotion files; landmarks only of the frames that the options ask for."""
        index = Index()
        for folder in (IMAGES, EMOTION):
            if not self._prefixes[folder]:
                index.findings.append(
                    Finding("structure", f"the folder {folder}", "no folder of a subject in it", folder)
                )
        if index.findings:
            return index
        for folder, found in self._prefixes.items():
            only_prefix(index, found, folder)
        sequences = self._sequences(index)
        emotions = self._emotions(index)
        self._compare(index, sequences, emotions)
        self._count(index, sequences, emotions)
        self._sample(index, sequences, emotions)
        return index

    def _sequences(self, index: Index) -> dict[Key, Frames]:
        sequences: dict[Key, Frames] = {}
        for key, number, file in self._named(index, IMAGES, _IMAGE_FILE, "S005/001/S005_001_00000011.png"):
            sequences.setdefault(key, Frames()).by_number[number] = file
        return sequences

    def _emotions(self, index: Index) -> dict[Key, Emotion]:
        by_sequence: dict[Key, list[tuple[int, str]]] = {}
        for key, peak, file in self._named(index, EMOTION, _EMOTION_FILE, "S005/001/S005_001_00000011_emotion.txt"):
            by_sequence.setdefault(key, []).append((peak, file))
            index.annotations.append(file)
        several = ["/".join(key) for key, files in by_sequence.items() if len(files) > 1]
        note(index, "annotation", "one emotion file in a folder", several, EMOTION)
        emotions: dict[Key, Emotion] = {}
        wrong: list[str] = []
        for key, ((peak, file), *others) in by_sequence.items():
            code = _code(self.text(file) or "")
            if isinstance(code, str):
                wrong.append(f"{file}: {code!r}")
            elif not others:
                emotions[key] = Emotion(CODES[code], peak)
        note(index, "annotation", "a code from 1 to 7 such as '   3.0000000e+00'", wrong, EMOTION)
        return emotions

    def _named(self, index: Index, folder: str, grammar: re.Pattern[str], example: str) -> list[tuple[Key, int, str]]:
        """Return sequence, number and path of each image or emotion file; note those that are not named so."""
        top = self._top(folder)
        suffixes = IMAGE_SUFFIXES if folder == IMAGES else (".txt",)
        named: list[tuple[Key, int, str]] = []
        misnamed: list[str] = []
        contradicting: list[str] = []
        for file in sorted(self.files):
            name = file.removeprefix(top)
            # What lies beside the subjects' folders, a readme, is nobody's; so is any other kind of file.
            if not (file.startswith(top) and "/" in name and name.lower().endswith(suffixes)):
                continue
            match = grammar.fullmatch(name)
            if match is None:
                misnamed.append(file)
            elif match.group(1, 2) != match.group(3, 4):
                contradicting.append(file)
            else:
                named.append(((match[1], match[2]), int(match[5]), file))
        what = "images" if folder == IMAGES else "emotion files"
        note(index, "annotation", f"names such as {example}", misnamed, folder)
        note(index, "annotation", f"{what} in the folders of their names", contradicting, folder)
        return named

    def _compare(self, index: Index, sequences: Mapping[Key, Frames], emotions: Mapping[Key, Emotion]) -> None:
        """Note labelled sequences that are not there, or not whole. The others are only counted."""
        absent: list[str] = []
        broken: list[str] = []
        cut: list[str] = []
        for key, emotion in emotions.items():
            if key not in sequences:
                absent.append("/".join(key))
                continue
            frames = sequences[key]
            if not frames.is_complete(first=1):
                broken.append("/".join(key))
            if frames.last != emotion.peak:
                cut.append(f"{'/'.join(key)}: {frames.last:08d} instead of {emotion.peak:08d}")
        note(index, "annotation", "a sequence for every emotion file", absent, EMOTION)
        note(index, "missing-image", "frames numbered from 00000001 on without a gap", broken, IMAGES)
        note(index, "missing-image", "sequences that end with the frame their emotion file is named after", cut, IMAGES)

    def _count(self, index: Index, sequences: Mapping[Key, Frames], emotions: Mapping[Key, Emotion]) -> None:
        index.counts["sequences"] = len(sequences)
        index.counts["subjects"] = len({subject for subject, _ in sequences})
        for key, emotion in emotions.items():
            if key in sequences:
                index.count("labelled", emotion.label)

    def _sample(self, index: Index, sequences: Mapping[Key, Frames], emotions: Mapping[Key, Emotion]) -> None:
        needed = frames_needed(self.options)
        short: list[str] = []
        malformed: list[str] = []
        for key in sorted(emotions):
            emotion = emotions[key]
            if key not in sequences or emotion.label not in self.classes:
                continue
            if len(sequences[key].by_number) < needed:
                short.append("/".join(key))
                continue
            for file, shown in sequences[key].used(emotion.label, self.options).items():
                columns: dict[str, Value] = {"subject": key[0]}
                if self.has_landmarks:
                    name = self._landmark_file(file)
                    points = self._landmarks(index, name)
                    if points is None:
                        malformed.append(name)
                    else:
                        columns["landmarks"] = points
                index.samples.append(Sample(PurePosixPath(file).stem, file, shown, columns))
        note(index, "missing-image", f"at least {needed} frames, for these options", short, IMAGES)
        note(index, "annotation", "68 lines 'x y' for each frame, or no Landmarks folder", malformed, LANDMARKS)

    def _landmark_file(self, image: str) -> str:
        below = PurePosixPath(image.removeprefix(self._top(IMAGES)))
        return f"{self._top(LANDMARKS)}{below.with_suffix('')}_landmarks.txt"

    def _landmarks(self, index: Index, name: str) -> Sequence[Sequence[float]] | None:
        index.annotations.append(name)
        try:
            return five([value for point in _points(self.text(name) or "") for value in point])
        except ValueError:
            return None


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
    """Write a replica: labelled sequences in the release's proportions, and some without a label.

    From a dozen people on it is an eighth of the release, with fewer of them less.
    """
    people = [f"S{5 + 7 * person:03d}" for person in range(min(site.subjects, TOTALS["subjects"]))]
    share = min(len(people), 12) / 12 / 8
    labels = [label for label, count in COUNTS.items() for _ in range(max(2, round(count * share)))] + [""] * 6
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
