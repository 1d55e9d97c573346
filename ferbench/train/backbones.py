"""Backbones by name: any of timm's, and two small residual ones for quick runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from torch import Tensor, nn

from ferbench.errors import ConfigError, closest

SMALL: dict[str, dict[str, Any]] = {
    "resnet-small": {"layers": (1, 1, 1, 1), "channels": (16, 32, 64, 128)},
    "resnet-tiny": {"layers": (1, 1, 1, 1), "channels": (8, 16, 32, 64)},
}
"""Residual networks of the usual four stages, narrow and one block deep (resnet-small: 0.3 M parameters)."""


def build_backbone(name: str, in_channels: int = 3) -> nn.Module:
    """Return an untrained backbone (B, C, h, w) → (B, D), pooled; `feature_width` tells D.

    Args:
        name: a small one of `SMALL`, or any timm model.
        in_channels: C.

    Raises:
        ConfigError: no such backbone.
    """
    import timm  # four seconds: only where a network is built
    from timm.models.resnet import BasicBlock, ResNet

    if name in SMALL:
        shape = SMALL[name]
        # A deep stem is the one whose width timm lets one choose: three 3 × 3 convolutions, twice stem_width wide.
        small: nn.Module = ResNet(
            BasicBlock,
            num_classes=0,
            in_chans=in_channels,
            stem_type="deep",
            stem_width=shape["channels"][0] // 2,
            **shape,
        )
        return small
    if name not in timm.list_models():
        raise ConfigError(
            expected="a timm model, or one of " + ", ".join(SMALL),
            found=repr(name),
            where="the option 'backbone'",
            remedy=f"{closest(name, [*SMALL, *timm.list_models()])}timm.list_models() lists them",
        )
    model: nn.Module = timm.create_model(name, pretrained=False, num_classes=0, in_chans=in_channels)
    return model


def feature_width(backbone: nn.Module) -> int:
    """Return D of a backbone's pooled features (B, D); some of timm's have a wider layer after pooling."""
    return int(getattr(backbone, "head_hidden_size", None) or backbone.num_features)  # type: ignore[arg-type]


def feature_map(backbone: nn.Module, images: Tensor) -> Tensor:
    """Return the last map of a backbone, before it is pooled: (B, C, h, w) → (B, D, H, W).

    Raises:
        ConfigError: it has none, such as a transformer, whose last features are a sequence.
    """
    last = getattr(backbone, "forward_features", None)  # timm's name for it
    made = last(images) if callable(last) else None
    if not isinstance(made, Tensor) or made.ndim != 4:
        raise ConfigError(
            expected="a backbone whose last features are a map (B, D, H, W)",
            found=f"features of shape {tuple(made.shape)}" if isinstance(made, Tensor) else "no such features",
            where=f"the backbone {type(backbone).__name__}",
            remedy="choose a convolutional backbone, such as a residual network",
        )
    return made


def pooled_map(backbone: nn.Module, maps: Tensor) -> Tensor:
    """Return what a backbone makes of its last map: (B, D, H, W) → (B, D); of `feature_map`, its embedding."""
    pool = cast("Callable[..., Tensor]", backbone.forward_head)
    return pool(maps, pre_logits=True)
