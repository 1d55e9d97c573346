"""How plugins are found, and what is said of those that break the contract."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import ferbench.builtin
from ferbench import MethodEntry, MetricEntry, hookimpl
from ferbench.errors import PluginError
from ferbench.plugins import discover, import_factory

Install = Callable[..., Path]


def plugin(name: str, **hooks: Callable[[], Any]) -> ModuleType:
    """Return a plugin module with these hooks."""
    module = ModuleType(name)
    for hook, function in hooks.items():

        def implementation(function: Callable[[], Any] = function) -> Any:
            return function()

        implementation.__name__ = hook
        setattr(module, hook, hookimpl(implementation))
    return module


def nothing() -> list[Any]:
    return []


def method(name: str, factory: str = "ferbench.train.classifier:Classifier") -> MethodEntry:
    return MethodEntry(name=name, factory=factory)


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Return a function that installs a distribution into a folder on sys.path: files, metadata, entry point."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))
    before = set(sys.modules)

    def put(distribution: str, files: dict[str, str], point: str, version: str = "0.1") -> Path:
        for name, text in files.items():
            (site / name).parent.mkdir(parents=True, exist_ok=True)
            (site / name).write_text(text)
        info = site / f"{distribution.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
        (info / "entry_points.txt").write_text(f"[ferbench]\n{point}\n")
        return site

    yield put
    for name in set(sys.modules) - before:
        if (getattr(sys.modules[name], "__file__", None) or "").startswith(str(site)):
            del sys.modules[name]


FOCAL = """
from ferbench import MethodEntry, hookimpl

@hookimpl
def ferbench_methods():
    return [MethodEntry(name="focal", factory="fer_focal.net:Focal", summary="Focal loss")]
