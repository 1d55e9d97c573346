"""Manifests: hashes by which two laboratories tell whether they have the same data without exchanging an image."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ferbench.canonical import digest
from ferbench.data.files import Sample
from ferbench.data.findings import Finding, listed
from ferbench.errors import DataError

SHORT = 16
"""Hexadecimal digits of a sample's digest: enough to tell two annotations apart."""


@dataclass(frozen=True)
class Contents:
    """What a copy of a data set holds.

    Attributes:
        dataset: name of the data set.
        options: the options under which it was read.
        files: SHA-256 by path.
        samples: digest of the annotation (label, split, subject, …) by sample id.
    """

    dataset: str
    options: Mapping[str, Any]
    files: Mapping[str, str]
    samples: Mapping[str, str]

    @cached_property
    def digest(self) -> str:
        """One SHA-256 for all of it: equal for equal copies."""
        return digest([self.dataset, self.files, self.samples])

    @staticmethod
    def of_samples(samples: Sequence[Sample]) -> dict[str, str]:
        """Return the digest of each sample's annotation."""
        return {
            sample.id: digest(_plain([sample.file, sample.label, dict(sample.columns)]))[:SHORT]
            for sample in sorted(samples, key=lambda sample: sample.id)
        }

    def write(self) -> bytes:
        """Return the manifest's text."""
        return (json.dumps({**asdict(self), "digest": self.digest}, indent=1) + "\n").encode()

    @classmethod
    def read(cls, path: Path) -> Contents:
        """Read a manifest.

        Raises:
            DataError: it is none, or was altered.
        """
        try:
            content = json.loads(path.read_text())
            contents = cls(**{name: content[name] for name in ("dataset", "options", "files", "samples")})
            found = str(content["digest"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(
                expected="a manifest that 'ferbench data verify --write-manifest' wrote",
                found=f"{type(error).__name__}: {error}",
                where=str(path),
                remedy="correct the path, or write the manifest anew from the copy to compare with",
            ) from error
        if found != contents.digest:
            raise DataError(
                expected=f"contents with the digest {found[:SHORT]}…, as the manifest says",
                found=f"{contents.digest[:SHORT]}…",
                where=str(path),
                remedy="the manifest was altered: get it again from whoever wrote it",
            )
        return contents


def compare_contents(known: Contents, found: Contents) -> list[Finding]:
    """Return what differs between two copies: files, and annotations of samples that both have.

    Args:
        known: as it should be; without samples, files alone are compared.
        found: as it is.
    """
    if known.dataset != found.dataset:
        return [Finding("manifest", f"a manifest of {found.dataset}", f"one of {known.dataset}", "the manifest")]
    if known.options and known.options != found.options:
        return [Finding("manifest", f"the options {known.options}", str(found.options), "the manifest")]
    findings = []
    for what, old, new in (
        ("files with the known contents", known.files, found.files),
        ("annotations as known", known.samples, found.samples if known.samples else {}),
    ):
        differences = [
            *(f"{name} (missing)" for name in sorted(old.keys() - new.keys())),
            *(f"{name} (not known)" for name in sorted(new.keys() - old.keys())),
            *(f"{name} (another)" for name in sorted(old.keys() & new.keys()) if old[name] != new[name]),
        ]
        if differences:
            findings.append(Finding("manifest", what, listed(differences), ".", tuple(differences)))
    return findings


def _plain(value: Any) -> Any:  # noqa: ANN401  any JSON value, tuples and NaN included
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return None if isinstance(value, float) and value != value else value
