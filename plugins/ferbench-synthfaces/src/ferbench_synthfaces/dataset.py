"""From rendered shards to a Hugging Face data set."""

from __future__ import annotations

from functools import partial

import datasets

from ferbench.datasource import Site
from ferbench_synthfaces.options import FaceOptions
from ferbench_synthfaces.recipes import EXPRESSIONS
from ferbench_synthfaces.rows import all_shots, render_rows
from ferbench_synthfaces.shards import Work, generate


def features() -> datasets.Features:
    """Return the types of the columns."""
    number, text = datasets.Value("float32"), datasets.Value("string")
    return datasets.Features(
        {
            "id": text,
            "image": datasets.Image(),
            "label": datasets.ClassLabel(names=list(EXPRESSIONS)),
            "split": text,
            "subject": text,
            "pose": number,
            "pitch": number,
            "roll": number,
            "landmarks": datasets.Sequence(datasets.Sequence(number, length=2), length=5),
            "landmarks_visible": datasets.Sequence(datasets.Value("bool"), length=5),
            "box": datasets.Sequence(number, length=4),
            "light_azimuth": number,
            "light_elevation": number,
            "light_strength": number,
            "domain": text,
            "intensity": number,
            "mixture": datasets.Sequence(number, length=len(EXPRESSIONS)),
            "sex": text,
            "age": number,
            "ancestry": text,
            "occluder": text,
        }
    )


def load_rendered(domain: str, options: FaceOptions, site: Site) -> datasets.Dataset:
    """Render what the cache lacks and map the whole into memory.

    Args:
        domain: "studio", "wild" or "identity".
        options: of that domain.
        site: cache, workers and progress bar.

    Returns:
        One data set over all shards, in the order of `all_shots`; nothing is copied to another cache.
    """
    work = Work(
        items=all_shots(options),
        make=partial(render_rows, domain, options),
        schema=features().arrow_schema,
    )
    paths = generate(work, site, f"rendering synthfaces-{domain}")
    parts = [datasets.Dataset.from_file(str(path)) for path in paths]
    return datasets.concatenate_datasets(parts)
