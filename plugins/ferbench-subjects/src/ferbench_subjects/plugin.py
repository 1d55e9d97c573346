"""What this distribution offers to ferbench."""

from __future__ import annotations

from ferbench import AttributeEntry, hookimpl
from ferbench_subjects.network import version
from ferbench_subjects.options import ClusterOptions


@hookimpl
def ferbench_attributes() -> list[AttributeEntry]:
    """Return `subject-clusters`."""
    return [
        AttributeEntry(
            name="subject-clusters",
            factory="ferbench_subjects.clusters:SubjectClusters",
            version=f"1, {version()}",
            gives=("subject",),
            options=ClusterOptions,
            needs=frozenset({"landmarks"}),
            summary="Subjects by clustering dlib's face embeddings; estimates, not identities",
        )
    ]
