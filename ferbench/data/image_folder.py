"""`image-folder`: anybody's own images, in folders named after their classes, with an optional CSV of attributes."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from ferbench.data.manifest import content_hashes
from ferbench.datasource import DataSource, Site
from ferbench.errors import DataError
from ferbench.options import Options

if TYPE_CHECKING:
    import datasets

SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".pgm", ".ppm"}
SPLITS = {"train": "train", "test": "test", "validation": "validation", "val": "validation"}


class ImageFolderOptions(Options):
    """Options of `image-folder`."""

    csv: str = Field(
        default="images.csv",
        description="attributes by image: a column 'file' (path below the data set's folder) and any of subject, pose, "
        "split, or others; used where the file exists",
    )


class ImageFolder(DataSource[ImageFolderOptions]):
    """Images in `<class>/…` or `<train|validation|test>/<class>/…`; class names as they stand, sorted."""

    def identity(self) -> Mapping[str, Any]:
        """Return the content hashes of all images and of the CSV."""
        files = [path for path, _, _ in self._images]
        if self._csv.is_file():
            files.append(self._csv)
        return {"layout": "image-folder", "files": content_hashes(self._folder, files)}

    def columns(self) -> frozenset[str]:
        """Return the columns: those every image has, and the CSV's."""
        split = {"split"} if any(part for _, part, _ in self._images) else set()
        names = {name for row in self._attributes.values() for name in row}
        return frozenset({"id", "image", "label"} | split | names)

    def load(self, site: Site) -> datasets.Dataset:
        """Return the images by path; they are decoded when the store is made."""
        import datasets as hf

        del site
        classes = sorted({label for _, _, label in self._images})
        rows = []
        for path, split, label in self._images:
            name = path.relative_to(self._folder).as_posix()
            row = {"id": name, "image": str(path), "label": classes.index(label)}
            rows.append(row | ({"split": split} if split else {}) | self._attributes.get(name, {}))
        table = {name: [row[name] for row in rows] for name in rows[0]}
        data = hf.Dataset.from_dict(table)
        return data.cast_column("image", hf.Image()).cast_column("label", hf.ClassLabel(names=classes))

    @property
    def _folder(self) -> Path:
        if self.root is None or not self.root.is_dir():
            raise DataError(
                expected="a folder of class-named folders of images",
                found="no such folder" if self.root is not None else "no folder",
                where=str(self.root) if self.root is not None else "the data set image-folder",
                remedy="give its parent folder with --data-root DIR",
            )
        return self.root

    @property
    def _csv(self) -> Path:
        return self._folder / self.options.csv

    @cached_property
    def _images(self) -> list[tuple[Path, str, str]]:
        """All images as (path, split or "", class), in order of path.

        Raises:
            DataError: no class folder, or a class without images.
        """
        tops = sorted(path for path in self._folder.iterdir() if path.is_dir() and not path.name.startswith("."))
        divided = bool(tops) and all(path.name in SPLITS for path in tops)
        found: list[tuple[Path, str, str]] = []
        for top in tops:
            classes = sorted(path for path in top.iterdir() if path.is_dir()) if divided else [top]
            for folder in classes:
                images = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
                if not images:
                    raise DataError(
                        expected="at least one image in every class folder",
                        found="an empty class",
                        where=str(folder),
                        remedy=f"add images ({', '.join(sorted(SUFFIXES))}) or remove the folder",
                    )
                found += [(path, SPLITS[top.name] if divided else "", folder.name) for path in images]
        if len({label for _, _, label in found}) < 2:
            raise DataError(
                expected="at least two class-named folders of images",
                found=f"{len(tops)} folders",
                where=str(self._folder),
                remedy="put the images of each class into a folder named after it",
            )
        return found

    @cached_property
    def _attributes(self) -> dict[str, dict[str, Any]]:
        """The CSV's rows by image; empty without a CSV.

        Raises:
            DataError: no column `file`, an image without a row, a row without an image, an unknown split.
        """
        if not self._csv.is_file():
            return {}
        with self._csv.open(newline="", encoding="utf-8") as stream:
            reader = csv.DictReader(stream)
            rows = {row.pop("file", None): row for row in reader}
        images = {path.relative_to(self._folder).as_posix() for path, _, _ in self._images}
        listed = {name for name in rows if name is not None}
        different = sorted(images ^ listed)
        if None in rows or different:
            first = "a row without 'file'" if None in rows else repr(different[0])
            side = "" if None in rows else (" (in the CSV only)" if different[0] in listed else " (an image only)")
            raise DataError(
                expected="a column 'file' with exactly one row for every image",
                found=f"{len(different)} without partner, such as {first}{side}",
                where=str(self._csv),
                remedy="complete the CSV, or rename it to leave it out",
            )
        return {name: self._typed(name, row) for name, row in rows.items() if name is not None}

    def _typed(self, file: str, row: dict[str, str]) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for name, value in row.items():
            if name in {"subject", "split"}:
                result[name] = SPLITS.get(value, value) if name == "split" else value
            else:
                result[name] = _number(value)
        if "split" in result and result["split"] not in SPLITS:
            raise DataError(
                expected="split: train, validation or test",
                found=repr(row["split"]),
                where=f"{self._csv}, {file}",
                remedy="correct the CSV",
            )
        if "pose" in result and not isinstance(result["pose"], float):
            raise DataError(
                expected="pose: yaw in degrees",
                found=repr(row["pose"]),
                where=f"{self._csv}, {file}",
                remedy="correct it",
            )
        return result


def _number(value: str) -> float | str:
    try:
        number = float(value)
    except ValueError:
        return value
    return number if math.isfinite(number) else value
