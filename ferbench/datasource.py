"""What a data set plugin implements: where its images come from and what identifies them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from ferbench.options import Options

if TYPE_CHECKING:
    import datasets

OptionsT = TypeVar("OptionsT", bound=Options)


class Advance(Protocol):
    """Moves a progress bar on."""

    def __call__(self, steps: int = 1) -> None:
        """Say that `steps` more items are done."""


ProgressBar = Callable[[str, int], AbstractContextManager[Advance]]
"""`with progress("rendering", 1000) as advance: … advance()`."""


@contextmanager
def silent_progress(description: str, total: int) -> Iterator[Advance]:
    """Show nothing: the bar of a caller that wants none."""
    del description, total

    def advance(steps: int = 1) -> None:
        del steps

    yield advance


@dataclass(frozen=True)
class Site:
    """What the harness lends a data source while it loads.

    Attributes:
        cache: a folder of the source's own, named after its identity, that outlives the process. What is
            written there must be written aside and renamed.
        workers: how many processes it may use.
        progress: a progress bar factory.
    """

    cache: Path
    workers: int = 1
    progress: ProgressBar = field(default=silent_progress)


class DataSource(ABC, Generic[OptionsT]):
    """A data set: images with named classes.

    Args:
        options: the validated options of the data set's entry.
        root: the user's folder of this data set; None where the entry says that it needs none.
    """

    def __init__(self, options: OptionsT, root: Path | None = None) -> None:
        self.options = options
        self.root = root

    @abstractmethod
    def identity(self) -> Mapping[str, Any]:
        """Return, as JSON types, every input that decides the data's content.

        A generator: its options, its own source and asset hashes. A user's folder: a manifest's content hash
        (`ferbench.data.manifest`). Cheap: it is called for every plan and must not import `datasets`.

        Raises:
            DataError: the folder is missing or does not have the expected layout.
        """

    @abstractmethod
    def columns(self) -> frozenset[str]:
        """Return the names of the columns `load` will give, without loading."""

    def label_columns(self) -> tuple[str, ...]:
        """Return columns that tell the label besides those of the card; methods never see them."""
        return ()

    def deciding_options(self) -> Mapping[str, Any]:
        """Return the options that decide the content, as JSON types; all of them, unless one is only a place."""
        return self.options.model_dump(mode="json")

    def origin(self) -> str:
        """Return where its images come from, whatever the options.

        Two data sets of one origin may hold the same images: what is tested on one is not pretrained on the other.
        """
        if self.root is not None:
            return str(self.root.resolve())
        return f"{type(self).__module__}.{type(self).__qualname__} seed {getattr(self.options, 'seed', None)}"

    def caveat(self) -> str:
        """Return what keeps this copy from being the data set as released (a replica, other counts); else nothing.

        Leaderboards show it, and no figure that a paper prints stands beside such a copy.
        """
        return ""

    @abstractmethod
    def load(self, site: Site) -> datasets.Dataset:
        """Return the data set.

        Columns: `id` (str, unique, stable over machines), `image` (datasets.Image), `label` (ClassLabel), and
        where known `split` ("train" | "validation" | "test"), `subject` (str), `pose` (float yaw, degrees,
        positive to the subject's left), `landmarks` (5 × 2 float pixels: the subject's right eye, left eye, nose tip,
        right mouth corner, left mouth corner, i.e. in image order for a frontal face), `box` (left, top,
        right, bottom; pixels), `mixture` (one share a class, in the classes' order: votes, or what is known by
        construction; a label column) and any further attributes (numbers or strings). Landmarks count from the centre
        of the first pixel, boxes from its outer edge.

        Raises:
            DataError: an image or an annotation is missing or unreadable.
        """
