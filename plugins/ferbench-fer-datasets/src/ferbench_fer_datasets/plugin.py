"""What ferbench finds by entry point: the data sets. Nothing that draws or decodes is imported to list them."""

from __future__ import annotations

from ferbench import DatasetEntry, hookimpl
from ferbench_fer_datasets import (
    affectnet,
    bu_3dfe,
    ck_plus,
    expw,
    fer2013,
    fer_plus,
    jaffe,
    kdef,
    lfw,
    multi_pie,
    oulu_casia,
    raf_db,
    sfew,
)

MODULES = (
    ck_plus,
    oulu_casia,
    kdef,
    jaffe,
    multi_pie,
    bu_3dfe,
    raf_db,
    affectnet,
    sfew,
    expw,
    fer2013,
    fer_plus,
    lfw,
)


@hookimpl
def ferbench_datasets() -> list[DatasetEntry]:
    """Return every data set of this plugin, a module each."""
    return [entry for module in MODULES for entry in module.ENTRIES]
