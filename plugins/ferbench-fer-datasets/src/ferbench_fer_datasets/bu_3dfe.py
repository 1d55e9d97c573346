"""BU-3DFE: scanned faces of 100 people, six expressions at four levels and neutral; views are rendered from them.

The release has a frontal picture of each model. Work on several poses renders further views from the models, each in
its own way: views are part of the data set's options here, and rendered when it is loaded.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from ferbench import DatasetCard, DatasetEntry, Site
from ferbench.data.files import FileOptions, FileSource, Index, Kind, Sample, Value
from ferbench.data.findings import Finding
from ferbench_fer_datasets.notes import is_picture, note

if TYPE_CHECKING:
    import datasets

EXPRESSIONS = {
    "AN": "anger",
    "DI": "disgust",
    "FE": "fear",
    "HA": "happiness",
    "SA": "sadness",
    "SU": "surprise",
    "NE": "neutral",
}

PEOPLE = {"F": 56, "M": 44}
LEVELS = (1, 2, 3, 4)
VIEWS = "views"
"""The folder of views that a user has rendered."""

LAYOUT = """
bu-3dfe/
├── F0001/                         women F0001–F0056, men M0001–M0044
│   ├── F0001_AN01WH_F2D.bmp       the frontal picture: expression (AN DI FE HA SA SU, NE neutral), level 01–04
│   │                              (00 for NE), ethnicity (two letters)
│   ├── F0001_AN01WH_F3D.wrl       the model: only for views = "rendered"
│   └── F0001_AN01WH_F3D.bmp       the texture, by the name that the model gives it: F0001_AN01WH_….bmp
└── views/F0001_AN01WH_-45.png     only for views = "folder": your own, model and yaw in degrees, positive to the
                                   subject's left; frontal _0, left _45
"""

_STEM = re.compile(rf"([FM])(\d{{4}})_({'|'.join(EXPRESSIONS)})(0[0-4])([A-Z]{{2}})")
_OF_MODEL = re.compile(r"([^/]+)/([^/]+)_(F2D\.bmp|F3D\.wrl|F3D\.bmp)")
_OF_VIEW = re.compile(rf"{VIEWS}/([^/]+)_(0|-?[1-9]\d?)\.png")

Yaw = Annotated[int, Field(ge=-90, le=90)]
Level = Annotated[int, Field(ge=1, le=4)]


class Bu3dfeOptions(FileOptions):
    """Options of BU-3DFE.

    DML-Net takes six expressions at nine yaws. It does not name the levels; its 20,376 images are 2,264 models at nine
    yaws, more than three levels have.

    Attributes:
        views: "frontal" takes the release's pictures; "rendered" renders the models; "folder" reads views that you
            have rendered.
        yaws: of rendered views and of those in the folder, whole degrees, positive to the subject's left.
        levels: of the six expressions.
        neutral: True adds the neutral models.
        size: side of rendered views, pixels.
    """

    views: Literal["frontal", "rendered", "folder"] = Field(
        default="frontal", description="the release's pictures, rendered models, or your own views"
    )
    yaws: Annotated[tuple[Yaw, ...], Field(min_length=1)] = Field(
        default=(-90, -60, -45, -30, 0, 30, 45, 60, 90),
        description="yaws of the views, degrees",
        json_schema_extra={"paper": [-90, -60, -45, -30, 0, 30, 45, 60, 90]},
    )
    levels: Annotated[tuple[Level, ...], Field(min_length=1)] = Field(
        default=LEVELS, description="levels of the expressions, 1 to 4"
    )
    neutral: bool = Field(default=False, description="with the neutral models", json_schema_extra={"paper": False})
    size: int = Field(default=224, ge=32, le=1024, description="side of rendered views, pixels")


@dataclass(frozen=True)
class Name:
    """What a model's name says.

    >>> Name.parse("F0001_AN01WH")
    Name(sex='F', person=1, expression='AN', level=1, ethnicity='WH')
    """

    sex: str
    person: int
    expression: str
    level: int
    ethnicity: str

    @classmethod
    def parse(cls, stem: str) -> Name | None:
        """Return the fields of a model's name; None where it is no name of the release."""
        match = _STEM.fullmatch(stem)
        if match is None:
            return None
        name = cls(match[1], int(match[2]), match[3], int(match[4]), match[5])
        known = 1 <= name.person <= PEOPLE[name.sex] and (name.level == 0) == (name.expression == "NE")
        return name if known else None

    @property
    def subject(self) -> str:
        """The person, and the folder."""
        return f"{self.sex}{self.person:04d}"

    @property
    def stem(self) -> str:
        """The model's name."""
        return f"{self.subject}_{self.expression}{self.level:02d}{self.ethnicity}"


