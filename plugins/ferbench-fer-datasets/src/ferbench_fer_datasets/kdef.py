"""KDEF, the Karolinska Directed Emotional Faces: 70 people, seven expressions, five angles, two sessions.

The angle's letters name the profile that is shown: `FL` is the full left profile, the left side of the face, as a
portrait painter or the police would call it. To show it, the head is turned to the subject's right, the nose
points to the image's left. With ferbench's sign (yaw positive to the subject's left) that is −90 degrees, half left
is −45, and the right profiles are positive: the very numbers that papers print for (FL, HL, S, HR, FR).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from ferbench import DatasetCard, DatasetEntry
from ferbench.data.files import FileOptions, FileSource, Index, Kind, Sample, Value
from ferbench.data.findings import Finding
from ferbench.data.replica import ReplicaSite
from ferbench_fer_datasets.notes import is_picture, note, only_prefix, prefixes

EXPRESSIONS = {
    "AF": "fear",
    "AN": "anger",
    "DI": "disgust",
    "HA": "happiness",
    "NE": "neutral",
    "SA": "sadness",
    "SU": "surprise",
}
"""The release's codes, in its order; AF is afraid."""

ANGLES = {"FL": -90.0, "HL": -45.0, "S": 0.0, "HR": 45.0, "FR": 90.0}
"""Yaw of each angle, degrees, positive to the subject's left."""

ERRATA = {"AF31V": "AF31SAHL", "AM31H": "AM31SUHR"}
"""Two files of the release have a name that its own grammar does not allow (V for the Swedish *vänster*, left, and H
for *höger*, right). What they show is what the folders AF31 and AM31 otherwise lack."""

PEOPLE = 35
"""Of each sex."""

LAYOUT = """
kdef/
└── AF01/                 a folder for each session and person: AF01–AF35, AM01–AM35, BF01–BF35, BM01–BM35
    └── AF01ANFL.JPG      session A or B, sex F or M, person, expression (AF afraid, AN angry, DI disgusted,
                          HA happy, NE neutral, SA sad, SU surprised), angle (FL full left profile, HL half left
                          profile, S straight, HR half right, FR full right); 562 × 762
                          AF31V.JPG and AM31H.JPG are named so in the release: AF31SAHL and AM31SUHR

The folders may lie deeper, as the archive unpacks: KDEF_and_AKDEF/KDEF/AF01/… Its AKDEF/, averaged faces, is not read.
"""

AVERAGED = "AKDEF/"
"""The averaged faces that come in the same archive."""

_FOLDER = r"[AB][FM]\d\d/"
_STEM = re.compile(rf"([AB])([FM])(\d{{2}})({'|'.join(EXPRESSIONS)})({'|'.join(ANGLES)})")

Session = Literal["A", "B"]
Angle = Literal["FL", "HL", "S", "HR", "FR"]


class KdefOptions(FileOptions):
    """Options of KDEF.

    Attributes:
        sessions: A, B or both; a person is the same subject in both.
        angles: which views; DML-Net takes all five.
    """

    sessions: Annotated[tuple[Session, ...], Field(min_length=1)] = Field(
        default=("A", "B"), description="A, B or both", json_schema_extra={"paper": ["A", "B"]}
    )
    angles: Annotated[tuple[Angle, ...], Field(min_length=1)] = Field(
        default=("FL", "HL", "S", "HR", "FR"),
        description="which views",
        json_schema_extra={"paper": ["FL", "HL", "S", "HR", "FR"]},
    )


@dataclass(frozen=True)
class Name:
    """What a file's name says.

    >>> Name.parse("AF01ANFL")
    Name(session='A', sex='F', person=1, expression='AN', angle='FL')
    """

    session: str
    sex: str
    person: int
    expression: str
    angle: str

    @classmethod
    def parse(cls, stem: str) -> Name | None:
        """Return the fields of a file's name without its suffix; None where it is no name of the release."""
        match = _STEM.fullmatch(ERRATA.get(stem, stem))
        if match is None or not 1 <= int(match[3]) <= PEOPLE:
            return None
        return cls(match[1], match[2], int(match[3]), match[4], match[5])

    @property
    def stem(self) -> str:
        """The file's name without its suffix, as the grammar has it."""
        return f"{self.folder}{self.expression}{self.angle}"

    @property
    def folder(self) -> str:
        """The folder: session and person."""
        return f"{self.session}{self.subject}"

    @property
    def subject(self) -> str:
        """The person, over both sessions: sex and number."""
        return f"{self.sex}{self.person:02d}"


