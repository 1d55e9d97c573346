"""The architecture as the design states it: who may import whom, what stays light, what the core may not name."""

from __future__ import annotations

import ast
import io
import os
import re
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import ferbench

CORE = Path(ferbench.__file__).parent
FILES = sorted(CORE.rglob("*.py"))

# Each layer imports only from itself and from those above it.
LAYERS: list[set[str]] = [
    {"errors"},
    {"canonical", "labels", "options", "places", "poses", "predictions"},
    {"classifier_options", "datasource", "entries", "spec"},
    {"hookspecs", "plugins", "sources", "trained"},
    {"config", "records", "metrics", "protocols"},
    {"resolve", "columns", "plan", "catalogue"},
    {"data", "weights", "representation"},
    {"train"},
    {"run"},
    {"report"},
    {"submission"},
    {"testing", "templates"},
    {"cli"},
]
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}
# The package itself hands out names on first use; the core's own plugin names options of every layer.
ROOTS = {"__init__", "builtin"}
HEAVY = {"torch", "accelerate", "torchvision", "timm", "safetensors", "albumentations"}
# Metrics of representations may train a network (the critic of a mutual information); they know nothing of methods.
DEEP = {"train", "weights", "run", "representation", "testing"}
# Imports inside functions that the rule for heavy libraries allows, with the reason.
ALLOWED_INSIDE = {("records", "safetensors"), ("records", "torch")}  # where there is a state to save, torch is loaded


@dataclass(frozen=True)
class Import:
    """One import: which part of the core, of what, and whether only when a function is called."""

    file: str
    part: str
    module: str
    inside: bool


def imports(path: Path) -> Iterator[Import]:
    relative = path.relative_to(CORE)
    part = relative.parts[0].removesuffix(".py")
    waiting: list[tuple[ast.AST, bool]] = [(ast.parse(path.read_text(encoding="utf-8")), False)]
    while waiting:
        node, inside = waiting.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            waiting += [(child, inside) for child in node.orelse]
            continue
        if isinstance(node, ast.Import):
            yield from (Import(str(relative), part, alias.name, inside) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{relative}: imports are absolute"
            assert node.module is not None
            if node.module == "ferbench":
                yield from (Import(str(relative), part, f"ferbench.{alias.name}", inside) for alias in node.names)
            else:
                yield Import(str(relative), part, node.module, inside)
        function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        waiting += [(child, inside or function) for child in ast.iter_child_nodes(node)]


ALL = [one for path in FILES for one in imports(path)]


def test_every_module_of_the_core_has_its_layer() -> None:
    parts = {path.relative_to(CORE).parts[0].removesuffix(".py") for path in FILES}
    assert parts - ROOTS <= set(RANK)


def test_each_layer_imports_only_what_stands_above_it() -> None:
    wrong = []
    for one in ALL:
        words = one.module.split(".")
        if words[0] != "ferbench" or one.part in ROOTS or len(words) == 1 or words[1] == "__version__":
            continue
        if RANK[words[1]] > RANK[one.part]:
            wrong.append(f"{one.file} imports {one.module}")
    assert wrong == []


def test_only_the_training_layers_import_deep_learning_libraries() -> None:
    wrong = {
        f"{one.file} imports {one.module}"
        for one in ALL
        if one.module.split(".")[0] in HEAVY
        and one.part not in DEEP
        and not (one.inside and (one.part, one.module.split(".")[0]) in ALLOWED_INSIDE)
    }
    assert wrong == set()


def test_the_core_imports_no_plugin() -> None:
    assert not [one for one in ALL if re.match(r"ferbench_\w+", one.module)]


# Methods and data sets by the names that papers gave them.
PAPERS = re.compile(
    r"\b(ada-?df|thin|dice-?fer|dml-?net|scn|eac|raf-?db|affectnet|fer-?plus|fer2013|ck\+|mmi|jaffe|sfew|kdef|rafd)\b",
    re.IGNORECASE,
)
# Where a technique has its source in the literature, the docstring of that one function may cite it.
CITATIONS = {("protocols/standard.py", "noisy_labels")}


def names_in(path: Path) -> Iterator[str]:
    text = path.read_text(encoding="utf-8")
    cited = "\n".join(
        ast.get_docstring(node) or ""
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef) and (path.relative_to(CORE).as_posix(), node.name) in CITATIONS
    )
    allowed = PAPERS.findall(cited)
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type in {tokenize.NAME, tokenize.STRING, tokenize.COMMENT, getattr(tokenize, "FSTRING_MIDDLE", -1)}:
            words = token.string.replace("_", " ") if token.type == tokenize.NAME else token.string
            for name in PAPERS.findall(words):
                if name in allowed:
                    allowed.remove(name)
                else:
                    yield f"{path.relative_to(CORE)}, line {token.start[0]}: {name}"


def test_the_core_names_no_method_and_no_data_set_of_a_paper() -> None:
    assert [found for path in FILES for found in names_in(path)] == []


def test_the_search_for_names_finds_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[__name__], "CORE", tmp_path)
    (tmp_path / "x.py").write_text('"""As Ada-DF does."""\nthin_loss = "RAF-DB"  # like EAC\nthinner = scanned = 1\n')
    assert len(list(names_in(tmp_path / "x.py"))) == 4


LIGHT = """
import sys
from ferbench.cli.main import app
try:
    app(sys.argv[1:])
except SystemExit as end:
    assert end.code in (0, None), end.code
loaded = {"torch", "accelerate", "timm", "torchvision", "datasets", "albumentations", "transformers"} & set(sys.modules)
sys.exit(f"LOADED {sorted(loaded)}" if loaded else 0)
"""


@pytest.mark.parametrize(
    "command",
    [
        "--help",
        "plugins",
        "plan",
        "report",
        "report --format latex",
        "report --format html",
        "data list",
        "weights list",
        "run --help",
    ],
)
def test_looking_loads_no_deep_learning_library(command: str, tmp_path: Path) -> None:
    from toyfaces import __file__ as toys

    site = tmp_path / "site"
    (site / "toyfaces_light-0.1.dist-info").mkdir(parents=True)
    (site / "toyfaces_light-0.1.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: toyfaces\nVersion: 0.1\n"
    )
    (site / "toyfaces_light-0.1.dist-info" / "entry_points.txt").write_text("[ferbench]\ntoys = toyfaces.plugin\n")
    (tmp_path / "benchmarks.toml").write_text(
        '[benchmark.quickstart]\npreprocessor = { name = "resize" }\ndataset = [{ name = "toy" }]\n'
        'protocol = [{ name = "k-fold" }, { name = "official" }]\nentry = [{ name = "A", method = "toy-net" }]\n'
    )
    path = os.pathsep.join([str(site), str(Path(toys).parents[1])])
    done = subprocess.run(
        [sys.executable, "-c", LIGHT, *command.split()],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
