"""Options of the ResNet baselines."""

from __future__ import annotations

from ferbench import ClassifierOptions


class ResNetOptions(ClassifierOptions):
    """As any classifier's; `backbone` is a small one of ferbench or any timm model."""
