"""The command line of modules that write from records: `python -m package.module RESULTS --out DIR`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from ferbench.errors import FerbenchError


def write_from_records(
    module: str, description: str, write: Callable[[Path, Path], Iterator[Path]], arguments: Sequence[str] | None = None
) -> None:
    """Parse the command line and write; an error of the user's is told in four lines, and its exit code is the end.

    Args:
        module: its dotted name.
        description: what it writes, for `--help`.
        write: `(results folder, output folder)` → the files written.
        arguments: the command line; the process's by default.
    """
    parser = argparse.ArgumentParser(prog=f"python -m {module}", description=description)
    parser.add_argument("results", type=Path, help="the results folder")
    parser.add_argument("--out", type=Path, required=True, help="the folder to write to")
    chosen = parser.parse_args(arguments)
    try:
        for path in write(chosen.results, chosen.out):
            sys.stdout.write(f"written to {path}\n")
    except FerbenchError as error:
        for name, text in error.as_dict().items():
            sys.stderr.write(f"{name + ':':<10} {text}\n")
        sys.exit(error.exit_code)
