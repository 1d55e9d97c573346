"""The kit's checks of metrics, preprocessors, protocols and data sets: each finds who breaks its promise."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import broken_plugins
import pytest

import ferbench.builtin
from ferbench import BenchmarkEntry, DatasetEntry, MethodEntry, MetricEntry, PreprocessorEntry, ProtocolEntry
from ferbench.errors import ConfigError, FerbenchError, PluginError
from ferbench.plugins import Provided, Registry, discover
from ferbench.protocols import ProtocolOptions
from ferbench.testing import (
    DATASET_CHECKS,
    METRIC_CHECKS,
    PREPROCESSOR_CHECKS,
    PROTOCOL_CHECKS,
    DatasetSubject,
    MetricSubject,
    PreprocessorSubject,
    ProtocolSubject,
    failing,
)
from ferbench.testing.distribution import Checked, Conditions, check_distribution
from ferbench.testing.findings import Failed
from ferbench.testing.watch import watched


def provided(entry: Any) -> Provided[Any]:
    return Provided(entry, "tests", "0", "tests")


def metric(name: str) -> MetricSubject:
    return MetricSubject(provided(MetricEntry(name="m", factory=f"broken_plugins:{name}")))


def preprocessor(name: str) -> PreprocessorSubject:
    return PreprocessorSubject(provided(PreprocessorEntry(name="p", factory=f"broken_plugins:{name}", version="1")))


def protocol(name: str) -> ProtocolSubject:
    entry = ProtocolEntry(name="p", factory=f"broken_plugins:{name}", options=ProtocolOptions)
    return ProtocolSubject(provided(entry))


def dataset(name: str, card: Any = broken_plugins.CARD) -> DatasetSubject:
    entry = DatasetEntry(name="d", factory=f"broken_plugins:{name}", card=card, needs_root=False)
    return DatasetSubject(provided(entry))


KINDS: dict[str, tuple[Callable[..., Any], Sequence[Callable[[Any], None]], dict[str, str]]] = {
    "metric": (
        metric,
        METRIC_CHECKS,
        {
            "wordy": "loads",
            "moody": "gives_the_same_twice",
            "serial": "does_not_depend_on_the_order",
            "greedy": "changes_nothing",
        },
    ),
    "preprocessor": (
        preprocessor,
        PREPROCESSOR_CHECKS,
        {
            "Bare": "loads",
            "White": "loads",
            "AsItComes": "loads",
            "Noisy": "gives_the_same_twice",
            "Trembling": "gives_the_same_twice",
            "Painting": "changes_nothing",
            "Pointless": "gives_sound_points",
        },
    ),
    "protocol": (
        protocol,
        PROTOCOL_CHECKS,
        {
            "Nameless": "loads",
            "Leaking": "keeps_its_parts_apart",
            "Rolling": "gives_the_same_twice",
            "InOrder": "does_not_depend_on_the_order",
            "Flattering": "leaves_test_labels_true",
        },
    ),
    "data set": (
        dataset,
        DATASET_CHECKS,
        {
            "Repeating": "loads",
            "Numbered": "loads",
            "Renamed": "is_as_its_card_says",
            "Promising": "gives_the_columns_it_announces",
            "Parted": "gives_columns_in_their_form",
            "Everywhere": "keeps_subjects_on_one_side",
            "Restless": "loads_the_same_twice",
            "Fickle": "loads_the_same_twice",
            "Unseeded": "loads_the_same_twice",
            "Twins": "verifies",
        },
    ),
}
BROKEN = [(kind, name, check) for kind, (_, _, names) in KINDS.items() for name, check in names.items()]


@pytest.mark.parametrize(("kind", "name", "check"), BROKEN)
def test_a_broken_promise_is_found_by_its_check(kind: str, name: str, check: str) -> None:
    subject, checks, _ = KINDS[kind]
    (chosen,) = [one for one in checks if one.__name__ == check]
    with pytest.raises((Failed, FerbenchError)) as raised:
        chosen(subject(name))
    assert raised.value.remedy


@pytest.mark.parametrize("kind", KINDS)
def test_every_check_has_somebody_who_fails_it(kind: str) -> None:
    _, checks, names = KINDS[kind]
    assert {check.__name__ for check in checks} == set(names.values())


def test_the_sound_ones_pass() -> None:
    assert list(failing(PREPROCESSOR_CHECKS, preprocessor("Sound"))) == []
    assert list(failing(PROTOCOL_CHECKS, protocol("Divided"))) == []
    assert list(failing(DATASET_CHECKS, dataset("Squares"))) == []
    assert list(failing(METRIC_CHECKS, metric("accuracy"))) == []


def test_a_card_without_a_licence_is_told() -> None:
    (found,) = failing(DATASET_CHECKS, dataset("Squares", replace(broken_plugins.CARD, licence="")))
    assert "names no licence" in found.problem


def test_everything_that_the_core_offers_passes() -> None:
    registry = discover([("core", ferbench.builtin)], installed=False)
    conditions = Conditions({"label-noise": {"rate": 0.2}})
    results = {(one.kind, one.name): one for one in check_distribution(registry, "core", conditions)}
    assert {kind for kind, _ in results} >= {"metrics", "preprocessors", "protocols", "datasets"}
    # The weights recipes' own protocol tests on nothing.
    told = {name: one.findings for (_, name), one in results.items() if one.findings and name != "all"}
    assert told == {}
    assert results["protocols", "label-noise"].checks == len(PROTOCOL_CHECKS)
    assert "--option hugging-face.path=VALUE" in results["datasets", "hugging-face"].left_out
    assert "--data-root" in results["datasets", "image-folder"].left_out


def test_a_replica_stands_for_a_users_copy(registry: Registry) -> None:
    results: dict[str, Checked] = {one.name: one for one in check_distribution(registry, "toyfaces", Conditions())}
    assert results["toy-release"].checks == len(DATASET_CHECKS)
    assert results["toy-at-home"].checks == 0
    for name in ("toy-release", "toy"):  # the toys' cards name no licence
        assert [finding.check for finding in results[name].findings] == ["is as its card says"]


def test_a_detector_that_finds_nothing_in_noise_is_not_said_to_have_passed(registry: Registry) -> None:
    entry = PreprocessorEntry(name="blind", factory="broken_plugins:Blind", version="1")
    registry.entries["preprocessors"]["blind"] = Provided(entry, "blind", "0", "tests")
    (found,) = check_distribution(registry, "blind", Conditions())
    assert found.checks == 0
    assert "finds no face" in found.left_out


def test_a_benchmark_file_that_names_what_is_not_there_is_found(registry: Registry, tmp_path: Path) -> None:
    text = '[benchmark.b]\npreprocessor = { name = "resize" }\ndataset = [{ name = "toy" }]\n'
    text += 'protocol = [{ name = "official" }]\nentry = [{ name = "A", method = "toy-net" }]\n'
    texts = [
        text.replace(*change) for change in (("toy-net", "nope"), ('"official"', '"nope"'), ('"resize"', '"nope"'))
    ]
    texts.append('[[extend.elsewhere.entry]]\nname = "A"\nmethod = "toy-net"\noptions = { nope = 1 }\n')
    for number, wrong in enumerate(texts):
        (tmp_path / f"{number}.toml").write_text(wrong)
        entry = BenchmarkEntry(name=f"file-{number}", path=tmp_path / f"{number}.toml")
        registry.entries["benchmarks"][entry.name] = Provided(entry, "files", "0", "tests")
    results = list(check_distribution(registry, "files", Conditions()))
    assert [("nope" in str(one.findings[0]), len(one.findings)) for one in results] == [(True, 1)] * 4


def test_an_option_of_an_entry_that_is_not_there_is_told(registry: Registry) -> None:
    with pytest.raises(ConfigError, match="write ENTRY"):
        list(check_distribution(registry, "toyfaces", Conditions({"nobody": {"epochs": 1}})))


def test_what_is_written_is_seen_by_whatever_path_it_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = Path(__file__).parent
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # this checkout may lie in the machine's own
    (tmp_path / "state").write_text("x")
    with watched() as deeds:
        os.replace(tmp_path / "state", here / "litter.txt")
        os.replace(here / "litter.txt", tmp_path / "state")
        with suppress(OSError), open(f"{tmp_path}{'/..' * 20}/no-such-folder/x", "w"):
            pass
        with socket.socket(socket.AF_UNIX) as near, suppress(OSError):
            near.connect(str(tmp_path / "nobody"))
    assert str(here / "litter.txt") in deeds.files
    assert any(path.endswith("no-such-folder/x") for path in deeds.files)
    assert deeds.network == []


def test_an_unknown_distribution_is_told(registry: Registry) -> None:
    with pytest.raises(PluginError, match="did you mean 'toyfaces'"):
        list(check_distribution(registry, "toyface", Conditions()))


def test_a_plugin_that_cannot_be_loaded_is_told_as_such(tmp_path: Path) -> None:
    class Twice:
        @staticmethod
        def ferbench_methods() -> list[MethodEntry]:
            raise RuntimeError("no")

    registry = discover([("core", ferbench.builtin), ("broken", Twice)], installed=False)
    with pytest.raises(PluginError):
        list(check_distribution(registry, "broken", Conditions()))