class Bu3dfe(FileSource[Bu3dfeOptions]):
    """BU-3DFE: 2,500 models of 100 subjects (Yin et al., FG 2006)."""

    name = "bu-3dfe"

    @property
    def classes(self) -> tuple[str, ...]:
        """The six expressions, and neutral if the options ask for it."""
        return tuple(label for label in EXPRESSIONS.values() if self.options.neutral or label != "neutral")

    def kinds(self) -> Mapping[str, Kind]:
        """Return the columns beside image and label."""
        return {"subject": str, "pose": (), "level": (), "ethnicity": str}

    def official(self) -> Mapping[str, int]:
        """Return the release's number of models, of subjects, and of models of each expression."""
        people = sum(PEOPLE.values())
        models = {label: people * len(LEVELS) for label in EXPRESSIONS.values()} | {"neutral": people}
        return {"models": sum(models.values()), "subjects": people, **models}

    def identity(self) -> Mapping[str, Any]:
        """Return the hashes of all files that decide the images; for rendered views, of models, textures and code."""
        rendered = {"rendered": self._rendering()} if self.options.views == "rendered" else {}
        return {**super().identity(), **rendered}

    def _rendering(self) -> Mapping[str, Any]:
        import importlib.metadata

        from ferbench.canonical import source_digest

        here = Path(__file__).parent
        return {
            # Everything that decides which views are rendered, and how: what is rendered is kept under it.
            "options": self.options.model_dump(mode="json", exclude={"counts", "views"}),
            "source": source_digest(here, [here / "vrml.py", here / "views.py"]),
            "opencv": importlib.metadata.version("opencv-python-headless"),
        }

    def read(self) -> Index:
        """Read names of folders and files."""
        index = Index()
        names = self._names(index)
        if not names:
            index.findings.append(Finding("structure", "folders F0001 to M0044 with models", "no model", "."))
            return index
        for name in names:
            index.count("models", EXPRESSIONS[name.expression])
            if EXPRESSIONS[name.expression] in self.classes and name.level in (0, *self.options.levels):
                index.samples += self._samples(name)
        index.counts["subjects"] = len({name.subject for name in names})
        if self.options.views == "rendered":
            index.annotations += self._textures(index, [sample.file for sample in index.samples])
        return index

    def _names(self, index: Index) -> list[Name]:
        names: dict[str, Name] = {}
        misnamed: list[str] = []
        contradicting: list[str] = []
        for file in sorted(self.files):
            if file.startswith(f"{VIEWS}/"):
                match = _OF_VIEW.fullmatch(file)
                name = Name.parse(match[1]) if match else None
                folder = None
            elif match := _OF_MODEL.fullmatch(file):
                name, folder = Name.parse(match[2]), match[1]
            else:
                continue  # raw scans, landmarks, poses: not used
            if name is None:
                misnamed.append(file)
            elif folder not in (None, name.subject):
                contradicting.append(file)
            else:
                names[name.stem] = name
        note(index, "annotation", "names such as F0001/F0001_AN01WH_F2D.bmp, views/F0001_AN01WH_-45.png", misnamed, ".")
        note(index, "annotation", "files in the folders of their subjects", contradicting, ".")
        return [names[stem] for stem in sorted(names)]

    def _samples(self, name: Name) -> list[Sample]:
        columns: dict[str, Value] = {"subject": name.subject, "level": name.level, "ethnicity": name.ethnicity}
        label = EXPRESSIONS[name.expression]
        if self.options.views == "frontal":
            return [Sample(name.stem, f"{name.subject}/{name.stem}_F2D.bmp", label, {**columns, "pose": 0.0})]
        rendered = self.options.views == "rendered"
        views = {f"{name.stem}_{yaw}": {**columns, "pose": float(yaw)} for yaw in self.options.yaws}
        model = f"{name.subject}/{name.stem}_F3D.wrl"
        return [Sample(view, model if rendered else f"{VIEWS}/{view}.png", label, of) for view, of in views.items()]

    def _textures(self, index: Index, models: Sequence[str]) -> list[str]:
        """Return all pictures of the models: which of them is the texture stands in the model, not in a name."""
        by_model: dict[str, list[str]] = {}
        for file in sorted(filter(is_picture, self.files)):
            folder, _, picture = file.rpartition("/")
            by_model.setdefault(f"{folder}/{'_'.join(picture.split('_')[:2])}", []).append(file)
        pictures = {model: by_model.get(model.removesuffix("_F3D.wrl"), []) for model in models}
        note(
            index,
            "missing-image",
            "a texture for every model",
            [model for model in pictures if not pictures[model]],
            ".",
        )
        return [picture for of_one in pictures.values() for picture in of_one]

    def picture(self, sample: Sample) -> dict[str, Any]:
        """Return where an image is, or a view of its model as PNG."""
        if self.options.views != "rendered":
            return super().picture(sample)
        return _picture(self.folder, self.options.size, sample)

    def load(self, site: Site) -> datasets.Dataset:
        """Return the images by path; rendered views from `site.cache`, where those that it lacks are made.

        Raises:
            DataError: something is not as the release has it.
        """
        if self.options.views != "rendered":
            return super().load(site)
        import datasets as hf

        from ferbench_synthfaces.shards import Work, generate

        self.refuse_differences()
        work = Work(
            items=self.index.samples,
            make=partial(_rows, self.folder, self.options.size, self.classes),
            schema=self.dataset([], []).features.arrow_schema,
            per_shard=_MODELS_PER_SHARD * len(self.options.yaws),
        )
        paths = generate(work, site, f"rendering {self.name}")
        return hf.concatenate_datasets([hf.Dataset.from_file(str(path)) for path in paths])


