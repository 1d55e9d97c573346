"""The backbone that a method's options name, from the weights that its cell names."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn

from ferbench.errors import ConfigError, WeightsError
from ferbench.options import Options, papers_value
from ferbench.train.backbones import build_backbone
from ferbench.train.method import OptionsT, Setup


def pretrained_backbone(setup: Setup[OptionsT]) -> nn.Module:
    """Return the network of the option `backbone` for the task's images, from the weights in the role `backbone`.

    Called again, it returns another one that starts alike; without weights, at random.

    Args:
        setup: of a method whose options have a `backbone`.

    Raises:
        ConfigError: there is no such backbone.
        WeightsError: the weights are another network's.
    """
    with naming("backbone", setup.options):
        backbone = build_backbone(str(getattr(setup.options, "backbone")), setup.task.image_shape[2])  # noqa: B009
        if "backbone" in setup.weights:
            setup.weights["backbone"].into(backbone)
    return backbone


@contextmanager
def naming(option: str, options: Options) -> Iterator[None]:
    """Let what is refused inside be told with the option that chose it, its value and the paper's.

    Args:
        option: its name.
        options: which have it.
    """
    try:
        yield
    except (ConfigError, WeightsError) as error:
        value = f", {option} = {getattr(options, option)!r}"
        raise type(error)(
            expected=f"{error.expected}, for the option {option}{papers_value(type(options), option)}",
            found=error.found,
            where=error.where if isinstance(error, ConfigError) else error.where + value,
            remedy=error.remedy,
        ) from error
