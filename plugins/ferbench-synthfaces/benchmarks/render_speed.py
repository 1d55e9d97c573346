"""How fast faces are rendered, end to end: `python benchmarks/render_speed.py --resolution 128 --workers 2`.

The clock runs over a whole `load` into an empty cache: starting the processes, reading the assets, building the
subjects, rendering, encoding as PNG, writing the shards and mapping them. Processor time is printed beside it, since a
busy machine slows the clock.
"""
# ruff: noqa: INP001 (a script, not a package)

from __future__ import annotations

import argparse
import resource
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


def processor_seconds() -> float:
    """Return the processor time of this process and of its ended workers."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def main() -> None:
    """Render every domain once and print images a second."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--resolution", type=int, default=128)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--images", type=int, default=1400)
    chosen = parser.parse_args()
    for source in sources(chosen.resolution, chosen.images):
        with tempfile.TemporaryDirectory() as folder:
            start, before = time.perf_counter(), processor_seconds()
            count = len(source.load(Site(cache=Path(folder) / "cache", workers=chosen.workers)))
            seconds, busy = time.perf_counter() - start, processor_seconds() - before
        print(
            f"synthfaces-{source.domain}: {count} images of {chosen.resolution} px, {chosen.workers} workers: "
            f"{count / seconds:.0f} images/s, {1000 * busy / count:.1f} ms of processor time an image"
        )


if __name__ == "__main__":
    main()