_MODELS_PER_SHARD = 10


def _picture(folder: Path, size: int, sample: Sample) -> dict[str, Any]:
    from ferbench_fer_datasets.faces import encoded
    from ferbench_fer_datasets.views import read_scan, render

    yaw = sample.columns["pose"]
    assert isinstance(yaw, float)
    view = render(read_scan(folder / sample.file), yaw, size)
    return {"path": None, "bytes": encoded(view, ".png")}


def _rows(folder: Path, size: int, classes: Sequence[str], samples: Sequence[Sample]) -> Mapping[str, Sequence[Any]]:
    """Render samples into columns: a pure function of its arguments and the files, in whichever process."""
    return {
        "id": [sample.id for sample in samples],
        "image": [_picture(folder, size, sample) for sample in samples],
        "label": [classes.index(sample.label) for sample in samples],
        **{name: [sample.columns[name] for sample in samples] for name in samples[0].columns},
    }


ENTRIES = [
    DatasetEntry(
        name="bu-3dfe",
        factory="ferbench_fer_datasets.bu_3dfe:Bu3dfe",
        options=Bu3dfeOptions,
        replica="ferbench_fer_datasets.bu_3dfe_replica:write",
        summary="BU-3DFE: scanned, 6 or 7 classes at four levels, views from −90° to 90°, by subject",
        card=DatasetCard(
            title="Binghamton University 3D facial expression database",
            classes=tuple(label for label in EXPRESSIONS.values() if label != "neutral"),
            attributes=("subject", "pose", "level", "ethnicity"),
            label_columns=("level",),
            counts=(("models", 2500), ("subjects", 100)),
            layout=LAYOUT,
            licence="research use, by agreement with Binghamton University",
            homepage="https://www.cs.binghamton.edu/~lijun/Research/3DFE/3DFE_Analysis.html",
            citation="Yin, Wei, Sun, Wang & Rosato, A 3D facial expression database for facial behavior research, "
            "FG 2006",
            notes="Counts are of models. Rendered views show the texture without further light before black, from "
            "far away, each model's box in the middle at one scale for all yaws; papers render otherwise and do not "
            "say how. The release's 83 landmarks are not read: which of them is which, no source we could check says.",
        ),
    )
]
