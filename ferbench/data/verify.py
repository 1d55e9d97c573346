"""Verify a copy of a data set: structure, counts, images, duplicates, leaks, and a manifest of its contents."""

from __future__ import annotations

import hashlib
import io
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ferbench.data.contents import Contents, compare_contents
from ferbench.data.files import FileSource, Sample
from ferbench.data.findings import Check, Finding, listed
from ferbench.data.manifest import content_hashes
from ferbench.data.pool import in_processes
from ferbench.datasource import DataSource, ProgressBar, Site, silent_progress
from ferbench.errors import DataError
from ferbench.options import Options

if TYPE_CHECKING:
    import datasets

PIECE = 200
"""Images looked at by a process before it reports."""

FEW = 1000
"""So many images are looked at before processes would have started."""

Picture = Mapping[str, Any]
"""An image as `datasets.Image` has it: `path`, or `bytes`."""


@dataclass(frozen=True)
class Verification:
    """What was found.

    Attributes:
        dataset: name of the data set.
        copy_of: what kind of copy it is, when it is not the release itself (a replica).
        images: how many images were looked at.
        expected: numbers as the release states them.
        counts: numbers as counted.
        findings: every difference.
        contents: content hashes of the files and of each sample's annotation.
    """

    dataset: str
    copy_of: str
    images: int
    expected: Mapping[str, int]
    counts: Mapping[str, int]
    findings: Sequence[Finding]
    contents: Contents

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON types."""
        return {
            "dataset": self.dataset,
            "ok": not self.findings,
            "caveat": self.copy_of,
            "images": self.images,
            "expected": dict(self.expected),
            "counts": dict(self.counts),
            "findings": [finding.as_json() for finding in self.findings],
            "contents": self.contents.digest,
        }


@dataclass(frozen=True)
class _Look:
    """What one image is.

    Attributes:
        content: SHA-256 of its bytes.
        pixels: SHA-256 of its decoded pixels; empty when they cannot be decoded.
        size: (width, height).
        error: why it cannot be decoded.
    """

    content: str
    pixels: str = ""
    size: tuple[int, int] = (0, 0)
    error: str = ""


@dataclass(frozen=True)
class _Copy:
    """A data set as it lies there: its samples and, by the key of each picture, what gives the picture."""

    samples: Sequence[Sample]
    keys: Sequence[str]
    pictures: Mapping[str, Callable[[], Picture]]
    findings: Sequence[Finding]
    expected: Mapping[str, int]
    counts: Mapping[str, int]


def verify(
    source: DataSource[Options],
    name: str,
    *,
    known: Contents | None = None,
    workers: int = 1,
    site: Site,
    progress: ProgressBar = silent_progress,
) -> Verification:
    """Look at everything, and go on after a difference.

    Args:
        source: the data set.
        name: of it.
        known: contents that it should have, from another copy.
        workers: processes that look at images.
        site: what a source that is no folder of images loads with.
        progress: a progress bar factory.

    Raises:
        DataError: there is no such folder.
    """
    copy = _of_files(source) if isinstance(source, FileSource) else _loaded(source, site)
    looks = _look(copy.pictures, workers, progress, name)
    contents = _contents(source, name, copy, looks)
    findings = [*copy.findings, *_unreadable(looks), *_boxes(copy, looks), *_repeated(copy, looks), *_subjects(copy)]
    if isinstance(source, FileSource) and source.replica is not None:
        lying_there = content_hashes(source.folder, source.files)
        written = Contents(name, {}, source.replica["files"], {})
        findings += compare_contents(written, Contents(name, {}, lying_there, {}))
    if known is not None:
        findings += compare_contents(known, contents)
    return Verification(name, source.caveat(), len(looks), copy.expected, copy.counts, findings, contents)


def _of_files(source: FileSource[Any]) -> _Copy:
    index = source.index
    there = [sample for sample in index.samples if sample.file in source.files]
    keys = [source.picture_key(sample) for sample in there]
    pictures = {key: partial(source.picture, sample) for key, sample in zip(keys, there, strict=True)}
    return _Copy(there, keys, pictures, index.findings, source.expected_counts(), index.counts)


def _loaded(source: DataSource[Options], site: Site) -> _Copy:
    """Return any other data set, as it loads; what stops it from loading is the one finding."""
    import datasets as hf

    try:
        data = source.load(site)
    except DataError as error:
        return _Copy([], [], {}, [Finding("structure", error.expected, error.found, error.where)], {}, {})
    plain = data.cast_column("image", hf.Image(decode=False))
    names = data.features["label"].names
    samples: list[Sample] = []
    pictures: dict[str, Callable[[], Picture]] = {}
    counts: dict[str, int] = defaultdict(int)
    for number, row in enumerate(plain.remove_columns("image")):
        kept = {column: value for column, value in row.items() if column not in {"id", "image", "label"}}
        samples.append(Sample(row["id"], row["id"], names[row["label"]], kept))
        pictures[row["id"]] = partial(_picture_of, plain, number)
        counts["/".join(filter(None, [kept.get("split", ""), names[row["label"]]]))] += 1
    return _Copy(samples, [sample.id for sample in samples], pictures, [], {}, dict(sorted(counts.items())))


def _picture_of(data: datasets.Dataset, row: int) -> Picture:
    picture: Picture = data[row]["image"]
    return picture


def _look(
    pictures: Mapping[str, Callable[[], Picture]], workers: int, progress: ProgressBar, name: str
) -> dict[str, _Look]:
    keys = list(pictures)
    pieces = [keys[start : start + PIECE] for start in range(0, len(keys), PIECE)]
    tasks = ([(key, _given(pictures[key])) for key in piece] for piece in pieces)
    looks: dict[str, _Look] = {}
    with progress(f"verifying {name}", len(keys)) as advance:
        shared = workers > 1 and len(keys) > FEW
        done = (made for _, made in in_processes(_examine, tasks, workers)) if shared else map(_examine, tasks)
        for made in done:
            looks.update(made)
            advance(len(made))
    return {key: looks[key] for key in keys}


def _given(give: Callable[[], Picture]) -> Picture | _Look:
    """Return a picture, or why the source cannot give it (a row of pixels too short, a model without texture)."""
    try:
        return give()
    except DataError as error:
        return _Look("", error=f"expected {error.expected}; found {error.found}")


def _examine(pictures: Sequence[tuple[str, Picture | _Look]]) -> dict[str, _Look]:
    return {key: picture if isinstance(picture, _Look) else _examined(picture) for key, picture in pictures}


def _examined(picture: Picture) -> _Look:
    from PIL import Image

    content = picture["bytes"]
    try:
        content = Path(picture["path"]).read_bytes() if content is None else content
        with Image.open(io.BytesIO(content)) as image:
            shown = image.convert("RGB").tobytes()
            pixels = hashlib.sha256(f"{image.size}".encode() + shown).hexdigest()
            return _Look(hashlib.sha256(content).hexdigest(), pixels, image.size)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:  # Pillow's, on damaged files
        found = hashlib.sha256(content).hexdigest() if content is not None else ""
        return _Look(found, error=f"{type(error).__name__}: {error}".splitlines()[0][:200])


def _contents(source: DataSource[Options], name: str, copy: _Copy, looks: Mapping[str, _Look]) -> Contents:
    files = {key: look.content for key, look in looks.items()}
    if isinstance(source, FileSource):
        files |= source.annotation_hashes()
    options = source.options.model_dump(mode="json")
    return Contents(name, options, dict(sorted(files.items())), Contents.of_samples(copy.samples))


def _unreadable(looks: Mapping[str, _Look]) -> Iterator[Finding]:
    damaged = [key for key, look in looks.items() if look.error]
    if damaged:
        first = f"{listed(damaged)} ({looks[damaged[0]].error})"
        yield Finding("unreadable", "images that can be decoded", first, ".", tuple(damaged))


def _boxes(copy: _Copy, looks: Mapping[str, _Look]) -> Iterator[Finding]:
    outside = []
    for sample, key in zip(copy.samples, copy.keys, strict=True):
        box, (width, height) = sample.columns.get("box"), looks[key].size
        if isinstance(box, list | tuple) and width and not _inside(box, width, height):
            outside.append(sample.id)
    if outside:
        expected = "faces within their images: left < right, top < bottom"
        yield Finding("box", expected, listed(outside), "the faces' boxes", tuple(outside))


def _inside(box: Sequence[Any], width: int, height: int) -> bool:
    """Return whether a box lies in its image, a pixel of rounding allowed; one that is not known (NaN) does."""
    left, top, right, bottom = (float(edge) for edge in box)
    return isnan(left) or (-1 <= left < right <= width + 1 and -1 <= top < bottom <= height + 1)


def _repeated(copy: _Copy, looks: Mapping[str, _Look]) -> Iterator[Finding]:
    """Find equal pixels: within a part they count twice, over two parts they leak."""
    parts: dict[str, set[str]] = defaultdict(set)
    for sample, key in zip(copy.samples, copy.keys, strict=True):
        parts[key].add(str(sample.columns.get("split") or sample.columns.get("fold") or ""))
    same: dict[str, list[str]] = defaultdict(list)
    for key, look in looks.items():
        if look.pixels:
            same[look.pixels].append(key)
    found: dict[Check, list[str]] = {"duplicate": [], "leak": []}
    for keys in same.values():
        if len(keys) > 1 or len(parts[keys[0]]) > 1:
            told = " = ".join(f"{key} ({'/'.join(sorted(parts[key]))})" if parts[key] != {""} else key for key in keys)
            found["leak" if len(set.union(*(parts[key] for key in keys))) > 1 else "duplicate"].append(told)
    expected: dict[Check, str] = {"duplicate": "no image twice", "leak": "no image in two parts of the division"}
    for check, told_ in found.items():
        if told_:
            yield Finding(check, expected[check], listed(told_), ".", tuple(told_))


def _subjects(copy: _Copy) -> Iterator[Finding]:
    for division in ("split", "fold"):
        parts: dict[str, set[str]] = defaultdict(set)
        for sample in copy.samples:
            subject, part = sample.columns.get("subject"), sample.columns.get(division)
            if subject and part:
                parts[str(subject)].add(str(part))
        shared = [f"{name} ({', '.join(sorted(found))})" for name, found in sorted(parts.items()) if len(found) > 1]
        if shared:
            expected = f"each subject in one {division}"
            yield Finding("subject-leak", expected, listed(shared), f"column {division!r}", tuple(shared))
