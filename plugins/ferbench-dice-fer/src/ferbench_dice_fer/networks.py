"""The networks of Fig. 2: encoders, statistics networks, discriminator, classifier."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Generic, NamedTuple, TypeVar, cast

import torch
from torch import Tensor, nn

from ferbench.errors import ConfigError
from ferbench.train import Context, feature_map, feature_width, pooled_map
from ferbench_dice_fer.equations import Estimation, joint_and_product, over_locations, rolled

Part = TypeVar("Part", bound=nn.Module)


class Encoded(NamedTuple):
    """What an encoder makes of images: (B, …), or (B, 2, …) of pairs.

    Attributes:
        codes: (B, D).
        maps: (B, C, h, w), the backbone's last feature map.
    """

    codes: Tensor
    maps: Tensor


class Encoder(nn.Module):
    """A backbone and a linear layer: images (B, c, H, W) → codes (B, D) and last feature maps.

    Args:
        backbone: images → features, as `build_backbone` gives it.
        name: its name, for the message.
        image_shape: (H, W, c).
        width: D.

    Attributes:
        map_shape: (C, h, w) of a feature map.

    Raises:
        ConfigError: the backbone has no feature map.
    """

    def __init__(self, backbone: nn.Module, name: str, image_shape: tuple[int, int, int], width: int) -> None:
        super().__init__()
        height, across, channels = image_shape
        self.backbone = backbone
        self.head = nn.Linear(feature_width(self.backbone), width)
        self.map_shape = self._measured(name, torch.zeros(1, channels, height, across))

    def _measured(self, name: str, image: Tensor) -> tuple[int, int, int]:
        was_training = self.backbone.training
        self.backbone.eval()
        try:
            with torch.no_grad():
                made = tuple(feature_map(self.backbone, image).shape)
        except ConfigError as error:
            raise _no_map(name, error.found) from error
        except (AssertionError, RuntimeError, ValueError) as error:  # what is made for images of another size
            raise _no_map(name, str(error)) from error
        self.backbone.train(was_training)
        if made[1] != self.backbone.num_features:
            raise _no_map(name, f"features of shape {made}")
        return made[1], made[2], made[3]

    def forward(self, images: Tensor) -> Encoded:
        """Return codes and maps."""
        maps = feature_map(self.backbone, images)
        return Encoded(self.head(pooled_map(self.backbone, maps)), maps)


def _no_map(name: str, found: str) -> ConfigError:
    return ConfigError(
        expected="backbone: a convolutional network, whose features are a map (B, C, h, w) (the paper uses resnet18)",
        found=f"{name!r}: {found}",
        where="the options of dice-fer",
        remedy="choose a convolutional backbone, such as a residual network, that takes the size of the images",
    )


class Sides(nn.Module, Generic[Part]):
    """A network for each image of a pair: one for both, or one for M and one for N.

    Args:
        make: makes one.
        separate: two instead of one.
    """

    def __init__(self, make: Callable[[], Part], *, separate: bool) -> None:
        super().__init__()
        self.parts = nn.ModuleList([make() for _ in range(2 if separate else 1)])

    def __iter__(self) -> Iterator[Part]:
        """Iterate over the one or two networks."""
        return iter(self.parts)  # type: ignore[arg-type]  # a module list does not know what it holds

    def of(self, side: int) -> Part:
        """Return the network of M (0) or N (1)."""
        part: Part = self.parts[side % len(self.parts)]  # type: ignore[assignment]
        return part


class Encoders(Sides[Encoder]):
    """The encoders of a representation, for pairs and for images by themselves."""

    def pairs(self, images: Tensor) -> Encoded:
        """Return codes (B, 2, D) and maps (B, 2, C, h, w) of pairs (B, 2, c, H, W)."""
        if len(self.parts) == 1:
            both = self.of(0)(images.flatten(0, 1))  # one pass: batch norm sees all images of the batch
            return Encoded(*(values.unflatten(0, (-1, 2)) for values in both))
        each = [self.of(side)(images[:, side]) for side in (0, 1)]
        return Encoded(*(torch.stack(values, dim=1) for values in zip(*each, strict=True)))

    def codes(self, images: Tensor) -> Tensor:
        """Return the codes (B, D) of images (B, c, H, W): the mean of both encoders' where there are two."""
        return torch.stack([encoder(images).codes for encoder in self]).mean(dim=0)


