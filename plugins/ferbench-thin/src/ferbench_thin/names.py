"""Names of parameters: VGG-Face's, torchvision's and timm's, in the names of this plugin's networks."""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor

from ferbench_thin.networks import VGG16

# Positions of the convolutions among the layers of VGG-16 without batch norm, block by block: two layers each
# (convolution, ReLU) and one of pooling after each block.
_VGG_CONVOLUTIONS = {
    f"conv{block}_{number}": position
    for block, positions in enumerate([(0, 2), (5, 7), (10, 12, 14), (17, 19, 21), (24, 26, 28)], start=1)
    for number, position in enumerate(positions, start=1)
}
_VGG_CLASSIFIER = {"fc6": "classifier.layers.0", "fc7": "classifier.layers.1", "fc8": "classifier.output"}


def in_our_names(state: Mapping[str, Tensor], trunk: str) -> dict[str, Tensor]:
    """Return parameters under the names `trunk.…` and `classifier.…`.

    Understood are this plugin's own, VGG-Face's (conv1_1 … conv5_3, fc6 … fc8), torchvision's and timm's VGG-16
    (features.N), and any other backbone's of timm.

    Args:
        state: parameters by name.
        trunk: the option; `features.N` are layers of `vgg16`, and of any other backbone its own.
    """
    own = any(key.startswith("trunk.") for key in state)
    return {(key if own else _renamed(key, trunk)): value for key, value in state.items()}


def _renamed(key: str, trunk: str) -> str:
    layer, _, rest = key.rpartition(".")
    if layer in _VGG_CONVOLUTIONS:
        return f"trunk.layers.{_VGG_CONVOLUTIONS[layer]}.{rest}"
    if layer in _VGG_CLASSIFIER:
        return f"{_VGG_CLASSIFIER[layer]}.{rest}"
    if trunk == VGG16 and re.fullmatch(r"features\.\d+", layer):
        return f"trunk.layers.{layer.removeprefix('features.')}.{rest}"
    return f"trunk.layers.backbone.{key}"
