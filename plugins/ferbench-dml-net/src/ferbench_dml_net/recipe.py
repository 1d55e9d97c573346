"""Sections 3.1 and 4.1: networks, five-tuples, stages, moving average. What is minimised is a subclass's."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from ferbench.train import (
    Batch,
    Context,
    Epochs,
    FiveTuples,
    FlipShift,
    Method,
    Normalisation,
    Optim,
    Resized,
    Setup,
    Stage,
    Transforms,
    Until,
    freeze,
    naming,
    pretrained_backbone,
    unfreeze,
)
from ferbench.weights import LoadedWeights
from ferbench_dml_net.average import MovingAverage
from ferbench_dml_net.loss_weights import LossWeights
from ferbench_dml_net.networks import Channels, Face, Head, Network, as_printed, by_inputs
from ferbench_dml_net.options import DMLNetOptions
from ferbench_dml_net.training_data import check_classes, no_subject

CURVES = 1000
"""Batches whose losses are kept with the record, as in Fig. 15."""


class TrainingRecipe(Method[DMLNetOptions]):
    """The networks of Fig. 4 and the two stages of their training.

    Weights: role `backbone`, for every channel; role `network`, a whole DML-Net that was trained before.

    Attributes:
        network: what is trained.
        averaged: its moving average, which predicts; None: the network itself does.
        weights: of the losses.
        curves: (1000, tasks) losses of the first batches of the joint stage, NaN where there was none yet.
    """

    curves: Tensor

    def __init__(self, setup: Setup[DMLNetOptions]) -> None:
        super().__init__(setup)
        check_classes(setup.task)
        options = setup.options
        self.network = self._network()
        if "network" in setup.weights:
            with naming("backbone", options):
                _trained_before(setup.weights["network"]).into(self.network)
        self.averaged = MovingAverage(self.network, options.ema) if options.ema else None
        self.weights = LossWeights(len(self.tasks), options.weight_sum, options.temperature, options.window)
        self.register_buffer("curves", torch.full((CURVES, len(self.tasks)), torch.nan))

    @property
    def tasks(self) -> tuple[str, ...]:
        """Names of the losses: expression, and pose and triplet where the options have them."""
        return (
            "expression",
            *(["pose"] if self.options.pose_head else []),
            *(["triplet"] if self.options.triplets != "none" else []),
        )

    @abstractmethod
    def alternate(self, batch: Batch, context: Context) -> Tensor:
        """Return the loss of a batch of tuples while the pose head rests."""

    @abstractmethod
    def together(self, batch: Batch, context: Context) -> Tensor:
        """Return the loss of a batch of tuples when all are trained."""

    def stages(self) -> Sequence[Stage]:
        """Return the stage of turns, if there is one, and that of all losses, which is predictive."""
        options = self.options
        tuples = FiveTuples(options.tuples, options.yaws, no_subject(self.task))
        joint = Until(options.epochs, patience=options.patience)
        both = [
            Stage(
                "together",
                self.together,
                self._adam,
                joint,
                tuples,
                start=self._wake_pose,
                after_update=self._update,
                end_of_epoch=self._keep_curves,
            )
        ]
        if options.alternate_epochs == 0 or options.triplets == "none":
            return both
        turns = Epochs(options.alternate_epochs)
        first = Stage(
            "turns", self.alternate, self._adam, turns, tuples, start=self._rest_pose, after_update=self._update
        )
        return [first, *both]

    def transforms(self) -> Transforms:
        """Return the transforms: resized, and flipped and shifted in training if asked for."""
        normalise: Normalisation = self.normalise()
        side = self.options.input_size or self.task.image_shape[0]
        if self.options.input_size is not None:
            normalise = Resized(normalise, side)
        if self.options.augment == "none":
            return Transforms(train=normalise, test=normalise)
        return Transforms(train=FlipShift(normalise, shift=max(1, self.task.image_shape[1] // 16)), test=normalise)

    def _network(self) -> Network:
        options = self.options
        layers = as_printed if options.initial == "printed" else by_inputs
        features: Channels | Face
        if options.channels == "three":
            face, eyes, mouth = (pretrained_backbone(self.setup) for _ in range(3))
            features = Channels((face, eyes, mouth), options.fusion_width, options.region, layers)
        else:
            features = Face(pretrained_backbone(self.setup))
        joined = options.triplets != "none"
        width = options.embedding_width if joined else features.width
        on_embedding = options.pose_input == "embedding"
        pose_width = width if on_embedding else features.width
        return Network(
            features,
            layers(features.width, width) if joined else nn.Identity(),
            Head(width, options.head_width, len(self.task.classes), layers),
            Head(pose_width, options.head_width, len(options.yaws), layers) if options.pose_head else None,
            pose_on_embedding=on_embedding,
        )

    def _rest_pose(self, context: Context) -> None:
        if self.network.pose is not None:
            freeze(self.network.pose)

    def _wake_pose(self, context: Context) -> None:
        if self.network.pose is not None:
            unfreeze(self.network.pose)

    def _adam(self) -> Mapping[str, Optim]:
        options = self.options
        trained = [parameter for parameter in self.network.parameters() if parameter.requires_grad]
        adam = torch.optim.Adam(trained, lr=options.lr, fused=True)
        schedule = torch.optim.lr_scheduler.ExponentialLR(adam, options.lr_decay)
        return {"adam": Optim(adam, schedule, clip=options.clip)}

    def _update(self, context: Context) -> None:
        if self.averaged is not None:
            self.averaged.update(self.network)

    def _keep_curves(self, context: Context) -> None:
        known = ~self.curves.isnan().any(dim=1)
        if known.any():
            context.keep("loss_curves", self.curves[known])


def _trained_before(weights: LoadedWeights) -> LoadedWeights:
    """Return the network that a DML-Net predicted with, without its softmax layers, whose classes were others."""
    averaged, own = "averaged.network.", "network."
    prefix = averaged if any(key.startswith(averaged) for key in weights.state) else own
    state = {
        key.removeprefix(prefix): value
        for key, value in weights.state.items()
        if key.startswith(prefix) and ".classifier." not in key
    }
    return replace(weights, state=state, keep_head=True)
