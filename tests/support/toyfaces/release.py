"""A data set in a user's folder, as a plugin's author would write one: `labels.txt` and `images/`, and its replica."""

from __future__ import annotations

from collections.abc import Mapping

from ferbench.data.files import FileOptions, FileSource, Index, Kind, Sample
from ferbench.data.findings import Finding, listed
from ferbench.data.replica import ReplicaSite

CLASSES = ("anger", "happiness", "neutral")
LIST = "labels.txt"
"""Lines such as `a.png 1 train s0 2 2 14 14`: image, code from 1 on, part, subject, box."""


class Release(FileSource[FileOptions]):
    """Coloured squares, some of them several times."""

    name = "toy-release"
    classes = CLASSES

    def kinds(self) -> Mapping[str, Kind]:
        """Return the columns."""
        return {"split": str, "subject": str, "box": (4,)}

    def official(self) -> Mapping[str, int]:
        """Return numbers that no replica has."""
        return {"train/anger": 1000, "train/happiness": 1000, "train/neutral": 1000}

    def read(self) -> Index:
        """Read the list."""
        index = Index(annotations=[LIST])
        text = self.text(LIST)
        if text is None:
            index.findings.append(Finding("structure", "the list of labels", "no such file", LIST))
            return index
        wrong = []
        for line in text.splitlines():
            name, code, part, subject, *box = line.split()
            if code not in {"1", "2", "3"}:
                wrong.append(line)
                continue
            label = CLASSES[int(code) - 1]
            columns = {"split": part, "subject": subject, "box": [float(edge) for edge in box]}
            index.samples.append(Sample(name, f"images/{name}", label, columns))
            index.count(f"{part}/{label}")
        if wrong:
            index.findings.append(Finding("annotation", "codes 1 to 3", listed(wrong), LIST, tuple(wrong)))
        return index


def write(site: ReplicaSite) -> Mapping[str, int]:
    """Write squares: two images of each class of each subject, the last quarter of the subjects for testing."""
    import numpy as np
    from PIL import Image

    rng = np.random.default_rng(site.seed)
    lines, counts = [], dict[str, int]()
    (site.folder / "images").mkdir()
    for subject in range(site.subjects):
        part = "test" if subject >= site.subjects - max(1, site.subjects // 4) else "train"
        for code, label in enumerate(CLASSES, start=1):
            for number in range(2 + (code == 2)):
                name = f"s{subject}-{code}-{number}.png"
                colour = np.random.default_rng(code).integers(40, 200, 3)
                pixels = (colour + rng.integers(-30, 30, (16, 16, 3))).clip(0, 255).astype(np.uint8)
                Image.fromarray(pixels).save(site.folder / "images" / name)
                lines.append(f"{name} {code} {part} s{subject} 2 2 14 14")
                counts[f"{part}/{label}"] = counts.get(f"{part}/{label}", 0) + 1
    (site.folder / LIST).write_text("\n".join(lines))
    return counts
