"""The network of `retinaface-pytorch` with a user's weights."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from retinaface.network import RetinaFace as Layers  # type: ignore[import-untyped]
from torch import Tensor, nn

from ferbench.data.preprocess import Image
from ferbench.errors import WeightsError
from ferbench.weights import read_weights

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
CAFFE = (104.0, 117.0, 123.0)


def build_network() -> nn.Module:
    """Return the network of ResNet-50 layout, randomly initialised, in evaluation mode."""
    with warnings.catch_warnings():
        # It is written for a torchvision that had `pretrained`; False means the same in today's.
        warnings.filterwarnings("ignore", message=".*(pretrained|weight enum).*", category=UserWarning)
        network: nn.Module = Layers(
            name="Resnet50",
            pretrained=False,
            in_channels=256,
            return_layers={"layer2": 1, "layer3": 2, "layer4": 3},
            out_channels=256,
        )
    return network.eval().requires_grad_(requires_grad=False)


def load_network(path: Path) -> nn.Module:
    """Return the network with the weights of a file.

    Raises:
        WeightsError: the file cannot be read, or holds another network; the message lists keys.
    """
    where = f"the weights `detector` of the preprocessor retinaface: {path}"
    given = read_weights(path, where)
    with torch.device("meta"):  # its names and shapes; the values are the file's
        network = build_network()
    # Counters of batches are not needed to detect, and files from before torch 0.4.1 have none.
    own = {key: value for key, value in network.state_dict().items() if not key.endswith("num_batches_tracked")}
    missing = [key for key in own if key not in given]
    misfits = [
        f"{key} {tuple(given[key].shape)} instead of {tuple(value.shape)}"
        for key, value in own.items()
        if key in given and given[key].shape != value.shape
    ]
    if missing or misfits:
        unknown = [key for key in given if key not in network.state_dict()]
        raise WeightsError(
            expected=f"all {len(own)} tensors of RetinaFace in ResNet-50 layout ({_some(list(own))})",
            found=f"{len(given)} tensors; missing: {_some(missing)}; of another shape: {_some(misfits)}; "
            f"not of this network: {_some(unknown)}",
            where=where,
            remedy="give the ResNet-50 weights of retinaface-pytorch or Pytorch_Retinaface, unpacked",
        )
    counters = {key: torch.zeros((), dtype=torch.long) for key in network.state_dict() if key not in own}
    network.load_state_dict({**{key: given[key].float() for key in own}, **counters}, assign=True)
    return network.requires_grad_(requires_grad=False)


def _some(keys: list[str], most: int = 4) -> str:
    more = f" and {len(keys) - most} more" if len(keys) > most else ""
    return (", ".join(keys[:most]) or "none") + more


def network_input(image: Image, pixels: Literal["imagenet", "caffe"]) -> Tensor:
    """Return (1, 3, H, W) float32 from (H, W, 3) uint8 RGB, as the weights know it.

    Args:
        image: the image.
        pixels: of `RetinaFaceOptions`.
    """
    if pixels == "caffe":
        values = image[..., ::-1].astype(np.float32) - np.asarray(CAFFE, dtype=np.float32)
    else:
        mean, std = (np.asarray(one, dtype=np.float32) * 255 for one in IMAGENET)
        values = (image.astype(np.float32) - mean) / std
    return torch.from_numpy(np.ascontiguousarray(values.transpose(2, 0, 1), dtype=np.float32))[None]
