"""How fast faces are rendered, end to end: `python benchmarks/render_speed.py --resolution 128 --workers 2`.

The clock runs over a whole `load` into an empty cache: starting the processes, reading the assets, building the
subjects, rendering, encoding as PNG, writing the shards and mapping them.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from ferbench import Site
from ferbench_synthfaces.options import IdentityOptions, StudioOptions, WildOptions
from ferbench_synthfaces.source import Identity, Studio, SynthFaces, Wild


def sources(resolution: int, images: int) -> list[SynthFaces]:
    """Return each domain with about `images` images in its default proportion of images to subjects."""
    return [
        Studio(StudioOptions(resolution=resolution, subjects=max(images // 35, 2))),
        Wild(WildOptions(resolution=resolution, subjects=max(images // 20, 2))),
        Identity(IdentityOptions(resolution=resolution, subjects=max(images // 20, 2))),
    ]


def main() -> None:
    """Render every domain once and print images a second."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--resolution", type=int, default=128)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--images", type=int, default=1400)
    chosen = parser.parse_args()
    for source in sources(chosen.resolution, chosen.images):
        with tempfile.TemporaryDirectory() as folder:
            start = time.perf_counter()
            count = len(source.load(Site(cache=Path(folder) / "cache", workers=chosen.workers)))
            seconds = time.perf_counter() - start
        print(
            f"synthfaces-{source.domain}: {count} images of {chosen.resolution} px, {chosen.workers} workers: "
            f"{count / seconds:.0f} images/s"
        )


if __name__ == "__main__":
    main()
