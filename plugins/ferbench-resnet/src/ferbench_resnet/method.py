"""The baseline: a residual network (He et al., CVPR 2016) with a linear head, trained with cross-entropy."""

from __future__ import annotations

from ferbench.train import Classifier
from ferbench_resnet.options import ResNetOptions


class ResNet(Classifier[ResNetOptions]):
    """A plain classifier: what every paper's table compares with."""
