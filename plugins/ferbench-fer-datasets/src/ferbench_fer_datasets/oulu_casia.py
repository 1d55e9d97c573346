"""Oulu-CASIA NIR & VIS: six expressions of 80 people, seen by two cameras in three kinds of light."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Literal

from pydantic import Field

from ferbench import DatasetCard, DatasetEntry
from ferbench.data.files import FileSource, Index, Kind, Sample
from ferbench.data.findings import Finding
from ferbench.data.replica import ReplicaSite
from ferbench_fer_datasets.notes import is_picture, note, only_prefix, prefixes
from ferbench_fer_datasets.sequences import Frames, SequenceOptions, frames_needed

CAMERAS, LIGHTS = ("VL", "NI"), ("Dark", "Strong", "Weak")

FOLDERS = {
    "Anger": "anger",
    "Disgust": "disgust",
    "Fear": "fear",
    "Happiness": "happiness",
    "Sadness": "sadness",
    "Surprise": "surprise",
}

PEOPLE = 80
CROPPED = "PreProcess"
"""How the release's folder of cropped images begins, wherever it lies."""

LAYOUT = """
oulu-casia/
└── VL/                          visible light; NI/ is near infrared. Both may lie deeper, in one folder, as the
    │                            archive unpacks: OriginalImg/VL/…, B_OriginalImg/OriginalImg/VL/…
    └── Strong/                  also Dark/, Weak/
        └── P001/                to P080
            └── Anger/           Disgust, Fear, Happiness, Sadness, Surprise
                └── 000.jpeg     frames from 000, neutral, to the peak
"""

_CONDITION = rf"(?:{'|'.join(CAMERAS)})/(?:{'|'.join(LIGHTS)})/"
_FRAME = re.compile(
    rf"({'|'.join(CAMERAS)})/({'|'.join(LIGHTS)})/(P\d{{3}})/({'|'.join(FOLDERS)})/(\d{{3}})(?i:\.jpeg)"
)

Key = tuple[str, str, str]
"""Condition, subject, folder of the expression: `("VL/Strong", "P001", "Anger")`."""


class OuluCasiaOptions(SequenceOptions):
    """Options of Oulu-CASIA.

    The usual choice, and DICE-FER's, is the default: visible light, strong illumination, the last three frames of each
    sequence, no neutral.

    Attributes:
        camera: "VL" (visible light) or "NI" (near infrared).
        light: "Strong", "Weak" or "Dark".
    """

    camera: Literal["VL", "NI"] = Field(default="VL", description="visible light or near infrared")
    light: Literal["Strong", "Weak", "Dark"] = Field(default="Strong", description="the illumination")
    peak_frames: int = Field(
        default=3, ge=1, le=20, description="how many of the last frames", json_schema_extra={"paper": 3}
    )


class OuluCasia(FileSource[OuluCasiaOptions]):
    """Oulu-CASIA: 480 sequences of 80 subjects in each of six conditions (Zhao et al., IVC 2011)."""

    name = "oulu-casia"

    @property
    def classes(self) -> tuple[str, ...]:
        """The six expressions, and neutral if the options ask for it."""
        return (*FOLDERS.values(), *(["neutral"] if self.options.neutral == "first-frame" else []))

    def kinds(self) -> Mapping[str, Kind]:
        """Return the one column beside image and label."""
        return {"subject": str}

    def official(self) -> Mapping[str, int]:
        """Return the number of sequences of each condition, of its subjects, and of each expression in it."""
        return _counts([f"{camera}/{light}" for camera in CAMERAS for light in LIGHTS], dict.fromkeys(FOLDERS, PEOPLE))

    def expected_counts(self) -> Mapping[str, int]:
        """Return the numbers of the conditions that are there, and of the one that the options ask for.

        The release comes in several archives: whoever needs one condition need not fetch the others.
        """
        frames = (_FRAME.fullmatch(file.removeprefix(self._top)) for file in self._pictures)
        known = {"/".join(match.group(1, 2)) for match in frames if match} | {self._condition}
        return {name: count for name, count in super().expected_counts().items() if name.rsplit("/", 1)[0] in known}

    @property
    def _condition(self) -> str:
        return f"{self.options.camera}/{self.options.light}"

    @cached_property
    def _pictures(self) -> Sequence[str]:
        """The pictures in alphabetical order, without the cropped ones."""
        return sorted(
            file
            for file in self.files
            if is_picture(file) and not any(folder.startswith(CROPPED) for folder in file.split("/")[:-1])
        )

    @cached_property
    def _prefixes(self) -> Sequence[str]:
        """The folders in which cameras' folders lie: one, or none."""
        return prefixes(self._pictures, _CONDITION)

    @property
    def _top(self) -> str:
        return next(iter(self._prefixes), "")

    def read(self) -> Index:
        """Read names of folders and files."""
        index = Index()
        only_prefix(index, self._prefixes, "the cameras' folders")
        sequences = self._sequences(index)
        if not any(condition == self._condition for condition, _, _ in sequences):
            where = f"{self._top}{self._condition}"
            index.findings.append(Finding("structure", f"sequences in {where}", "none", where))
        for condition in sorted({condition for condition, _, _ in sequences}):
            of_one = [(subject, folder) for there, subject, folder in sequences if there == condition]
            index.counts[f"{condition}/sequences"] = len(of_one)
            index.counts[f"{condition}/subjects"] = len({subject for subject, _ in of_one})
            index.count(*(f"{condition}/{FOLDERS[folder]}" for _, folder in of_one))
        self._sample(index, sequences)
        return index

    def _sequences(self, index: Index) -> dict[Key, Frames]:
        sequences: dict[Key, Frames] = {}
        misnamed: list[str] = []
        tops = tuple(f"{self._top}{camera}/" for camera in CAMERAS)
        for file in self._pictures:
            if not file.startswith(tops):
                continue
            match = _FRAME.fullmatch(file.removeprefix(self._top))
            if match is None:
                misnamed.append(file)
            else:
                key = ("/".join(match.group(1, 2)), match[3], match[4])
                sequences.setdefault(key, Frames()).by_number[int(match[5])] = file
        note(index, "annotation", "names such as VL/Strong/P001/Anger/000.jpeg", misnamed, self._top or ".")
        return sequences

    def _sample(self, index: Index, sequences: Mapping[Key, Frames]) -> None:
        needed = frames_needed(self.options)
        broken: list[str] = []
        short: list[str] = []
        for (condition, subject, folder), frames in sequences.items():
            if condition != self._condition:
                continue
            if not frames.is_complete(first=0):
                broken.append(f"{condition}/{subject}/{folder}")
            if len(frames.by_number) < needed:
                short.append(f"{condition}/{subject}/{folder}")
                continue
            for file, label in frames.used(FOLDERS[folder], self.options).items():
                # The name without the prefix: the same image has the same id, wherever the cameras lie.
                index.samples.append(Sample(file.removeprefix(self._top), file, label, {"subject": subject}))
        note(index, "missing-image", "frames numbered from 000 on without a gap", broken, self._top or ".")
        note(index, "missing-image", f"at least {needed} frames, for these options", short, self._top or ".")


