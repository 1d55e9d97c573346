"""A data set that draws itself: the colour tells the class, the brightness the subject."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ferbench import DataSource, Site
from toyfaces.options import ToyOptions

if TYPE_CHECKING:
    import datasets


class Toy(DataSource[ToyOptions]):
    """Squares whose colour tells the class; the last subject is the test split."""

    def identity(self) -> Mapping[str, Any]:
        """Return the options that decide the pixels."""
        return self.options.model_dump(mode="json", exclude={"log"})

    def columns(self) -> frozenset[str]:
        """Return what the option `columns` says."""
        return frozenset({"id", "image", "label", *self.options.columns})

    def load(self, site: Site) -> datasets.Dataset:
        """Draw all images."""
        import datasets as hf
        from PIL import Image

        del site
        options = self.options
        if options.log:
            with Path(options.log).open("a") as stream:
                stream.write("loaded\n")
        rng = np.random.default_rng(options.seed)
        rows = []
        rest = 0.3 / max(1, len(options.classes) - 1)
        for subject in range(options.subjects):
            for label, name in enumerate(options.classes):
                for number in range(options.per_subject):
                    colour = np.random.default_rng(label).integers(40, 200, 3)
                    pixels = colour + rng.integers(-30, 30, (options.size, options.size, 3)) + subject
                    held = subject >= options.subjects - max(1, options.subjects // 4)
                    row = {
                        "id": f"s{subject}-{name}-{number}",
                        "image": Image.fromarray(pixels.clip(0, 255).astype(np.uint8)),
                        "label": label,
                        "split": "test" if held else "train",
                        "subject": f"s{subject}",
                        "pose": float(rng.uniform(-60, 60)),
                        "votes": label * 10 + 5,
                        "mixture": [0.7 if other == name else rest for other in options.classes],
                    }
                    rows.append({k: v for k, v in row.items() if k in {"id", "image", "label", *options.columns}})
        if options.shuffled:
            rows = [rows[place] for place in rng.permutation(len(rows))]
        features: dict[str, Any] = {
            "id": hf.Value("string"),
            "image": hf.Image(),
            "label": hf.ClassLabel(names=list(options.classes)),
        }
        types = {"split": "string", "subject": "string", "pose": "float64", "votes": "int64"}
        features |= {name: hf.Value(types[name]) for name in options.columns if name in types}
        if "mixture" in options.columns:
            features["mixture"] = hf.Sequence(hf.Value("float64"))
        return hf.Dataset.from_list(rows, features=hf.Features(features))
