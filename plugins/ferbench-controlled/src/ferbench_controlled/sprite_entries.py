"""The entries of dSprites and of the sprites that are drawn here."""

from __future__ import annotations

from collections.abc import Iterator

from ferbench import DatasetCard, DatasetEntry
from ferbench_controlled.dsprites import IMAGES, SCALE_NAMES
from ferbench_controlled.factors import SCALE
from ferbench_controlled.options import DspritesOptions, SpriteOptions
from ferbench_controlled.shapes import SHAPES

LAYOUT = """
dsprites/                                                   or a folder of the data set's own name
└── dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz          imgs (737280, 64, 64) of 0 and 1; latents_values and
                                                            latents_classes (737280, 6): colour, shape (square,
                                                            ellipse, heart), scale, orientation, x, y
"""

DRAWN_FROM = "Drawn by ferbench from the release, resized to 28 × 28; which images THIN drew is not published."
SYNTHETIC = "Drawn by ferbench after dSprites' factors, and not dSprites: no figure on dSprites stands beside it."

SHAPE_COLUMNS = ("split", "scale", "orientation", "x", "y")
SCALE_COLUMNS = ("split", "shape", "target", "orientation", "x", "y")


def _dsprites(name: str, source: str, summary: str, card: DatasetCard) -> DatasetEntry:
    return DatasetEntry(
        name=name,
        factory=f"ferbench_controlled.dsprites:{source}",
        options=DspritesOptions,
        replica="ferbench_controlled.dsprites_replica:write",
        folder="dsprites",
        summary=summary,
        card=card,
    )


def _dsprites_card(title: str, classes: tuple[str, ...], *, target: bool) -> DatasetCard:
    return DatasetCard(
        title=title,
        classes=classes,
        attributes=SCALE_COLUMNS if target else SHAPE_COLUMNS,
        label_columns=("target",) if target else (),
        counts=tuple((shape, IMAGES // len(SHAPES)) for shape in SHAPES),
        layout=LAYOUT,
        licence="Apache-2.0 (the release's repository)",
        homepage="https://github.com/google-deepmind/dsprites-dataset",
        citation="Matthey et al., dSprites: disentanglement testing Sprites dataset, 2017",
        notes=DRAWN_FROM,
    )


def _sprites(name: str, source: str, summary: str, classes: tuple[str, ...], *, target: bool) -> DatasetEntry:
    card = DatasetCard(
        title=summary,
        classes=classes,
        attributes=SCALE_COLUMNS if target else SHAPE_COLUMNS,
        label_columns=("target",) if target else (),
        licence="code Apache-2.0; images CC0 1.0",
        citation="after the factors of Matthey et al., dSprites, 2017",
        notes=SYNTHETIC,
    )
    return DatasetEntry(
        name=name,
        factory=f"ferbench_controlled.sprites:{source}",
        options=SpriteOptions,
        needs_root=False,
        summary=summary,
        card=card,
    )


def entries() -> Iterator[DatasetEntry]:
    """Yield the entries."""
    shapes, scales = "dSprites: square, ellipse or heart", "dSprites' images, the scale as 6 classes"
    yield _dsprites("dsprites", "Dsprites", shapes, _dsprites_card(shapes, SHAPES, target=False))
    yield _dsprites("dsprites-scale", "DspritesScale", scales, _dsprites_card(scales, SCALE_NAMES, target=True))
    yield _sprites("sprites", "Sprites", "Drawn sprites: square, ellipse or heart", SHAPES, target=False)
    drawn_scales = "Drawn sprites, the scale as 10 classes of 0.05"
    yield _sprites("sprites-scale", "SpritesScale", drawn_scales, SCALE.classes, target=True)
