"""Pretrained weights: read from the formats users have, matched to a network, refused when they do not fit."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ferbench.errors import WeightsError

WRAPPERS = ("state_dict", "model_state_dict", "model", "net")
PREFIXES = ("module.", "model.", "backbone.")
HEADS = ("fc", "head", "classifier", "last_linear", "logits")
REQUIRED_SHARE = 0.95


@dataclass(frozen=True)
class LoadedWeights:
    """Named parameters, ready to be put into a network.

    Attributes:
        name: as the benchmark file calls them.
        state: parameters and buffers by name, prefixes stripped.
        digest: SHA-256 of the file, or id of the recipe's run.
        mean: the input normalisation they were trained with, by channel (pixels / 255), if known.
        std: the same.
        keep_head: True when the user asked for the classification head too.
    """

    name: str
    state: Mapping[str, Tensor]
    digest: str
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    keep_head: bool = False

    def into(self, network: nn.Module) -> Match:
        """Copy the parameters into `network`.

        A first convolution for colour serves grey input by the mean of its kernels over the colours.
        Classification heads are left out unless asked for.

        Raises:
            WeightsError: less than 95 % of the network's parameters are matched; the message lists the keys.
        """
        own = network.state_dict()
        fitting = {key: _fit(self.state[key], value) for key, value in own.items() if key in self.state}
        taken = {key: value for key, value in fitting.items() if value is not None}
        parameters = {key: value.numel() for key, value in network.named_parameters()}
        matched = sum(size for key, size in parameters.items() if key in taken)
        match = Match(
            share=matched / max(1, sum(parameters.values())),
            missing=tuple(sorted(key for key in parameters if key not in taken)),
            unused=tuple(sorted(key for key in self.state if key not in taken)),
        )
        if match.share < REQUIRED_SHARE:
            raise WeightsError(
                expected=f"at least {REQUIRED_SHARE:.0%} of the network's parameters in the weights",
                found=f"{match.share:.1%}; not matched: {_listed(match.missing)}; in the weights but not used: "
                f"{_listed(match.unused)}",
                where=f"weights {self.name} for {type(network).__name__}",
                remedy="choose the backbone these weights were made for",
            )
        network.load_state_dict(taken, strict=False)
        return match


@dataclass(frozen=True)
class Match:
    """How weights fitted a network.

    Attributes:
        share: of the network's parameters that were found, 0 … 1.
        missing: parameters that keep their initialisation.
        unused: keys of the weights that went nowhere.
    """

    share: float
    missing: tuple[str, ...] = ()
    unused: tuple[str, ...] = field(default=())


def _fit(given: Tensor, own: Tensor) -> Tensor | None:
    """Return `given` in the shape of `own`, or None when it does not fit."""
    if given.shape == own.shape:
        return given
    colour_to_grey = given.dim() == 4 and own.dim() == 4 and own.shape[1] == 1 and given.shape[0] == own.shape[0]
    if colour_to_grey and given.shape[2:] == own.shape[2:]:
        return given.mean(dim=1, keepdim=True)
    return None


def _listed(keys: tuple[str, ...], most: int = 6) -> str:
    more = f" and {len(keys) - most} more" if len(keys) > most else ""
    return (", ".join(keys[:most]) or "none") + more


def read_weights(path: Path, where: str, *, allow_pickle: bool = False) -> dict[str, Tensor]:
    """Read parameters from `.pth .pt .ckpt .tar .safetensors`, or from a pickle of arrays if allowed.

    Args:
        path: the file.
        where: for messages.
        allow_pickle: accept files that can run code when they are read; only for files you trust.

    Returns:
        Parameters by name; containers opened, prefixes stripped.

    Raises:
        WeightsError: it cannot be read, or holds no parameters.
    """
    try:
        content = _read(path, allow_pickle)
    except Exception as error:  # safetensors, zip and pickle files fail in a dozen ways; each is told
        hint = "" if allow_pickle else ", or set allow_pickle = true for a pickle that you trust"
        raise WeightsError(
            expected="a file of parameters (.pth .pt .ckpt .tar .safetensors)",
            found=f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}",
            where=where,
            remedy=f"convert it to safetensors{hint}",
        ) from error
    state = _unwrap(content, where)
    if not state:
        raise WeightsError(
            expected="named parameters", found=type(content).__name__, where=where, remedy="save a state_dict"
        )
    return state


def _read(path: Path, allow_pickle: bool) -> Any:  # noqa: ANN401  whatever the file holds
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        return load_file(path)
    if path.suffix == ".pkl":
        if not allow_pickle:
            raise ValueError("a pickle can run code when it is read")
        with path.open("rb") as stream:
            return pickle.load(stream, encoding="latin1")
    return torch.load(path, map_location="cpu", weights_only=not allow_pickle)


def _unwrap(content: Any, where: str) -> dict[str, Tensor]:  # noqa: ANN401
    while isinstance(content, Mapping):
        inner = next((content[key] for key in WRAPPERS if isinstance(content.get(key), Mapping)), None)
        if inner is None:
            break
        content = inner
    if not isinstance(content, Mapping):
        return {}
    state: dict[str, Tensor] = {}
    names: dict[str, str] = {}
    for key, value in content.items():
        tensor = torch.from_numpy(value) if isinstance(value, np.ndarray) else value
        if not isinstance(tensor, Tensor):
            continue
        name = _stripped(str(key))
        if name in state:
            raise WeightsError(
                expected=f"parameters that still have different names without the prefixes {', '.join(PREFIXES)}",
                found=f"{names[name]!r} and {str(key)!r}",
                where=where,
                remedy="save the state_dict of the one network that is meant",
            )
        state[name], names[name] = tensor, str(key)
    return state


def _stripped(key: str) -> str:
    for _ in PREFIXES:
        for prefix in PREFIXES:
            key = key.removeprefix(prefix)
    return key


def without_heads(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Leave out parameters of a classification head: the last layer(s), by their usual names."""
    return {key: value for key, value in state.items() if key.split(".")[0] not in HEADS}
