"""Put a leaderboard on one page that needs nothing else: no network, no other file, no script but its own."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from ferbench.records import RecordStore
from ferbench.report.formats import FROM_BOTH, FROM_PREDICTIONS, Leaderboard
from ferbench.report.html import charts
from ferbench.report.html.contents import Contents
from ferbench.report.html.evidence import gather
from ferbench.report.html.wording import name, prose, visible


def as_page(board: Leaderboard, store: RecordStore) -> str:
    """Return the page of a leaderboard.

    Args:
        board: the leaderboard.
        store: the records behind it.

    Raises:
        RecordError: a record was altered.
    """
    sheet = board.results.sheet
    contents = Contents(board, gather(sheet, store))
    style, script = _asset("page.css"), _asset("page.js")
    told, gaps = board.selection("plain")
    environment = Environment(
        loader=FunctionLoader(_asset), autoescape=True, undefined=StrictUndefined, finalize=visible,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters.update(name=name, prose=prose)
    return environment.get_template("page.html").render(
        sheet=sheet,
        board=board,
        contents=contents,
        charts=charts,
        first=contents.first,
        rows=contents.main(),
        tables=[table for table in board.tables("plain") if table[0] != contents.first],
        printed=contents.printed(),
        noise_plots=contents.noise_plots(),
        cost_plots=contents.cost_plots() if not board.results.costs.empty else [],
        origin=(FROM_BOTH if sheet.representation_metrics else FROM_PREDICTIONS).strip("*"),
        selection_told=told,
        selection_grid=gaps,
        style=Markup(style),  # noqa: S704  the package's own files
        script=Markup(script),  # noqa: S704
        policy=policy(style, script),
    )


def policy(style: str, script: str) -> str:
    """Return a content security policy: these two texts run, and nothing is loaded or sent."""
    own = {f"{kind}-src": f"'sha256-{_digest(text)}'" for kind, text in (("style", style), ("script", script))}
    rules = {"default-src": "'none'", **own, "base-uri": "'none'", "form-action": "'none'"}
    return "; ".join(f"{rule} {value}" for rule, value in rules.items())


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _asset(file: str) -> str:
    return files(__package__).joinpath(file).read_text(encoding="utf-8")
