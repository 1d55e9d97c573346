"""What this distribution offers to ferbench."""

from __future__ import annotations

from ferbench import MethodEntry, hookimpl
from ferbench_resnet.options import ResNetOptions


@hookimpl
def ferbench_methods() -> list[MethodEntry]:
    """Return the baseline."""
    return [
        MethodEntry(
            name="resnet",
            factory="ferbench_resnet.method:ResNet",
            config=ResNetOptions,
            summary="Residual network with a linear head and cross-entropy: ResNet-18/34/50, any timm backbone",
            citation="He, Zhang, Ren, Sun: Deep Residual Learning for Image Recognition, CVPR 2016",
            rehearsal={"backbone": "resnet-tiny", "epochs": 6, "batch_size": 18, "lr": 1e-2, "augment": "none"},
        )
    ]
