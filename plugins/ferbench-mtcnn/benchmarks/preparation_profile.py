"""Where the time goes when images are prepared with `mtcnn`: reading, decoding, detecting, cutting out, writing.

    python plugins/ferbench-mtcnn/benchmarks/preparation_profile.py --images 10000
    python plugins/ferbench-mtcnn/benchmarks/preparation_profile.py --folder ~/data/my-faces --workers 2

`synthfaces-wild` (rendered first, which is not counted), or class-named folders of image files, through the real
`ferbench.data.prepare.prepare`. The parts are measured with one worker; with several, only the whole.
"""
# ruff: noqa: INP001 (a script, not a package)

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

from ferbench import DataSource, Site
from ferbench.canonical import digest
from ferbench.data import detection
from ferbench.data import prepare as preparing
from ferbench.data.image_folder import ImageFolder, ImageFolderOptions
from ferbench.data.pieces import Pieces
from ferbench.spec import PreparedSpec
from ferbench_mtcnn.detector import Mtcnn
from ferbench_mtcnn.options import MtcnnOptions
from ferbench_synthfaces.options import WildOptions
from ferbench_synthfaces.source import Wild

PARTS = {
    "decode": (preparing, "decoded"),
    "detect": (Mtcnn, "faces"),
    "warp": (detection, "mapped"),
    "write": (Pieces, "add"),
    "publish": (Pieces, "publish"),
}


@contextmanager
def timed() -> Iterator[Counter[str]]:
    """Add up the seconds spent in each part, while inside."""
    spent: Counter[str] = Counter()

    def around(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def inner(*given: object, **named: object) -> object:
            begun = time.perf_counter()
            try:
                return function(*given, **named)
            finally:
                spent[name] += time.perf_counter() - begun

        return inner

    patches = [patch.object(home, name, around(part, getattr(home, name))) for part, (home, name) in PARTS.items()]
    for one in patches:
        one.start()
    try:
        yield spent
    finally:
        for one in patches:
            one.stop()


def source_of(chosen: argparse.Namespace) -> tuple[DataSource[Any], str]:
    """Return the data source that was asked for, and its name."""
    if chosen.folder is not None:
        return ImageFolder(ImageFolderOptions(), chosen.folder), "image-folder"
    subjects = max(2, chosen.images // 20)
    return Wild(WildOptions(subjects=subjects, images_per_subject=20, resolution=chosen.resolution)), "synthfaces-wild"


def main() -> None:
    """Prepare and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=10_000, help="of synthfaces-wild, by twenties")
    parser.add_argument("--resolution", type=int, default=96)
    parser.add_argument("--folder", type=Path, help="class-named folders of image files instead")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--no-mirror", action="store_true")
    chosen = parser.parse_args()
    source, name = source_of(chosen)
    options = MtcnnOptions(mirror=not chosen.no_mirror)
    with tempfile.TemporaryDirectory() as cache, patch.dict(os.environ, FERBENCH_CACHE=cache):
        identity = digest(source.identity())
        spec = PreparedSpec(name, {}, identity, "mtcnn", options.model_dump(mode="json"), "", "center-crop", "")
        rendered = preparing.source_cache(spec.dataset, spec.identity, spec.options)
        rendered.mkdir(parents=True)
        count = len(source.load(Site(rendered, chosen.workers)))
        job = preparing.Preparation(spec, source, partial(Mtcnn, options))
        with timed() as spent:
            begun, worked = time.perf_counter(), time.process_time()
            store = preparing.prepare(job, workers=chosen.workers)
            whole, worked = time.perf_counter() - begun, time.process_time() - worked
    faceless = store.info["no_face"]["count"]
    print(f"{name}: {count} images, {faceless} without a face, {chosen.workers} workers, load {os.getloadavg()[0]:.1f}")
    print(f"{whole:.1f} s, {whole / count * 1e3:.1f} ms an image")
    if chosen.workers == 1:
        print(f"{worked / count * 1e3:.1f} ms of processor time an image; of the time that passed:")
        for part, seconds in [*spent.items(), ("rest", whole - sum(spent.values()))]:
            print(f"  {part:8} {seconds / count * 1e3:7.2f} ms an image, {seconds / whole:6.1%}")


if __name__ == "__main__":
    main()
