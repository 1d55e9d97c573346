"""Noting what is wrong in a folder: one finding for each kind of fault, with everything it concerns."""

from __future__ import annotations

from collections.abc import Iterable

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
