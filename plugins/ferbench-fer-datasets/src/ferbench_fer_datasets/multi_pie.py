"""CMU Multi-PIE: 337 people, up to four sessions, fifteen cameras, twenty lights, six expressions.

Yaw of the cameras: the thirteen at head height stand 15 degrees apart, from 24_0 over 05_1 (frontal) to 11_0. Which
end is which side is not in a file's name. Published code that places landmarks by camera agrees that 11_0 shows a
left profile, with the subject's left eye and the nose towards the image's left, and 24_0 the right one. With
ferbench's sign (yaw positive to the subject's left, the image's right) that makes 11_0 −90 and 24_0 +90. Papers that
count the other way print the same cameras with opposite signs.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from ferbench import DatasetCard, DatasetEntry
from ferbench.data.files import FileOptions, FileSource, Index, Kind, Sample, Value
from ferbench.data.findings import Finding
from ferbench.data.replica import ReplicaSite
from ferbench_fer_datasets.notes import is_picture, note

CAMERAS: Mapping[str, float] = {
    "11_0": -90.0,
    "12_0": -75.0,
    "09_0": -60.0,
    "08_0": -45.0,
    "13_0": -30.0,
    "14_0": -15.0,
    "05_1": 0.0,
    "05_0": 15.0,
    "04_1": 30.0,
    "19_0": 45.0,
    "20_0": 60.0,
    "01_0": 75.0,
    "24_0": 90.0,
    "08_1": -45.0,
    "19_1": 45.0,
}
"""Yaw of each camera, degrees, positive to the subject's left. 08_1 and 19_1 look down from above 08_0 and 19_0."""

RECORDINGS: Mapping[tuple[int, int], str] = {
    (1, 1): "neutral",
    (1, 2): "smile",
    (2, 1): "neutral",
    (2, 2): "surprise",
    (2, 3): "squint",
    (3, 1): "neutral",
    (3, 2): "smile",
    (3, 3): "disgust",
    (4, 1): "neutral",
    (4, 2): "neutral",
    (4, 3): "scream",
}
"""What each recording of each session shows."""

CLASSES = ("neutral", "smile", "surprise", "squint", "disgust", "scream")
LIGHTS = 20
SUBJECTS = 337

SESSIONS = {1: 249, 2: 203, 3: 230, 4: 239}
"""Subjects of each session (Gross et al. 2010)."""

LAYOUT = """
multi-pie/
└── data/session01/multiview/            to session04
    └── 001/                             subject, to 346
        └── 01/                          recording: session 1: 01 neutral, 02 smile; 2: 01 neutral, 02 surprise,
            └── 05_1/                    03 squint; 3: 01 neutral, 02 smile, 03 disgust; 4: 01, 02 neutral, 03 scream
                └── 001_01_01_051_07.png subject_session_recording_camera_light; lights 00 to 19; 640 × 480
"""

_FILE = re.compile(
    r"data/session(\d\d)/multiview/(\d{3})/(\d\d)/(\d\d)_(\d)/(\d{3})_(\d\d)_(\d\d)_(\d\d)(\d)_(\d\d)\.png"
)
_CELL = "session {}/camera {}/light {:02d}"
"""What images are counted by."""

Camera = Literal[
    "11_0",
    "12_0",
    "09_0",
    "08_0",
    "13_0",
    "14_0",
    "05_1",
    "05_0",
    "04_1",
    "19_0",
    "20_0",
    "01_0",
    "24_0",
    "08_1",
    "19_1",
]


class MultiPieOptions(FileOptions):
    """Options of Multi-PIE.

    DML-Net takes five cameras, −30 to 30 degrees (the default), and part of the lights without saying which: 8,760
    images. The default light is the frontal flash, number 7.

    Attributes:
        cameras: which cameras, by their folders' names.
        lights: which lights: 0 and 19 without flash, 1 to 18 with one.
    """

    cameras: Annotated[tuple[Camera, ...], Field(min_length=1)] = Field(
        default=("13_0", "14_0", "05_1", "05_0", "04_1"),
        description="which cameras",
        json_schema_extra={"paper": ["13_0", "14_0", "05_1", "05_0", "04_1"]},
    )
    lights: Annotated[tuple[Annotated[int, Field(ge=0, lt=LIGHTS)], ...], Field(min_length=1)] = Field(
        default=(7,), description="which lights"
    )


