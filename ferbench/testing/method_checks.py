"""What every method must do, as checks that each can fail, with the remedy."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pydantic
import torch

from ferbench.testing.findings import Failed
from ferbench.testing.rehearsal import Rehearsal, state_in
from ferbench.testing.running import Check
from ferbench.testing.subject import Subject
from ferbench.testing.toys import Toys
from ferbench.testing.watch import watched
from ferbench.train import TestBatch, TrainingSet

TOLERANCE = 1e-4
"""Largest difference of a probability that rounding in other batch sizes explains."""


def loads(subject: Subject) -> None:
    """Build it with its options on the toys."""
    subject.build()


def refuses_unknown_options(subject: Subject) -> None:
    """Refuse an option that does not exist."""
    try:
        subject.entry.config.model_validate({**subject.options, "no-such-option": 1})
    except pydantic.ValidationError:
        return
    raise Failed("an unknown option is accepted", "derive its options from ferbench.Options, which forbids extra keys")


def trains_on_several_sizes(subject: Subject) -> None:
    """Train and predict on images of other sizes and numbers of channels and classes.

    Raises:
        MethodError: predictions of a wrong shape, or not finite.
    """
    for toys in (Toys(classes=2, side=32), Toys(classes=7, side=24, channels=1), Toys(classes=3, side=40)):
        changed = replace(subject, toys=replace(toys, subjects=subject.toys.subjects, further=subject.toys.further))
        method = changed.build()
        Rehearsal().rehearse(method, changed.training(), stop_after=1)
        changed.predicted(method)  # which refuses wrong shapes and NaN


def lowers_its_loss(subject: Subject) -> None:
    """Lower the training loss, in each stage of two epochs and more."""
    method = subject.build()
    history = Rehearsal().rehearse(method, subject.training()).position.history
    _needs_two_epochs(len(history))
    for stage in dict.fromkeys(row["stage"] for row in history):
        losses = [row["loss"] for row in history if row["stage"] == stage and "loss" in row]
        if len(losses) > 1 and not min(losses[1:]) < losses[0]:
            raise Failed(
                f"the loss of stage {stage!r} does not fall: {losses[0]:.4f} to {losses[-1]:.4f}",
                "look at the sign of the loss, at the learning rate of the options given, at what is frozen",
            )


def beats_chance(subject: Subject) -> None:
    """Tell the classes of new images of the same people better than by chance."""
    method = subject.build()
    Rehearsal().rehearse(method, subject.training())
    new = replace(subject.toys, noise=subject.toys.noise + 1).training()
    share = float((subject.predicted(method, new)[0].argmax(axis=1) == new.labels).mean())
    chance = 1 / subject.toys.classes
    if share < chance + 0.5 * (1 - chance):
        raise Failed(
            f"{share:.0%} of new images are told right, {chance:.0%} are by chance",
            "give options under which it learns the toys; check that training and test see images alike",
        )


def does_not_depend_on_the_batch(subject: Subject) -> None:
    """Predict an image alike alone, among others, and in another order."""
    method = subject.build()
    data = subject.training()
    Rehearsal().rehearse(method, data, stop_after=1)
    whole, _ = subject.predicted(method)
    order = np.random.default_rng(0).permutation(len(data))
    cuts = [order, *([i] for i in order[:5].tolist()), *np.array_split(order, 4)]
    for rows in map(np.asarray, cuts):
        part = _taken(data, rows)
        if np.abs(subject.predicted(method, part)[0] - whole[rows]).max() > TOLERANCE:
            raise Failed(
                "the prediction of an image depends on those beside it",
                "in predict(), use nothing of the batch as a whole: no batch statistics, no ranking, no mean over it",
            )


def _taken(data: TrainingSet, rows: npt.NDArray[np.int64]) -> TrainingSet:
    columns = {name: values[rows] for name, values in data.columns.items()}
    return TrainingSet(replace(data.images, rows=data.images.rows[rows]), data.labels[rows], columns)


def leaves_its_state_alone(subject: Subject) -> None:
    """Predict without changing anything of itself."""
    method = subject.build()
    Rehearsal().rehearse(method, subject.training(), stop_after=1)
    before = copy.deepcopy(method.state_dict())
    first, _ = subject.predicted(method)
    changed = _differing(before, method.state_dict())
    if changed:
        raise Failed(f"predict() changes {changed[0]}", "change state in training alone; in eval mode it stands still")
    if not np.array_equal(first, subject.predicted(method)[0]):
        raise Failed("two predictions of the same images differ", "draw nothing at random in predict()")


def _differing(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Return the names of what differs between two states."""
    names = [*before, *(name for name in after if name not in before)]
    return [name for name in names if name not in before or name not in after or not _same(before[name], after[name])]


def _same(one: object, other: object) -> bool:
    """Compare values of a state: tensors by what they hold, NaN being NaN; containers by what is in them."""
    if isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor):
        alike = one.shape == other.shape and one.dtype == other.dtype
        return alike and torch.equal(one.isnan(), other.isnan()) and torch.equal(one.nan_to_num(), other.nan_to_num())
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return np.array_equal(one, other, equal_nan=one.dtype.kind == "f")
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(_same(one[name], other[name]) for name in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other)


def keeps_all_state_in_its_state_dict(subject: Subject) -> None:
    """Predict the same after its state was loaded into a new one."""
    method = subject.build()
    Rehearsal().rehearse(method, subject.training())
    other = subject.build(seed=1)
    other.load_state_dict(copy.deepcopy(method.state_dict()))
    difference = np.abs(subject.predicted(method)[0] - subject.predicted(other)[0]).max()
    if difference > TOLERANCE:
        raise Failed(
            "a new one with the same state_dict predicts otherwise",
            "keep what predict() reads in parameters, buffers or get_extra_state, never in plain attributes",
        )


