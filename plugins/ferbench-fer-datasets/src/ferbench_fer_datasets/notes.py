"""Noting what is wrong in a folder: one finding for each kind of fault, with everything it concerns."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from ferbench.data.files import Index
from ferbench.data.findings import Check, Finding, listed

IMAGE_SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff")
"""What a picture's file may end in, lower case; other files (thumbnail databases, readmes) are nobody's sample."""


def note(index: Index, check: Check, expected: str, items: Iterable[str], where: str) -> None:
    """Add a finding to an index, if there is anything to find.

    Args:
        index: what is being read.
        check: what kind of fault.
        expected: what should have been there instead of each item.
        items: files, lines or folders at fault, in the order in which they are to be told.
        where: the file or folder they are in, below the data set's own.
    """
    all_of_them = tuple(items)
    if all_of_them:
        index.findings.append(Finding(check, expected, listed(all_of_them), where, all_of_them))


def is_picture(file: str) -> bool:
    """Return whether a file's name says that it is a picture.

    >>> is_picture("AF01/AF01ANS.JPG"), is_picture("AF01/Thumbs.db")
    (True, False)
    """
    return file.lower().endswith(IMAGE_SUFFIXES)


def prefixes(files: Iterable[str], marker: str) -> Sequence[str]:
    r"""Return the folders in which something lies: one archive unpacks deeper than the next.

    Args:
        files: paths with '/'.
        marker: a regular expression of how a path goes on below such a folder.

    Returns:
        Each with '/' at its end, "" for the top; in alphabetical order.

    >>> prefixes(["Emotion/Emotion/S005/001/S005_001_00000011_emotion.txt", "Emotion/readme.txt"], r"Emotion/S\d{3}/")
    ['Emotion/']
    """
    below = re.compile(rf"((?:[^/]+/)*?)(?:{marker})")
    return sorted({match[1] for match in map(below.match, files) if match})


def only_prefix(index: Index, found: Sequence[str], what: str) -> str:
    """Return the one folder in which something lies, "" where it is nowhere; several are a finding.

    Args:
        index: what is being read.
        found: `prefixes`.
        what: lies there, for the message.
    """
    if len(found) > 1:
        places = [prefix or "." for prefix in found]
        note(index, "structure", f"one folder with {what}", places, ".")
    return found[0] if found else ""
