"""What this distribution offers to ferbench."""

from __future__ import annotations

from ferbench import MethodEntry, hookimpl
from ferbench_eac.options import EACOptions


@hookimpl
def ferbench_methods() -> list[MethodEntry]:
    """Return EAC."""
    return [
        MethodEntry(
            name="eac",
            factory="ferbench_eac.method:EAC",
            config=EACOptions,
            summary="Erasing attention consistency: class activation maps agree between an image and its mirror image",
            citation="Zhang et al.: Learn From All: Erasing Attention Consistency for Noisy Label Facial Expression "
            "Recognition, ECCV 2022",
        )
    ]
