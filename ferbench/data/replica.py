"""Replicas: synthetic images written in a data set's official layout, for trying a loader without the data set."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ferbench.data.manifest import content_hashes
from ferbench.datasource import ProgressBar, silent_progress
from ferbench.entries import DatasetEntry
from ferbench.errors import DataError, InputError
from ferbench.places import explained, new_folder
from ferbench.plugins import Provided, import_function

REPLICA = "replica.json"
"""The file by which a folder says that it is a replica, in the data set's own folder."""


@dataclass(frozen=True)
class ReplicaSite:
    """What a writer of replicas is given.

    Attributes:
        folder: empty; becomes the data set's own folder.
        subjects: how many people to draw.
        seed: of everything random.
        progress: a progress bar factory.
    """

    folder: Path
    subjects: int = 12
    seed: int = 0
    progress: ProgressBar = field(default=silent_progress)


def write_replica(provided: Provided[DatasetEntry], site: ReplicaSite) -> Mapping[str, Any]:
    """Write a replica of a data set, complete or not at all.

    Args:
        provided: the data set.
        site: `folder` must not exist yet, or be empty.

    Returns:
        What stands in its `replica.json`: of which data set, the counts it was written with, content hashes.

    Raises:
        InputError: the data set has no replica, or the folder holds something.
    """
    name, target = provided.entry.name, site.folder.resolve()
    if provided.entry.replica is None:
        raise InputError(
            expected="a data set of which replicas can be written",
            found=f"{name}, which has none" + ("" if provided.entry.needs_root else ": it needs no files"),
            where=f"distribution {provided.distribution} {provided.version}",
            remedy="'ferbench data list' tells which have",
        )
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise InputError(
            expected="a new or an empty folder", found="something in it", where=str(target), remedy="choose another"
        )
    write = import_function(provided.entry.replica, provided)
    if target.is_dir():
        with explained(target):
            target.rmdir()
    with new_folder(target) as folder:
        counts = write(ReplicaSite(folder, site.subjects, site.seed, site.progress))
        files = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
        content = {
            "replica_of": name,
            "note": f"Synthetic images in the layout of {name}: no figure on them says anything of it.",
            "subjects": site.subjects,
            "seed": site.seed,
            "counts": dict(counts),
            "files": content_hashes(folder, files, remember=False),
        }
        (folder / REPLICA).write_text(json.dumps(content, indent=1) + "\n")
    return content


def read_replica(root: Path) -> Mapping[str, Any] | None:
    """Return what a folder says of being a replica; None where it is none.

    Raises:
        DataError: the file that says so cannot be read.
    """
    path = root / REPLICA
    if not path.is_file():
        return None
    try:
        content: Mapping[str, Any] = json.loads(path.read_text())
        _ = content["replica_of"], content["counts"], content["files"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            expected="a replica's description as it was written",
            found=f"{type(error).__name__}: {error}",
            where=str(path),
            remedy="write the replica anew",
        ) from error
    return content