def is_deterministic(subject: Subject) -> None:
    """Come to the same parameters from the same seed."""
    states = []
    for _ in range(2):
        method = subject.build()
        Rehearsal().rehearse(method, subject.training())
        states.append(copy.deepcopy(method.state_dict()))
        torch.rand(7)  # whatever was drawn before must not matter
    changed = _differing(*states)
    if changed:
        raise Failed(
            f"two trainings from one seed differ in {changed[0]}",
            "draw from torch's or numpy's global generators, which the harness seeds, or from the rng you are given; "
            "iterate over no set",
        )


def _needs_two_epochs(epochs: int) -> None:
    if epochs < 2:
        raise Failed("it trains for one epoch, in which nothing can be followed", "give options of two epochs or more")


def resumes_exactly(subject: Subject) -> None:
    """Come to the same parameters when it is stopped after any epoch and goes on.

    Stopped after each epoch in turn, it goes on for one more: what is lost on the way is missed in the epoch that needs
    it, and the check costs twice a training however many epochs that has.
    """
    reference = Rehearsal()
    reference.rehearse(subject.build(), subject.training())
    _needs_two_epochs(len(reference.saved))
    for epoch, (before, after) in enumerate(pairwise(reference.saved), start=1):
        resumed = subject.build(seed=1)
        Rehearsal().rehearse(resumed, subject.training(), saved=before, stop_after=1)
        changed = _differing(state_in(after), resumed.state_dict())
        if changed:
            raise Failed(
                f"stopped after epoch {epoch} and resumed, it ends the next with another {changed[0]}",
                "keep all that training changes in the state_dict; set in a stage's start what it freezes",
            )


def gives_sound_features(subject: Subject) -> None:
    """Return features of the promised shape, if any, that do not depend on the batch."""
    method = subject.build().eval()
    data = subject.training()
    views = method.transforms().test(data.images.take(np.arange(8)), subject.inputs(_taken(data, np.arange(8))), _rng())
    with torch.no_grad():
        whole = method.features(views.images[0])
        alone = method.features(views.images[0][:1])
    for name, values in whole.items():
        if values.ndim != 2 or len(values) != 8:
            raise Failed(f"features {name!r} of shape {tuple(values.shape)}", "return (B, D) for each name")
        if (values[:1] - alone[name]).abs().max() > TOLERANCE * max(1.0, float(values.abs().max())):
            raise Failed(f"features {name!r} depend on the batch", "use nothing of the batch as a whole in features()")


def _rng() -> np.random.Generator:
    return np.random.default_rng(0)


def sees_declared_test_inputs_alone(subject: Subject) -> None:
    """Predict from images and the columns that its entry declares."""
    method = subject.build().eval()
    data = _taken(subject.training(), np.arange(4))
    views = method.transforms().test(data.images.take(np.arange(4)), subject.inputs(data), _rng())
    columns = {name: torch.from_numpy(np.ascontiguousarray(values)) for name, values in views.columns.items()}
    try:
        with torch.no_grad():
            method.predict(TestBatch(views.images, columns))
    except KeyError as error:
        raise Failed(
            f"predict() asks for the column {error}, which its entry does not declare",
            "name it in the entry's test_inputs, and the leaderboard will say so, or do without",
        ) from error


def honours_the_device(subject: Subject) -> None:
    """Predict on the device where the images are.

    On a machine without an accelerator it is predicted on torch's device without memory, which follows shapes and most
    meetings of two devices. What needs a number cannot be followed there, and is not held against the method.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "meta")
    method = subject.build()
    data = _taken(subject.training(), np.arange(8))
    views = method.transforms().test(data.images.take(np.arange(8)), subject.inputs(data), _rng())
    columns = {
        name: torch.from_numpy(np.ascontiguousarray(values)).to(device) for name, values in views.columns.items()
    }
    method.eval().to(device)
    try:
        with torch.no_grad():
            output = method.predict(TestBatch(tuple(view.to(device) for view in views.images), columns))
    except (RuntimeError, NotImplementedError) as error:
        if "same device" in str(error) or "expected device" in str(error):
            raise Failed(f"predict() mixes devices: {str(error).splitlines()[0]}", ON_THE_DEVICE) from error
        if device.type != "meta":  # only there may a prediction need what the device does not have
            raise
        return
    if output.logits.device.type != device.type:
        raise Failed(
            f"predict() answers on {output.logits.device.type}, the images are on {device.type}", ON_THE_DEVICE
        )


ON_THE_DEVICE = "make tensors with device=images.device, register buffers, and call no .cpu() in predict()"


def keeps_to_itself(subject: Subject) -> None:
    """Ask no address of the network, and write no file outside the cache and the temporary folder."""
    with watched() as deeds:
        method = subject.build()
        Rehearsal().rehearse(method, subject.training(), stop_after=1)
        subject.predicted(method)
    if deeds.network:
        raise Failed(
            f"it asks for {deeds.network[0]} on the network",
            "take weights by role from the benchmark file: what is fetched at run time cannot be reproduced",
        )
    if deeds.files:
        raise Failed(
            f"it writes {deeds.files[0]}",
            "keep state in the state_dict, and what shall be stored through the context (log, record, keep)",
        )


METHOD_CHECKS: tuple[Check[Subject], ...] = (
    loads,
    refuses_unknown_options,
    sees_declared_test_inputs_alone,
    trains_on_several_sizes,
    lowers_its_loss,
    beats_chance,
    does_not_depend_on_the_batch,
    leaves_its_state_alone,
    keeps_all_state_in_its_state_dict,
    is_deterministic,
    resumes_exactly,
    gives_sound_features,
    honours_the_device,
    keeps_to_itself,
)
"""All checks of a method."""
