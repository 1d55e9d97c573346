"""`image-folder`: anybody's own images, in folders named after their classes, with an optional CSV of attributes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from ferbench.data.attributes import SPLITS, Attributes, read_attributes
from ferbench.data.manifest import content_hashes
from ferbench.datasource import DataSource, Site
from ferbench.errors import DataError
from ferbench.options import Options

if TYPE_CHECKING:
    import datasets

SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".pgm", ".ppm"}
CLUTTER = {"Thumbs.db", "desktop.ini"}
"""What operating systems leave in folders of images."""


class ImageFolderOptions(Options):
    """Options of `image-folder`."""

    csv: str = Field(
        default="images.csv",
        description="attributes by image: a column 'file' (path below the data set's folder) and any of subject, pose, "
        "split, or others; used where the file exists",
    )
    label_columns: tuple[str, ...] = Field(
        default=(), description="columns of the CSV that tell the label (votes, an earlier label): kept from methods"
    )


class ImageFolder(DataSource[ImageFolderOptions]):
    """Images in `<class>/…` or `<train|validation|test>/<class>/…`; class names as they stand, sorted."""

    def identity(self) -> Mapping[str, Any]:
        """Return the content hashes of all images and of the CSV."""
        files = [path for path, _, _ in self._images]
        if self._csv.is_file():
            files.append(self._csv)
        return {
            "layout": "image-folder",
            "files": content_hashes(self._folder, [path.relative_to(self._folder).as_posix() for path in files]),
        }

    def label_columns(self) -> tuple[str, ...]:
        """Return the columns of the CSV that the user says tell the label."""
        return self.options.label_columns

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
        above = [self._folder, *tops] if divided else [self._folder]
        loose = [path for folder in above for path in folder.iterdir() if path.suffix.lower() in SUFFIXES]
        if loose:
            raise DataError(
                expected="every image in a folder named after its class",
                found=f"{len(loose)} beside them, such as {loose[0].name!r}",
                where=str(self._folder),
                remedy="move them into class folders, or out of the data set",
            )
        found: list[tuple[Path, str, str]] = []
        for top in tops:
            classes = sorted(path for path in top.iterdir() if path.is_dir()) if divided else [top]
            for folder in classes:
                images = self._images_in(folder)
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

    def _images_in(self, folder: Path) -> list[Path]:
        """Return the images of a class; whatever else lies there is no image that was forgotten in silence."""
        files = sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
        others = [path for path in files if path.suffix.lower() not in SUFFIXES and path.name not in CLUTTER]
        if others:
            raise DataError(
                expected=f"images ({', '.join(sorted(SUFFIXES))})",
                found=f"{len(others)} other files, such as {others[0].name!r}",
                where=str(folder),
                remedy="convert them, or take them out of the class folders",
            )
        return [path for path in files if path.suffix.lower() in SUFFIXES]

    @cached_property
    def _attributes(self) -> Attributes:
        """The CSV's rows by image; empty without a CSV.

        Raises:
            DataError: the CSV does not fit the images, or gives them another split than their folders.
        """
        if not self._csv.is_file():
            self._require_default_csv()
            return {}
        splits = {path.relative_to(self._folder).as_posix(): split for path, split, _ in self._images}
        attributes = read_attributes(self._csv, splits)
        for name, row in attributes.items():
            if splits[name] and row.get("split", splits[name]) != splits[name]:
                raise DataError(
                    expected="one split for each image",
                    found=f"{row['split']} for {name}, which lies in the folder of {splits[name]}",
                    where=str(self._csv),
                    remedy="leave the column 'split' out, or move the image",
                )
        return attributes

    def _require_default_csv(self) -> None:
        if self.options.csv != ImageFolderOptions().csv:
            raise DataError(
                expected="the CSV that the option 'csv' names",
                found="no such file",
                where=str(self._csv),
                remedy="correct the option; it is a path below the data set's folder",
            )
