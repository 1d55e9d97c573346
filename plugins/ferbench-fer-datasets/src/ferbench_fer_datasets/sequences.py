"""Sequences from a neutral face to the peak of an expression: numbered frames in a folder, some of them used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from pydantic import Field

from ferbench.data.files import FileOptions

Neutral = Literal["none", "first-frame"]


class SequenceOptions(FileOptions):
    """Which frames of a sequence are images of the data set.

    Attributes:
        peak_frames: how many of the last frames, all with the sequence's label.
        neutral: "first-frame" adds the first frame of each labelled sequence as `neutral`.
    """

    peak_frames: int = Field(default=3, ge=1, le=20, description="how many of the last frames")
    neutral: Neutral = Field(default="none", description="'first-frame' adds first frames as neutral")


@dataclass
class Frames:
    """The frames of one sequence.

    Attributes:
        by_number: file of each frame number.
    """

    by_number: dict[int, str] = field(default_factory=dict)

    @property
    def files(self) -> Sequence[str]:
        """The files, first frame first."""
        return [self.by_number[number] for number in sorted(self.by_number)]

    @property
    def last(self) -> int:
        """The number of the last frame."""
        return max(self.by_number)

    def is_complete(self, first: int) -> bool:
        """Return whether the frames are numbered from `first` on, without a gap."""
        return sorted(self.by_number) == list(range(first, first + len(self.by_number)))

    def used(self, label: str, options: SequenceOptions) -> Mapping[str, str]:
        """Return the label of each file that the options ask for, in the order of the frames."""
        files = self.files
        first = {files[0]: "neutral"} if options.neutral == "first-frame" else {}
        return first | dict.fromkeys(files[-options.peak_frames :], label)


def frames_needed(options: SequenceOptions) -> int:
    """Return how many frames a sequence must have, so that no frame is both neutral and a peak."""
    return options.peak_frames + (options.neutral == "first-frame")