@dataclass(frozen=True)
class Name:
    """What a file's name says.

    >>> Name.parse("data/session01/multiview/001/02/05_1/001_01_02_051_07.png")
    Name(subject=1, session=1, recording=2, camera='05_1', light=7)
    """

    subject: int
    session: int
    recording: int
    camera: str
    light: int

    @classmethod
    def parse(cls, file: str) -> Name | None:
        """Return the fields of an image's path; None where it is no path of the release, or contradicts itself."""
        match = _FILE.fullmatch(file)
        if match is None:
            return None
        name = cls(int(match[6]), int(match[7]), int(match[8]), f"{match[9]}_{match[10]}", int(match[11]))
        return name if name.path == file else None

    @property
    def stem(self) -> str:
        """The file's name without its suffix."""
        camera = self.camera.replace("_", "")
        return f"{self.subject:03d}_{self.session:02d}_{self.recording:02d}_{camera}_{self.light:02d}"

    @property
    def path(self) -> str:
        """The image's path below the data set's folder."""
        place = f"session{self.session:02d}/multiview/{self.subject:03d}/{self.recording:02d}/{self.camera}"
        return f"data/{place}/{self.stem}.png"

    @property
    def label(self) -> str | None:
        """The expression; None for a recording that the release does not have."""
        return RECORDINGS.get((self.session, self.recording))

    @property
    def cell(self) -> str:
        """What the image is counted by: session, camera and light."""
        return _CELL.format(self.session, self.camera, self.light)

    @property
    def is_known(self) -> bool:
        """Whether recording, camera and light are among the release's."""
        return self.label is not None and self.camera in CAMERAS and self.light < LIGHTS


class MultiPie(FileSource[MultiPieOptions]):
    """Multi-PIE: 337 subjects (Gross et al., Image and Vision Computing 2010)."""

    name = "multi-pie"
    classes = CLASSES

    def kinds(self) -> Mapping[str, Kind]:
        """Return the columns beside image and label."""
        return {"subject": str, "pose": (), "session": str, "camera": str, "light": ()}

    def official(self) -> Mapping[str, int]:
        """Return the release's number of subjects, of those in each session, of its images at each camera and light.

        The images are the product of a session's subjects, recordings, cameras and lights: 754,200 in all, where the
        release speaks of more than 750,000.
        """
        recordings = Counter(session for session, _ in RECORDINGS)
        return {
            "subjects": SUBJECTS,
            **{f"session {session}/subjects": count for session, count in SESSIONS.items()},
            **{
                _CELL.format(session, camera, light): count * recordings[session]
                for session, count in SESSIONS.items()
                for camera in CAMERAS
                for light in range(LIGHTS)
            },
        }

    def expected_counts(self) -> Mapping[str, int]:
        """Return the numbers of subjects, and of images at the cameras and lights that the options ask for.

        Whoever needs five cameras and one light need not keep the other 749,595 images.
        """
        unwanted = {
            _CELL.format(session, camera, light)
            for session in SESSIONS
            for camera in CAMERAS
            for light in range(LIGHTS)
            if not self._asks_for(camera, light)
        }
        return {name: count for name, count in super().expected_counts().items() if name not in unwanted}

    def _asks_for(self, camera: str, light: int) -> bool:
        return camera in self.options.cameras and light in self.options.lights

    def read(self) -> Index:
        """Read names of folders and files."""
        index = Index()
        pictures = sorted(file for file in self.files if "/multiview/" in file and is_picture(file))
        if not pictures:
            where = "data/session01/multiview"
            index.findings.append(Finding("structure", f"the folder {where}", "no image in a multiview folder", where))
            return index
        misnamed: list[str] = []
        contradicting: list[str] = []
        unknown: list[str] = []
        names: set[tuple[int, int]] = set()
        for file in pictures:
            name = Name.parse(file)
            if name is None:
                (contradicting if _FILE.fullmatch(file) else misnamed).append(file)
            elif not name.is_known:
                unknown.append(file)
            else:
                names.add((name.session, name.subject))
                self._take(index, file, name)
        index.counts["subjects"] = len({subject for _, subject in names})
        index.count(*(f"session {session}/subjects" for session, _ in sorted(names)))
        note(index, "annotation", "names such as 001/01/05_1/001_01_01_051_07.png", misnamed, "data")
        note(index, "annotation", "images in the folders of their names", contradicting, "data")
        note(index, "annotation", "recordings, cameras and lights of the release", unknown, "data")
        return index

    def _take(self, index: Index, file: str, name: Name) -> None:
        if name.label is None or not self._asks_for(name.camera, name.light):
            return
        index.count(name.cell)
        columns: dict[str, Value] = {
            "subject": f"{name.subject:03d}",
            "pose": CAMERAS[name.camera],
            "session": str(name.session),
            "camera": name.camera,
            "light": float(name.light),
        }
        index.samples.append(Sample(name.stem, file, name.label, columns))


