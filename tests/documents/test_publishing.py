"""The tutorial from empty folder to published table, and the repository that keeps a leaderboard, as written."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from environments import environment

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


@pytest.fixture(scope="module")
def commands(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of commands of a fresh environment."""
    return environment(tmp_path_factory.mktemp("environment"))


@pytest.fixture(scope="module")
def followed(commands: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Follow the tutorial to the letter in one shell, and return the folder where it was begun."""
    text = (DOCS / "tutorial.md").read_text(encoding="utf-8")
    lines = re.findall(r"^\$ (.*)$", text, flags=re.MULTILINE)
    assert len(lines) == 10
    folder = tmp_path_factory.mktemp("tutorial")
    shell("\n".join(lines), folder, commands, folder)
    return folder / "my-method"


def shell(script: str, folder: Path, commands: Path, home: Path) -> str:
    """Run lines as a shell does that stops at the first that fails."""
    # Nothing is fetched: what the distribution depends on is there, though not as a distribution of this environment.
    script = script.replace("uv pip install", f"uv pip install --quiet --no-deps --python {commands / 'python'}")
    path = f"{commands}:/usr/bin:/bin:{Path(shutil.which('uv') or 'uv').parent}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env={**os.environ, "PATH": path, "FERBENCH_CACHE": str(home / "cache"), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def test_the_tutorial_ends_with_a_table_of_both_rows(followed: Path) -> None:
    table = (followed / "leaderboards" / "my-method.md").read_text()
    assert re.search(r"^\| MyMethod +\|", table, flags=re.MULTILINE)
    assert re.search(r"^\| ResNet-tiny +\|", table, flags=re.MULTILINE)
    assert (followed / "pages" / "my-method.html").is_file()
    assert (followed / "my-method.ferbench.zip").is_file()


def test_the_repository_of_a_leaderboard_publishes_what_it_was_sent(
    followed: Path, commands: Path, tmp_path: Path
) -> None:
    kept = tmp_path / "kept"
    shutil.copytree(DOCS / "examples" / "leaderboard-repository", kept)
    shutil.copy(followed / "benchmarks.toml", kept)
    shutil.copy(followed / "my-method.ferbench.zip", kept / "submissions")
    workflow = yaml.safe_load((kept / ".github" / "workflows" / "leaderboard.yml").read_text())
    verify, publish = (
        {step["name"]: step["run"] for step in workflow["jobs"][job]["steps"] if "run" in step}
        for job in ("verify", "publish")
    )
    told = shell(verify["verify"], kept, commands, followed.parent)
    assert told.splitlines()[-1] == "my-method.ferbench.zip: accepted"
    shell(publish["collect"] + "\n" + publish["regenerate"], kept, commands, followed.parent)
    rows = [line for line in (kept / "leaderboards" / "my-method.md").read_text().splitlines() if line.startswith("|")]
    assert rows == [
        line for line in (followed / "leaderboards" / "my-method.md").read_text().splitlines() if line.startswith("|")
    ]


def test_the_reference_is_made_of_every_module_that_it_names(tmp_path: Path) -> None:
    text = (DOCS / "api.md").read_text(encoding="utf-8")
    (line,) = re.findall(r"^\$ uv run (.*)$", text, flags=re.MULTILINE)
    done = subprocess.run(line.split(), cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Warn" not in done.stderr
    named = set(re.findall(r"`(ferbench\.[\w.]+)`", text)) - {"ferbench.hookimpl"}
    made = {".".join(path.relative_to(tmp_path / "site").with_suffix("").parts) for path in tmp_path.rglob("*.html")}
    assert named <= made
