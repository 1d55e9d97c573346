"""What ferbench finds by entry point: three data sets. Nothing that renders is imported to list them."""

from __future__ import annotations

from ferbench import DatasetEntry, hookimpl
from ferbench_synthfaces.cards import card
from ferbench_synthfaces.options import IdentityOptions, StudioOptions, WildOptions


@hookimpl
def ferbench_datasets() -> list[DatasetEntry]:
    """Return the three domains of rendered faces."""
    return [
        DatasetEntry(
            name="synthfaces-studio",
            factory="ferbench_synthfaces.source:Studio",
            card=card("posed faces before a plain background, five yaws from −90° to 90°"),
            options=StudioOptions,
            needs_root=False,
            summary="rendered faces, posed: every subject shows every expression at every yaw",
        ),
        DatasetEntry(
            name="synthfaces-wild",
            factory="ferbench_synthfaces.source:Wild",
            card=card("faces in any pose, light and place; weak, mixed and occluded expressions"),
            options=WildOptions,
            needs_root=False,
            summary="rendered faces, in the wild: some labels are truly ambiguous",
        ),
        DatasetEntry(
            name="synthfaces-identity",
            factory="ferbench_synthfaces.source:Identity",
            card=card("many subjects, for pretraining a face-recognition backbone on `subject`"),
            options=IdentityOptions,
            needs_root=False,
            summary="rendered faces of many subjects, for pretraining on identity",
        ),
    ]
