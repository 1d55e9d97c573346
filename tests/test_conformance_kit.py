"""The conformance kit: a sound method passes every check, and each check finds who breaks its promise."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import broken_methods
import pytest

from ferbench import MethodEntry
from ferbench.errors import MethodError
from ferbench.plugins import Provided
from ferbench.testing import METHOD_CHECKS, MethodTests, Subject, Toys, check_method
from ferbench.testing.findings import Failed


def subject(name: str, config: type[Any] = broken_methods.SoundOptions, **options: object) -> Subject:
    entry = MethodEntry(name=name.lower(), factory=f"broken_methods:{name}", config=config)
    return Subject(Provided(entry, "tests", "0", "tests"), options)


class TestSound(MethodTests):
    """The kit as a plugin's author uses it."""

    subject = subject("Sound")


BROKEN: Mapping[str, str] = {
    "NoMethod": "loads",
    "OneSize": "trains on several sizes",
    "Growing": "lowers its loss",
    "Climbing": "beats chance",
    "Idle": "beats chance",
    "Neighbourly": "does not depend on the batch",
    "Restless": "leaves its state alone",
    "Dicing": "leaves its state alone",
    "Secretive": "keeps all state in its state dict",
    "Unseeded": "is deterministic",
    "Forgetful": "resumes exactly",
    "Flat": "gives sound features",
    "Blended": "gives sound features",
    "Peeking": "sees declared test inputs alone",
    "Homesick": "honours the device",
    "Calling": "keeps to itself",
    "Littering": "keeps to itself",
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_promise_is_found_by_its_check(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # this checkout may lie in the machine's own
    (check,) = [check for check in METHOD_CHECKS if check.__name__.replace("_", " ") == BROKEN[name]]
    with pytest.raises((Failed, MethodError)) as raised:
        check(subject(name))
    assert raised.value.remedy


def test_every_check_but_the_options_one_has_somebody_who_fails_it() -> None:
    names = {check.__name__.replace("_", " ") for check in METHOD_CHECKS}
    assert names - set(BROKEN.values()) == {"refuses unknown options"}


def test_options_that_let_anything_pass_are_found() -> None:
    found = list(check_method(subject("Sound", broken_methods.LaxOptions)))
    assert [finding.check for finding in found] == ["refuses unknown options"]
    assert "derive its options from ferbench.Options" in str(found[0])


def test_findings_tell_what_was_raised_and_stop_where_nothing_can_be_built() -> None:
    (found,) = check_method(subject("NoMethod"))
    assert "broken_methods:NoMethod is no ferbench.train.Method" in str(found)
    (missing,) = check_method(subject("Nowhere"))
    assert "broken_methods:Nowhere" in missing.problem


@pytest.mark.parametrize("channels", [1, 3])
def test_toys_are_balanced_and_of_the_asked_shape(channels: int) -> None:
    toys = Toys(classes=5, side=30, channels=channels, subjects=4, further=("rotation",))
    training, task = toys.training(), toys.task()
    assert training.images.images.shape == (60, 30, 30, channels)
    assert task.class_counts == (12,) * 5
    assert set(training.columns) == set(task.columns) == {"subject", "pose", "landmarks", "rotation"}
    assert task.columns["subject"].categories == tuple(f"person-{i}" for i in range(4))
    assert (Toys(noise=1).training().images.images != Toys().training().images.images).any()