# --- the replica ------------------------------------------------------------------------------------------------

_SIDE = ("11_0", "08_0", "19_0", "24_0")
"""Cameras of a replica beside the five of the default options."""


def write(site: ReplicaSite) -> Mapping[str, int]:
    """Write a replica: half of the people come to all four sessions, the others to some, each seen by some cameras."""
    names = [
        Name(person + 1, session, recording, camera, light)
        for person in range(min(site.subjects, SUBJECTS))
        for session, recording in RECORDINGS
        if _attends(person, session)
        for camera, light in _shots(person, session, recording)
    ]
    from ferbench_fer_datasets.faces import Shot, draw, save, widened

    with site.progress("drawing multi-pie", len(names)) as advance:
        for name in names:
            label = RECORDINGS[name.session, name.recording]
            number = 4 * name.recording + name.session
            shot = Shot(
                name.subject,
                "happiness" if label == "smile" else label,
                yaw=CAMERAS[name.camera],
                number=number,
                size=96,
            )
            image = widened(draw(shot, site.seed), 128, 96).image
            save(site.folder / name.path, image if name.light == 7 else image // 2)
            advance()
    counts = {"subjects": len({name.subject for name in names})}
    for session in SESSIONS:
        counts[f"session {session}/subjects"] = len({name.subject for name in names if name.session == session})
    return counts | Counter(name.cell for name in names)


def _attends(person: int, session: int) -> bool:
    return person % 2 == 0 or (person // 2 + session) % 4 > 1


def _shots(person: int, session: int, recording: int) -> list[tuple[str, int]]:
    """Return two cameras of the default five, in turn, and now and then one aside or without a flash."""
    default = ("13_0", "14_0", "05_1", "05_0", "04_1")
    turn = person + 3 * session + recording
    shots = [(default[turn % 5], 7), (default[(turn + 2) % 5], 7)]
    if turn % 8 == 0:
        shots.append((_SIDE[turn // 8 % 4], 7))
    if turn % 9 == 0:
        shots.append(("05_1", 0))
    return shots


ENTRIES = [
    DatasetEntry(
        name="multi-pie",
        factory="ferbench_fer_datasets.multi_pie:MultiPie",
        options=MultiPieOptions,
        replica="ferbench_fer_datasets.multi_pie:write",
        summary="Multi-PIE: posed, 6 classes of its own, fifteen cameras, by subject",
        card=DatasetCard(
            title="CMU Multi-PIE face database",
            classes=CLASSES,
            attributes=("subject", "pose", "session", "camera", "light"),
            label_columns=("session",),  # half of the expressions were recorded in one session only
            counts=(
                ("subjects", SUBJECTS),
                *((f"session {number}/subjects", count) for number, count in SESSIONS.items()),
            ),
            layout=LAYOUT,
            licence="research use, by agreement with Carnegie Mellon University, for a fee",
            homepage="https://www.cs.cmu.edu/afs/cs/project/PIE/MultiPie/Multi-Pie/Home.html",
            citation="Gross, Matthews, Cohn, Kanade & Baker, Multi-PIE, Image and Vision Computing 28(5), 2010",
            notes="Poses are the cameras' nominal angles; which side is positive is inferred, see the module. "
            "Counts are of subjects, and of the images at the cameras and lights asked for. "
            "'smile', 'squint' and 'scream' are classes of their own: a mapping to happiness and the like is a "
            "benchmark's choice.",
        ),
    )
]