class Kdef(FileSource[KdefOptions]):
    """KDEF: 4,900 images of 70 subjects (Lundqvist, Flykt & Öhman 1998)."""

    name = "kdef"
    classes = tuple(EXPRESSIONS.values())

    def kinds(self) -> Mapping[str, Kind]:
        """Return the columns beside image and label."""
        return {"subject": str, "pose": (), "session": str}

    def official(self) -> Mapping[str, int]:
        """Return the release's number of images, subjects, images of each session, expression and angle."""
        people = 2 * PEOPLE
        of_session = people * len(EXPRESSIONS) * len(ANGLES)
        return {
            "images": 2 * of_session,
            "subjects": people,
            **{f"session {session}": of_session for session in "AB"},
            **dict.fromkeys(self.classes, 2 * people * len(ANGLES)),
            **{f"angle {angle}": 2 * people * len(EXPRESSIONS) for angle in ANGLES},
        }

    def read(self) -> Index:
        """Read names of folders and files."""
        index = Index()
        pictures = sorted(file for file in self.files if is_picture(file) and f"/{AVERAGED}" not in f"/{file}")
        top = only_prefix(index, prefixes(pictures, _FOLDER), "AF01 to BM35")
        pictures = [file for file in pictures if file.startswith(top)]
        if not pictures:
            index.findings.append(Finding("structure", "folders AF01 to BM35 with images", "no image", "."))
            return index
        misnamed: list[str] = []
        contradicting: list[str] = []
        subjects: set[str] = set()
        for file in pictures:
            folder, _, image = file.removeprefix(top).rpartition("/")
            stem, _, suffix = image.rpartition(".")
            name = Name.parse(stem) if suffix.upper() == "JPG" else None
            if name is None:
                misnamed.append(file)
            elif name.folder != folder:
                contradicting.append(file)
            else:
                self._take(index, file, name)
                subjects.add(name.subject)
        index.counts["subjects"] = len(subjects)
        note(index, "annotation", "names such as AF01/AF01ANFL.JPG", misnamed, ".")
        note(index, "annotation", "images in the folders of their session and person", contradicting, ".")
        return index

    def _take(self, index: Index, file: str, name: Name) -> None:
        label = EXPRESSIONS[name.expression]
        index.count("images", f"session {name.session}", label, f"angle {name.angle}")
        if name.session in self.options.sessions and name.angle in self.options.angles:
            columns: dict[str, Value] = {"subject": name.subject, "pose": ANGLES[name.angle], "session": name.session}
            index.samples.append(Sample(name.stem, file, label, columns))


# --- the replica ------------------------------------------------------------------------------------------------


def write(site: ReplicaSite) -> Mapping[str, int]:
    """Write a replica: everybody shows everything in both sessions, each at one angle in turn.

    Half of the people are women. The last of up to 31 of each sex has the number 31, for the sake of the two misnamed
    files; there are no more people than in the release.
    """
    people = min(site.subjects, 2 * PEOPLE)
    women = (people + 1) // 2
    names = [
        name
        for sex, count in (("F", women), ("M", people - women))
        for person in _numbers(count)
        for name in _names_of(sex, person)
    ]
    as_released = {right: wrong for wrong, right in ERRATA.items()}
    counts = Counter(subjects=people)
    with site.progress("drawing kdef", len(names)) as advance:
        for name in names:
            stem = as_released.get(name.stem, name.stem)
            _draw(site, name, f"{name.folder}/{stem}.JPG")
            counts.update(["images", f"session {name.session}", EXPRESSIONS[name.expression], f"angle {name.angle}"])
            advance()
    return counts


def _numbers(count: int) -> Sequence[int]:
    """Return the numbers of so many people, 31 among them.

    >>> _numbers(3)
    [1, 2, 31]
    """
    return [*range(1, count), 31] if 0 < count <= 31 else list(range(1, count + 1))


def _names_of(sex: str, person: int) -> list[Name]:
    """Return a person's images: each expression once a session, the angles in turn."""
    angles = tuple(ANGLES)
    shift = "FM".index(sex)  # so that F31 shows sadness from the half left and M31 surprise from the half right
    return [
        Name(session, sex, person, expression, angles[(person + place + turn + shift) % len(angles)])
        for turn, session in enumerate("AB")
        for place, expression in enumerate(EXPRESSIONS)
    ]


def _draw(site: ReplicaSite, name: Name, file: str) -> None:
    from ferbench_fer_datasets.faces import Shot, draw, save, widened

    person = 2 * name.person + (name.sex == "M")
    shot = Shot(person, EXPRESSIONS[name.expression], yaw=ANGLES[name.angle], number="AB".index(name.session), size=96)
    save(site.folder / file, widened(draw(shot, site.seed), 96, 130).image)


ENTRIES = [
    DatasetEntry(
        name="kdef",
        factory="ferbench_fer_datasets.kdef:Kdef",
        options=KdefOptions,
        replica="ferbench_fer_datasets.kdef:write",
        summary="KDEF: posed, 7 classes, five angles, by subject",
        card=DatasetCard(
            title="Karolinska Directed Emotional Faces",
            classes=tuple(EXPRESSIONS.values()),
            attributes=("subject", "pose", "session"),
            counts=(("images", 4900), ("subjects", 70)),
            layout=LAYOUT,
            licence="non-commercial research; not to be passed on",
            homepage="https://kdef.se/",
            citation="Lundqvist, Flykt & Öhman, The Karolinska Directed Emotional Faces, CD-ROM, Karolinska "
            "Institutet 1998",
            notes="Poses are the nominal angles. Users report a few wholly black pictures in the release; none is "
            "left out here.",
        ),
    )
]
