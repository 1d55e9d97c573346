"""Write a new distribution from the template."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from ferbench.errors import ConfigError, InputError, unknown_name
from ferbench.places import explained

KINDS = ("method", "dataset", "preprocessor", "metric", "protocol")
TEMPLATE = Path(__file__).parent / "plugin"

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


def write_plugin(name: str, kind: str, folder: Path, author: str) -> Iterator[Path]:
    """Write a distribution of one plugin; its tests pass as written.

    Args:
        name: of the distribution; without a leading `ferbench-`, of the plugin too.
        kind: one of `KINDS`.
        folder: a new one, or an empty one.
        author: whose it is; may be empty.

    Yields:
        The files it wrote.

    Raises:
        ConfigError: a name that no distribution can have, or an unknown kind.
        InputError: the folder holds something, or copier is not installed.
    """
    package, title = name.replace("-", "_"), _title(name)
    sound = _NAME.fullmatch(name) and title.isidentifier() and not keyword.iskeyword(package)
    if not sound or find_spec(package) is not None:
        taken = "" if not sound else ", of which a package is installed"
        raise ConfigError(
            expected="a new name of lower-case letters, digits and single hyphens, such as my-method",
            found=repr(name) + taken,
            where="the command line",
            remedy="choose such a name; no part of it after ferbench- may begin with a digit",
        )
    if kind not in KINDS:
        raise unknown_name(kind, KINDS, what="a kind", where="--kind", remedy="correct it")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(
            expected="a new folder", found="something is there", where=str(folder), remedy="choose another --out DIR"
        )
    _copy(name, kind, folder, author)
    yield from sorted(path for path in folder.rglob("*") if path.is_file())


def _title(name: str) -> str:
    return "".join(part.capitalize() for part in name.removeprefix("ferbench-").split("-"))


def _copy(name: str, kind: str, folder: Path, author: str) -> None:
    try:
        import copier
    except ImportError as error:
        raise InputError(
            expected="copier, which writes the files",
            found="it is not installed",
            where="this environment",
            remedy="uv pip install 'ferbench[templates]'",
        ) from error
    plain = name.removeprefix("ferbench-")
    answers = {
        "name": name,
        "plain": plain,
        "package": name.replace("-", "_"),
        "title": _title(name),
        "kind": kind,
        "author": author or "the authors",
    }
    with explained(folder):
        copier.run_copy(str(TEMPLATE), folder, data=answers, defaults=True, quiet=True)
