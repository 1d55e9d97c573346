"""Fresh environments for tests that install something, and commands in them."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path


def command(*words: str | Path, cwd: Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command that must end well."""
    done = subprocess.run(
        [str(word) for word in words],
        cwd=cwd,
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done


def environment(folder: Path) -> Path:
    """Make an environment that can import what this one can, and in which something else can be installed.

    Args:
        folder: an empty one.

    Returns:
        Its folder of commands: `python`, `ferbench`, `pytest`.
    """
    command(sys.executable, "-m", "venv", "--without-pip", folder / "venv", cwd=folder)
    commands = folder / "venv" / "bin"
    show = "import sysconfig; print(sysconfig.get_path('purelib'))"
    pure = Path(command(commands / "python", "-c", show, cwd=folder).stdout.strip())
    # Handled as a site folder: the packages of a workspace are found through .pth files there.
    (pure / "beside.pth").write_text(f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n")
    for name, module in {"ferbench": "ferbench.cli", "pytest": "pytest"}.items():
        script = commands / name
        script.write_text(f'#!/bin/sh\nexec "{commands / "python"}" -m {module} "$@"\n')
        script.chmod(0o755)
    return commands