"""


def test_an_installed_distribution_is_found_by_its_entry_point(install: Install) -> None:
    net = "raise RuntimeError('listing must not import the factory')\nclass Focal: ..."
    install(
        "fer-focal",
        {"fer_focal/__init__.py": "", "fer_focal/plugin.py": FOCAL, "fer_focal/net.py": net},
        "a = fer_focal.plugin",
    )
    registry = discover()
    found = registry.method("focal", "here")
    assert (found.distribution, found.version, found.package) == ("fer-focal", "0.1", "fer_focal")
    assert not [problem for problem in registry.problems if problem.distribution == "fer-focal"]
    assert "resize" in registry.all("preprocessors"), "the core's own come along"


def test_a_fresh_process_finds_it_too(install: Install) -> None:
    site = install(
        "fer-focal",
        {"fer_focal/__init__.py": "", "fer_focal/plugin.py": FOCAL, "fer_focal/net.py": "class Focal: ..."},
        "a = fer_focal.plugin",
    )
    done = subprocess.run(
        [sys.executable, "-c", "from ferbench.cli.main import main; main()", "plugins"],
        env={**os.environ, "PYTHONPATH": str(site)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    (line,) = [line for line in done.stdout.splitlines() if "focal" in line]
    assert line.split()[:3] == ["focal", "fer-focal", "0.1"]
    assert line.endswith("Focal loss")


def test_two_distributions_with_one_name_are_both_told(install: Install) -> None:
    other = FOCAL.replace("fer_focal.net:Focal", "fer_other.net:Focal")
    install(
        "fer-focal",
        {"fer_focal/__init__.py": "", "fer_focal/plugin.py": FOCAL, "fer_focal/net.py": "class Focal: ..."},
        "a = fer_focal.plugin",
    )
    install(
        "fer-other",
        {"fer_other/__init__.py": "", "fer_other/plugin.py": other, "fer_other/net.py": "class Focal: ..."},
        "a = fer_other.plugin",
        "0.7",
    )
    registry = discover()
    with pytest.raises(
        PluginError, match=r"one owner of the methods name 'focal'; found two: fer-focal 0\.1 and fer-other 0\.7"
    ):
        registry.require_sound()


def test_a_name_claimed_twice_by_one_plugin_is_refused() -> None:
    registry = discover(
        [("twice", plugin("twice", ferbench_methods=lambda: [method("m"), method("m")]))], installed=False
    )
    with pytest.raises(PluginError, match="one owner of the methods name 'm'"):
        registry.require_sound()


def test_one_name_of_two_kinds_is_no_conflict() -> None:
    metric = MetricEntry(name="m", factory="ferbench.metrics.classification:accuracy")
    registry = discover(
        [("a", plugin("a", ferbench_methods=lambda: [method("m")], ferbench_metrics=lambda: [metric]))], installed=False
    )
    registry.require_sound()
    assert registry.problems == []


def test_a_misspelt_hook_is_refused_with_a_suggestion() -> None:
    registry = discover([("mis", plugin("mis", ferbench_method=nothing))], installed=False)
    with pytest.raises(
        PluginError, match=r"found 'ferbench_method'; in plugin 'mis' .*did you mean 'ferbench_methods'\?"
    ):
        registry.require_sound()


def test_a_hook_without_its_mark_is_refused() -> None:
    module = ModuleType("bare")
    module.ferbench_metrics = nothing  # type: ignore[attr-defined]
    registry = discover([("bare", module)], installed=False)
    with pytest.raises(PluginError, match=r"the unmarked function 'ferbench_metrics'.*mark it with @ferbench.hookimpl"):
        registry.require_sound()


def test_a_module_that_raises_at_import_stops_only_itself(install: Install) -> None:
    install("fer-broken", {"fer_broken.py": "raise RuntimeError('no such GPU')"}, "b = fer_broken")
    registry = discover()
    registry.require_sound()
    (problem,) = [problem for problem in registry.problems if problem.distribution == "fer-broken"]
    assert problem.plugin == "b = fer_broken"
    assert "RuntimeError: no such GPU" in problem.reason
    assert registry.all("protocols")
    with pytest.raises(PluginError, match=r"one of the installed methods.*found 'brokn'.*fer-broken.*no such GPU"):
        registry.method("brokn", "here")


@pytest.mark.parametrize(
    ("factory", "message"),
    [
        ("no_such_package_x.net:Net", "no module 'no_such_package_x.net'"),
        ("ferbench.no_such_module:Net", "no module 'ferbench.no_such_module'"),
        ("ferbench.train.classifier:Clasifier", "no 'Clasifier' in module 'ferbench.train.classifier'"),
    ],
)
def test_a_factory_that_does_not_exist_is_told_when_plugins_are_listed(factory: str, message: str) -> None:
    registry = discover(
        [("f", plugin("f", ferbench_methods=lambda: [method("m", factory), method("n")]))], installed=False
    )
    registry.require_sound()
    (problem,) = registry.problems
    assert message in problem.reason
    assert factory in problem.reason
    with pytest.raises(PluginError, match=r"the factory '.*' of 'm'; found \w+Error.*distribution f 0"):
        import_factory(registry.method("m", "here"))
    assert "n" in registry.all("methods")


def test_a_name_that_only_stands_inside_a_function_is_no_factory(install: Install) -> None:
    install("fer-in", {"fer_in/__init__.py": "", "fer_in/net.py": "def outer():\n    class Focal: ...\n",
                       "fer_in/plugin.py": FOCAL.replace("fer_focal", "fer_in")}, "a = fer_in.plugin")  # fmt: skip
    (problem,) = [p for p in discover().problems if p.distribution == "fer-in"]
    assert "no 'Focal' in module 'fer_in.net'" in problem.reason


def test_a_factory_made_under_a_condition_is_one(install: Install) -> None:
    net = "try:\n    import torch\nexcept ImportError:\n    Focal: type = object\nelse:\n    class Focal: ...\n"
    install("fer-if", {"fer_if/__init__.py": "", "fer_if/net.py": net,
                       "fer_if/plugin.py": FOCAL.replace("fer_focal", "fer_if")}, "a = fer_if.plugin")  # fmt: skip
    assert not [p for p in discover().problems if p.distribution == "fer-if"]


def test_a_factory_module_with_a_syntax_error_hides_no_other_method(install: Install) -> None:
    hooks = FOCAL.replace("fer_focal", "fer_syn").replace(
        "return [", 'return [MethodEntry(name="first", factory="fer_syn.bad:Bad"), '
    )
    files = {
        "fer_syn/__init__.py": "",
        "fer_syn/bad.py": "class Bad(:",
        "fer_syn/net.py": "class Focal: ...",
        "fer_syn/plugin.py": hooks,
    }
    install("fer-syn", files, "a = fer_syn.plugin")
    registry = discover()
    (problem,) = [p for p in registry.problems if p.distribution == "fer-syn"]
    assert "fer_syn.bad" in problem.reason
    assert "SyntaxError" in problem.reason
    assert "focal" in registry.all("methods")


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (["resnet"], "expected MethodEntry objects; found 'resnet'"),
        ([MetricEntry(name="m", factory="a.b:c")], r"expected MethodEntry objects; found MetricEntry\("),
    ],
)
def test_a_hook_that_returns_something_else_is_refused(returned: list[object], message: str) -> None:
    registry = discover([("w", plugin("w", ferbench_methods=lambda: returned))], installed=False)
    with pytest.raises(PluginError, match=message):
        registry.require_sound()


@pytest.mark.parametrize("returned", [None, 3])
def test_a_hook_that_returns_no_list_is_reported(returned: object) -> None:
    registry = discover([("w", plugin("w", ferbench_methods=lambda: returned))], installed=False)
    if returned is None:
        assert registry.all("methods") == {}, "pluggy's way to say: nothing"
        return
    (problem,) = registry.problems
    assert "ferbench_methods to return a list of MethodEntry" in problem.reason


def test_a_hook_that_raises_is_reported_and_the_other_hooks_are_used() -> None:
    def fail() -> list[MetricEntry]:
        raise ZeroDivisionError("oh")

    module = plugin("half", ferbench_metrics=fail, ferbench_methods=lambda: [method("m")])
    registry = discover([("half", module)], installed=False)
    (problem,) = registry.problems
    assert "ZeroDivisionError: oh" in problem.reason
    assert "m" in registry.all("methods")


def test_an_object_with_hooks_is_a_plugin_too() -> None:
    class Hooks:
        @hookimpl
        def ferbench_methods(self) -> list[MethodEntry]:
            return [method("from-an-object")]

    registry = discover([("notebook", Hooks())], installed=False)
    assert registry.problems == []
    assert registry.method("from-an-object", "here").distribution == "notebook"


def test_only_what_is_given_is_found_when_installed_ones_are_left_out() -> None:
    assert discover(installed=False).all("protocols") == {}
    assert "k-fold" in discover([("core", ferbench.builtin)], installed=False).all("protocols")


def test_an_unknown_name_gets_a_suggestion() -> None:
    registry = discover([("core", ferbench.builtin)], installed=False)
    with pytest.raises(PluginError, match=r"found 'offical'; in the test; did you mean 'official'\?"):
        registry.protocol("offical", "the test")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: method("My Method"), "a name of lower-case letters.*found 'My Method'"),
        (lambda: method("m", "package.module.Name"), "a factory written 'package.module:Name'"),
        (lambda: MethodEntry(name="m", factory="a:b", test_inputs=("label",)), "a method never sees test labels"),
    ],
)
def test_an_entry_that_breaks_the_contract_cannot_be_made(make: Callable[[], object], message: str) -> None:
    with pytest.raises(PluginError, match=message):
        make()
