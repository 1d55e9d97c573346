"""LFW: photographs of 5,749 people, and the pairs on which face verification is tested.

There is no expression in it: the label is the person. It serves recipes that train on `target = "subject"` and probes
of identity, which take their pairs from `read_pairs`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ferbench import DatasetCard, DatasetEntry
from ferbench.data.files import FileOptions, FileSource, Index, Kind, Sample
from ferbench.data.findings import Finding, as_error
from ferbench.data.replica import ReplicaSite
from ferbench.labels import EXPRESSIONS
from ferbench_fer_datasets.faces import Shot, draw, save, widened
from ferbench_fer_datasets.notes import is_picture, note
from ferbench_fer_datasets.wild import put

PAIRS = "pairs.txt"
IMAGES, PEOPLE = 13233, 5749
FOLDS, PAIRS_OF_A_FOLD = 10, 600

LAYOUT = """
lfw/
├── pairs.txt    "10 300"; then for each of 10 folds 300 lines "name 1 4", a person's first and fourth image, and 300
│                lines "name 1 other 2"; tabs between
└── lfw/Aaron_Peirsol/Aaron_Peirsol_0001.jpg    250 × 250
"""

_IMAGE = re.compile(r"(?:lfw/)?(?P<person>[^/]+)/(?P<id>(?P=person)_\d{4})\.jpg")


@dataclass(frozen=True)
class Pair:
    """Two images, by the ids of their samples.

    Attributes:
        first: an id.
        second: an id.
        same: whether they show one person.
    """

    first: str
    second: str
    same: bool


@dataclass(frozen=True)
class Pairs:
    """The pairs for verification.

    Attributes:
        folds: the folds of the release; no person is in two of them.
    """

    folds: tuple[tuple[Pair, ...], ...]


def read_pairs(folder: Path) -> Pairs:
    """Read the pairs of a copy of LFW (or of a replica), checked against its images.

    Args:
        folder: the data set's own folder.

    Raises:
        DataError: there is no list of pairs, it cannot be read, or it names images that are not there.
    """
    source = Lfw(FileOptions(), folder)
    index = Index(samples=source.index.samples)
    pairs = _parse(source.text(PAIRS), index)
    if index.findings:
        raise as_error(index.findings, source.name)
    return pairs


def _parse(text: str | None, index: Index) -> Pairs:
    """Read the list of pairs, with the images in an index; what is wrong is added to its findings."""
    if text is None:
        index.findings.append(Finding("structure", "the list of pairs", "no such file", PAIRS))
        return Pairs(())
    lines = [line.split() for line in text.splitlines() if line.strip()]
    head = [int(word) for word in lines[0] if word.isdecimal()] if lines else []
    if len(head) != 2 or len(lines[0]) != 2 or len(lines) != 1 + 2 * head[0] * head[1]:
        expected = "a line of two numbers, folds and pairs, then for each fold that many pairs of one person and of two"
        first = " ".join(lines[0]) if lines else ""
        index.findings.append(Finding("annotation", expected, f"{len(lines)} lines, the first {first!r}", PAIRS))
        return Pairs(())
    folds, half = head
    wrong: list[str] = []
    pairs: list[Pair] = []
    for number, words in enumerate(lines[1:]):
        pair = _pair(words)
        if pair is None or pair.same != (number % (2 * half) < half):
            wrong.append(" ".join(words))
        else:
            pairs.append(pair)
    note(index, "annotation", "in a fold first lines such as 'name 1 4', then such as 'name 1 other 2'", wrong, PAIRS)
    named = {name for pair in pairs for name in (pair.first, pair.second)}
    absent = named - {sample.id for sample in index.samples}
    note(index, "missing-image", "the images of all pairs", sorted(absent), PAIRS)
    size = 2 * half
    return Pairs(tuple(tuple(pairs[fold * size : (fold + 1) * size]) for fold in range(folds)))


def _pair(words: list[str]) -> Pair | None:
    if len(words) == 3 and words[1].isdecimal() and words[2].isdecimal():
        return Pair(image_id(words[0], int(words[1])), image_id(words[0], int(words[2])), same=True)
    if len(words) == 4 and words[1].isdecimal() and words[3].isdecimal() and words[0] != words[2]:
        return Pair(image_id(words[0], int(words[1])), image_id(words[2], int(words[3])), same=False)
    return None


def image_id(person: str, number: int) -> str:
    """Return the id of a person's image.

    >>> image_id("Aaron_Peirsol", 4)
    'Aaron_Peirsol_0004'
    """
    return f"{person}_{number:04d}"


class Lfw(FileSource[FileOptions]):
    """LFW: 13,233 images of 5,749 people (Huang et al., 2007); ids are file names without ending."""

    name = "lfw"

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """The people, in order of name."""
        return tuple(sorted({sample.label for sample in self.index.samples}))

    def kinds(self) -> Mapping[str, Kind]:
        """Return the one column beside image and label, which says the same as the label."""
        return {"subject": str}

    def official(self) -> Mapping[str, int]:
        """Return the release's numbers of images, people and pairs."""
        return {"images": IMAGES, "subjects": PEOPLE, "pairs": FOLDS * PAIRS_OF_A_FOLD}

    def read(self) -> Index:
        """Read the names of files and the list of pairs, which may be missing: only `read_pairs` needs it."""
        text = self.text(PAIRS)
        index = Index(annotations=[] if text is None else [PAIRS])
        strange: list[str] = []
        for file in sorted(self.files):
            match = _IMAGE.fullmatch(file)
            if match is None:
                strange += [file] if is_picture(file) else []
                continue
            index.samples.append(Sample(match["id"], file, match["person"], {"subject": match["person"]}))
            index.count("images")
        people = len({sample.label for sample in index.samples})
        index.counts |= {"subjects": people} if people else {}
        note(index, "structure", "images such as Aaron_Peirsol/Aaron_Peirsol_0001.jpg", strange, ".")
        if text is not None:
            index.counts["pairs"] = sum(len(fold) for fold in _parse(text, index).folds)
        return index


