"""`hugging-face`: any data set of the Hugging Face hub, or a local one in its formats, by name and column mapping."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field, field_validator, model_validator

from ferbench.data.attributes import SPLITS
from ferbench.data.manifest import content_hashes
from ferbench.datasource import DataSource, Site
from ferbench.errors import DataError, closest
from ferbench.options import Options

if TYPE_CHECKING:
    import datasets

_COMMIT = re.compile(r"[0-9a-f]{40}")
_LOCAL = (".", "~")


class HuggingFaceOptions(Options):
    """Options of `hugging-face`.

    Attributes:
        path: a name on the hub (`user/name`), or a local folder, written with a leading `/`, `./` or `~`.
        config: the configuration, where the data set has several.
        revision: the full commit hash on the hub: a branch or a tag may be another data set tomorrow.
        columns: ferbench's name of each column → the data set's; `image` and `label` at least, `subject`, `pose`,
            `split`, `id` and others where there are such.
        splits: the data set's splits that are read → train, validation or test.
        classes: names or codes of classes, as text → the names to use; all of them where labels are bare codes.
        label_columns: columns, by ferbench's name, that tell the label: methods never see them.
    """

    path: str = Field(min_length=1)
    config: str | None = None
    revision: str | None = None
    columns: dict[str, str] = Field(default={"image": "image", "label": "label"})
    splits: dict[str, str] = Field(default={"train": "train", "validation": "validation", "test": "test"})
    classes: dict[str, str] = Field(default_factory=dict)
    label_columns: tuple[str, ...] = ()

    @property
    def is_local(self) -> bool:
        """Whether `path` is a folder of this machine."""
        return self.path.startswith(_LOCAL) or Path(self.path).is_absolute()

    @field_validator("columns")
    @classmethod
    def _image_and_label(cls, value: dict[str, str]) -> dict[str, str]:
        lacking = {"image", "label"} - set(value)
        if lacking:
            raise ValueError(f"a column for {' and '.join(sorted(lacking))} as well")
        return value

    @field_validator("splits")
    @classmethod
    def _known_splits(cls, value: dict[str, str]) -> dict[str, str]:
        unknown = [name for name in value.values() if name not in SPLITS.values()]
        if unknown or not value:
            raise ValueError("each of the data set's splits → train, validation or test")
        return value

    @model_validator(mode="after")
    def _pinned(self) -> HuggingFaceOptions:
        if not self.is_local and not (self.revision and _COMMIT.fullmatch(self.revision)):
            raise ValueError(
                "a revision of 40 hexadecimal digits beside a name on the hub (its page lists the commits); "
                "a local folder is written with a leading '/', './' or '~'"
            )
        return self


class HuggingFace(DataSource[HuggingFaceOptions]):
    """A data set in Hugging Face's formats, its columns and classes mapped to ferbench's."""

    def identity(self) -> Mapping[str, Any]:
        """Return the commit on the hub, or the content hashes of a local folder."""
        options = self.options
        if not options.is_local:
            return {"hub": options.path, "config": options.config, "revision": options.revision}
        folder = self._folder()
        paths = (path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
        files = [path.relative_to(folder).as_posix() for path in paths]
        return {"layout": "hugging-face", "config": options.config, "files": content_hashes(folder, files)}

    def deciding_options(self) -> Mapping[str, Any]:
        """Return the options; of a local folder the content counts, not where it is."""
        options = super().deciding_options()
        return {**options, "path": "a local folder"} if self.options.is_local else options

    def origin(self) -> str:
        """Return the folder, or the name on the hub."""
        return str(self._folder().resolve()) if self.options.is_local else f"hub {self.options.path}"

    def columns(self) -> frozenset[str]:
        """Return the mapped columns, and `split` where there are several."""
        split = {"split"} if len(set(self.options.splits.values())) > 1 else set()
        return frozenset({"id", *self.options.columns, *split})

    def label_columns(self) -> tuple[str, ...]:
        """Return the columns that the user says tell the label."""
        return self.options.label_columns

    def load(self, site: Site) -> datasets.Dataset:
        """Return the mapped data set.

        Raises:
            DataError: it cannot be had, or has no such column, split or class.
        """
        import datasets as hf

        found = self._fetched(site)
        missing = [name for name in self.options.splits if name not in found]
        if missing and "splits" in self.options.model_fields_set:
            raise self._error(f"the split {missing[0]!r}", ", ".join(map(str, found)))
        wanted = {name: self._renamed(found[name]) for name in self.options.splits if name in found}
        if not wanted:
            raise self._error(f"one of the splits {', '.join(self.options.splits)}", ", ".join(map(str, found)))
        names, numbers = self._classes(list(wanted.values()))
        parts = []
        for name, data in wanted.items():
            labels = [numbers[str(code)] for code in data["label"]]
            numbered = data.remove_columns("label").add_column("label", labels)
            parts.append(self._completed(numbered.cast_column("label", hf.ClassLabel(names=names)), name))
        return parts[0] if len(parts) == 1 else hf.concatenate_datasets(parts)

    def _folder(self) -> Path:
        folder = Path(self.options.path).expanduser()
        if not folder.is_dir():
            raise self._error("a local folder", "no such folder")
        return folder

    def _fetched(self, site: Site) -> Mapping[str, datasets.Dataset]:
        import datasets as hf

        options = self.options
        try:
            if options.is_local and (self._folder() / "dataset_dict.json").is_file():
                return dict(hf.load_from_disk(str(self._folder())))
            path = str(self._folder()) if options.is_local else options.path
            return dict(hf.load_dataset(path, options.config, revision=options.revision, cache_dir=str(site.cache)))
        except DataError:
            raise
        except Exception as error:  # the hub's client raises its own, requests' and plain ones
            told = str(error).splitlines()
            raise DataError(
                expected=f"the data set {options.path}" + (f" at {options.revision}" if options.revision else ""),
                found=f"{type(error).__name__}: {told[0] if told else ''}",
                where="the Hugging Face hub" if not options.is_local else options.path,
                remedy="correct name, config, revision; without a network, download it elsewhere and give its folder",
            ) from error

    def _renamed(self, data: datasets.Dataset) -> datasets.Dataset:
        """Return the mapped columns alone, under ferbench's names."""
        theirs = self.options.columns
        lacking = [column for column in theirs.values() if column not in data.column_names]
        if lacking:
            suggestion = closest(lacking[0], data.column_names)
            raise self._error(f"the column {lacking[0]!r}", f"{', '.join(data.column_names)}; {suggestion}")
        data = data.select_columns(list(dict.fromkeys(theirs.values())))
        return data.rename_columns({old: new for new, old in theirs.items() if old != new})

    def _completed(self, data: datasets.Dataset, name: str) -> datasets.Dataset:
        """Add ids and the split where the data set has no such columns."""
        import datasets as hf

        if "id" not in data.column_names:
            data = data.add_column("id", [f"{name}-{row:07d}" for row in range(len(data))])
        if "split" not in data.column_names and "split" in self.columns():
            data = data.add_column("split", [self.options.splits[name]] * len(data))
        return data.cast_column("id", hf.Value("string")).cast_column("image", hf.Image())

    def _classes(self, parts: list[datasets.Dataset]) -> tuple[list[str], dict[str, int]]:
        """Return the class names, and the number of each label as it stands in the data, as text."""
        given, feature = self.options.classes, parts[0].features["label"]
        found = {str(code) for part in parts for code in part["label"] if code is not None}
        if any(part.features["label"] != feature for part in parts):
            raise self._error("one list of classes in all splits", "different ones")
        if any(code is None for part in parts for code in part["label"]):
            raise self._error("a label for every image", "images without one")
        if hasattr(feature, "names"):
            codes = {str(number): given.get(name, name) for number, name in enumerate(feature.names)}
            strange = sorted(set(given) - set(feature.names))
            if strange:
                raise self._error(f"classes among {', '.join(feature.names)}", ", ".join(strange))
        else:
            codes = given or {name: name for name in sorted(found) if feature.dtype == "string"}
        unknown = sorted(found - set(codes))
        if unknown:
            raise self._error("a name in 'classes' for every label", f"without: {', '.join(unknown)}")
        names = list(dict.fromkeys(codes.values()))
        return names, {code: names.index(name) for code, name in codes.items()}

    def _error(self, expected: str, found: str) -> DataError:
        return DataError(
            expected=expected,
            found=found,
            where=f"the data set {self.options.path}",
            remedy="correct the options of 'hugging-face' in the benchmark file",
        )