class Information(NamedTuple):
    """Estimated mutual information between images and a representation.

    Attributes:
        whole: global (eq. 4).
        places: local (eq. 5).
    """

    whole: Tensor
    places: Tensor

    def weighted(self, mu: float, nu: float) -> Tensor:
        """Return μ · global + ν · local: the terms of one image in eq. 6 and 9."""
        return mu * self.whole + nu * self.places

    def log(self, context: Context, name: str) -> None:
        """Note both in the history."""
        context.log(f"global_{name}", self.whole)
        context.log(f"local_{name}", self.places)


class Statistics(nn.Module):
    """The statistics networks U of one image of a pair: how well a map and a representation belong together.

    Global: the flattened map beside the representation, two hidden layers. Local: the same of each location of the
    map, by 1 × 1 convolutions.

    Args:
        map_shape: (C, h, w).
        width: of the representation, R.
        hidden: units of each hidden layer.
        form: how the mutual information is estimated from scores.
    """

    def __init__(self, map_shape: tuple[int, int, int], width: int, hidden: int, form: Estimation) -> None:
        super().__init__()
        channels, height, across = map_shape
        self.whole = perceptron(channels * height * across + width, hidden, hidden, 1)
        self.places = nn.Sequential(
            nn.Conv2d(channels + width, hidden, 1),
            nn.ReLU(),
            nn.Conv2d(hidden, hidden, 1),
            nn.ReLU(),
            nn.Conv2d(hidden, 1, 1),
        )
        self.form = form

    def forward(self, maps: Tensor, representations: Tensor) -> Information:
        """Estimate the mutual information over a batch (eq. 3 to 5).

        Args:
            maps: (B, C, h, w) of images.
            representations: (B, R), each belonging to the map in its place; to the other maps it does not.
        """
        if self.form.negatives == "rolled":
            others = rolled(representations)
            whole = self._of_whole(maps, representations), self._of_whole(maps, others)
            places = self._of_places(maps, representations), self._of_places(maps, others)
        else:
            whole = joint_and_product(self._whole_of_all(maps, representations))
            places = joint_and_product(self._places_of_all(maps, representations))
        return Information(
            self.form.estimator(*whole), over_locations(self.form.estimator(*places), self.form.locations)
        )

    def _whole_of_all(self, maps: Tensor, representations: Tensor) -> Tensor:
        """Return scores (B, B) of every map beside every representation; each is multiplied by its weights once."""
        flat, first = maps.flatten(1), cast("nn.Linear", self.whole[0])
        of_map, of_code = first.weight[:, : flat.shape[1]], first.weight[:, flat.shape[1] :]
        hidden = (flat @ of_map.T)[:, None] + nn.functional.linear(representations, of_code, first.bias)[None]
        scores: Tensor = self.whole[1:](hidden)
        return scores.squeeze(2).float()

    def _places_of_all(self, maps: Tensor, representations: Tensor) -> Tensor:
        """Return scores (B, B, h · w)."""
        first, count = cast("nn.Conv2d", self.places[0]), len(maps)
        of_map, of_code = first.weight[:, : maps.shape[1], 0, 0], first.weight[:, maps.shape[1] :, 0, 0]
        beside = nn.functional.linear(representations, of_code, first.bias)[None, :, :, None, None]
        hidden = torch.einsum("bchw,dc->bdhw", maps, of_map)[:, None] + beside
        scores: Tensor = self.places[1:](hidden.flatten(0, 1))
        return scores.reshape(count, count, -1).float()

    def _of_whole(self, maps: Tensor, representations: Tensor) -> Tensor:
        """Return scores (B,)."""
        scores: Tensor = self.whole(torch.cat([maps.flatten(1), representations], dim=1))
        return scores.squeeze(1).float()

    def _of_places(self, maps: Tensor, representations: Tensor) -> Tensor:
        """Return scores (B, h · w)."""
        tiled = representations[:, :, None, None].expand(-1, -1, *maps.shape[2:])
        scores: Tensor = self.places(torch.cat([maps, tiled], dim=1))
        return scores.flatten(1).float()


class Discriminator(nn.Module):
    """Three fully connected layers that tell an image's own pair of codes from one drawn independently.

    Args:
        width: D of each code.
        hidden: units of the two hidden layers.
    """

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.layers = perceptron(2 * width, hidden, hidden, 1)

    def forward(self, expression: Tensor, identity: Tensor) -> Tensor:
        """Return logits (B,) of codes (B, D) and (B, D); positive: drawn independently."""
        logits: Tensor = self.layers(torch.cat([expression, identity], dim=1))
        return logits.squeeze(1).float()


def perceptron(*widths: int) -> nn.Sequential:
    """Return fully connected layers of these widths, from input to output, ReLU between them."""
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        layers += [nn.Linear(before, after), nn.ReLU()]
    return nn.Sequential(*layers[:-1])
