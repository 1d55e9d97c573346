"""Strangers' words on a page: no character may act on its surroundings, and names keep their own direction."""

from __future__ import annotations

import re
import unicodedata

from markupsafe import Markup, escape

# Controls but tab and line feed, invisible and directional format characters, lone surrogates, noncharacters.
_ACTING = {"Cc", "Cf", "Cs", "Cn", "Co", "Zl", "Zp"}
_JOINERS = {"\u200c", "\u200d"}  # needed to spell some languages, harmless to the text around them


def visible(value: object) -> object:
    """Show characters that would reorder, hide or end text by their numbers; markup and numbers are left alone."""
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    return "".join(_shown(character) for character in value.replace("\r\n", "\n"))


def _shown(character: str) -> str:
    if character in "\t\n" or character in _JOINERS or unicodedata.category(character) not in _ACTING:
        return character
    return f"⟨U+{ord(character):04X}⟩"


def fill(template: str, *values: object) -> Markup:
    """Return markup with values put in its places, each made visible and escaped."""
    return Markup(template).format(*(visible(value) for value in values))  # noqa: S704  templates are our own


def prose(text: str) -> Markup:
    """Return text with what stands between backticks as code; all else of markdown stays as it is written."""
    parts = re.split(r"`([^`\n]+)`", text)
    made = [fill("<code>{}</code>" if place % 2 else "{}", part) for place, part in enumerate(parts)]
    return Markup("").join(made)


def name(text: str) -> Markup:
    """Return a name that a stranger chose, kept apart from the direction of the text around it."""
    return Markup("<bdi>{}</bdi>").format(escape(visible(text.replace("->", "→"))))