def _counts(conditions: Sequence[str], sequences: Mapping[str, int]) -> dict[str, int]:
    """Return the counts of conditions that all hold so many sequences of each expression's folder."""
    counts: dict[str, int] = {}
    for condition in conditions:
        counts |= {
            f"{condition}/sequences": sum(sequences.values()),
            f"{condition}/subjects": max(sequences.values()),
            **{f"{condition}/{FOLDERS[folder]}": count for folder, count in sequences.items()},
        }
    return counts


# --- the replica ------------------------------------------------------------------------------------------------


_FRAMES = (0.0, 0.6, 0.8, 1.0)
"""Intensity of the frames of a replica's sequence."""


def write(site: ReplicaSite) -> Mapping[str, int]:
    """Write a replica: sequences of four frames in strong visible light; of the other conditions little.

    Not everybody shows everything, so that no two neighbouring expressions are equally frequent. Near infrared is
    grey, dark is dark.
    """
    people = range(min(site.subjects, PEOPLE))
    strong = [(person, folder) for person in people for folder in FOLDERS if _is_shown(person, folder)]
    elsewhere = [f"{camera}/{light}" for camera in CAMERAS for light in LIGHTS if (camera, light) != ("VL", "Strong")]
    with site.progress("drawing oulu-casia", len(strong) + 2 * len(elsewhere)) as advance:
        for person, folder in strong:
            _write_sequence(site, "VL/Strong", person, folder)
            advance()
        for condition in elsewhere:
            for folder in ("Anger", "Surprise"):
                _write_sequence(site, condition, 0, folder, _FRAMES[::3])
                advance()
    sequences = {folder: sum(_is_shown(person, folder) for person in people) for folder in FOLDERS}
    counts = _counts(["VL/Strong"], sequences) | _counts(elsewhere, {"Anger": 1, "Surprise": 1})
    return counts | {"VL/Strong/subjects": len({person for person, _ in strong})}


def _is_shown(person: int, folder: str) -> bool:
    place = list(FOLDERS).index(folder)
    return (person + 1) % (place + 2) > 0


def _write_sequence(
    site: ReplicaSite, condition: str, person: int, folder: str, intensities: Sequence[float] = _FRAMES
) -> None:
    from ferbench_fer_datasets.faces import Shot, draw, grey, save, widened

    camera, light = condition.split("/")
    for frame, intensity in enumerate(intensities):
        shot = Shot(person, FOLDERS[folder], intensity, number=LIGHTS.index(light), size=96)
        image = widened(draw(shot, site.seed), 128, 96).image
        if light != "Strong":
            image = image // {"Weak": 2, "Dark": 4}[light]
        file = f"{condition}/P{person + 1:03d}/{folder}/{frame:03d}.jpeg"
        save(site.folder / file, grey(image) if camera == "NI" else image)


ENTRIES = [
    DatasetEntry(
        name="oulu-casia",
        factory="ferbench_fer_datasets.oulu_casia:OuluCasia",
        options=OuluCasiaOptions,
        replica="ferbench_fer_datasets.oulu_casia:write",
        summary="Oulu-CASIA: posed sequences, 6 classes, by subject",
        card=DatasetCard(
            title="Oulu-CASIA NIR & VIS facial expression database",
            classes=tuple(FOLDERS.values()),
            attributes=("subject",),
            counts=(("VL/Strong/subjects", PEOPLE), ("VL/Strong/sequences", PEOPLE * len(FOLDERS))),
            layout=LAYOUT,
            licence="research use, by agreement with the University of Oulu",
            homepage="https://www.oulu.fi/en/university/faculties-and-units/"
            "faculty-information-technology-and-electrical-engineering/center-machine-vision-and-signal-analysis",
            citation="Zhao, Huang, Taini, Li & Pietikäinen, Facial expression recognition from near-infrared videos, "
            "Image and Vision Computing 29(9), 2011",
            notes="Counts are of sequences, the same in each of the six conditions; conditions that are not there are "
            "not missed unless the options ask for them. The cropped images that the release also offers "
            "(PreProcess_Img) are not read.",
        ),
    )
]