def write(site: ReplicaSite) -> Mapping[str, int]:
    """Write a replica: ten folds of two people at least, some with one image, three pairs of either kind a fold."""
    people = max(site.subjects, 2 * FOLDS)
    # A fold's first person has three images or more, so that there are pairs of one person in every fold.
    sizes = [4 + person % 5 if person < FOLDS else 1 + person % 4 for person in range(people)]
    names = [f"{_GIVEN[person % len(_GIVEN)]}_Replica{person:02d}" for person in range(people)]
    with site.progress("drawing lfw", sum(sizes)) as advance:
        for person, (name, size) in enumerate(zip(names, sizes, strict=True)):
            for number in range(1, size + 1):
                expression = EXPRESSIONS[(person + number) % len(EXPRESSIONS)]
                face = draw(Shot(person, expression, 0.7, 0.0, number, size=100, wild=True), site.seed)
                save(site.folder / f"lfw/{name}/{image_id(name, number)}.jpg", widened(face, 250, 250).image)
                advance()
    lines = [f"{FOLDS}\t3"]
    for fold in range(FOLDS):
        first, others = names[fold], names[fold + FOLDS :: FOLDS]
        lines += [f"{first}\t{one}\t{two}" for one, two in ((1, 2), (1, 3), (2, 3))]
        lines += [f"{first}\t{number}\t{others[number % len(others)]}\t1" for number in (1, 2, 3)]
    put(site.folder, PAIRS, "".join(f"{line}\n" for line in lines).encode())
    return {"images": sum(sizes), "subjects": people, "pairs": 6 * FOLDS}


_GIVEN = ("Ada", "Bo", "Chi", "Dov", "El_Amin", "Fay", "Gus")

ENTRIES = [
    DatasetEntry(
        name="lfw",
        factory="ferbench_fer_datasets.lfw:Lfw",
        options=FileOptions,
        replica="ferbench_fer_datasets.lfw:write",
        summary="LFW, for identity: recipes with the target subject, and probes on its pairs; no expressions",
        card=DatasetCard(
            title="Labeled Faces in the Wild",
            attributes=("subject",),
            counts=(("images", IMAGES), ("subjects", PEOPLE), ("pairs", FOLDS * PAIRS_OF_A_FOLD)),
            layout=LAYOUT,
            licence="for research; the photographs are the press's",
            homepage="http://vis-www.cs.umass.edu/lfw/",
            citation="Huang, Ramesh, Berg & Learned-Miller, Labeled faces in the wild: a database for studying face "
            "recognition in unconstrained environments, University of Massachusetts, Amherst, 07-49, 2007",
            notes="no expressions: the label is the person. `ferbench_fer_datasets.lfw:read_pairs` gives the ten folds "
            'of pairs for verification; nothing else needs `pairs.txt`, and `counts = "any"` accepts a copy without it',
        ),
    )
]
