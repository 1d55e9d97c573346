"""Typed options: the base class of every plugin's configuration, checked at the boundary."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from ferbench.errors import ConfigError, closest

OptionsT = TypeVar("OptionsT", bound="Options")


class Options(BaseModel):
    """Options of a plugin: immutable, strictly typed, unknown names refused.

    State each range with `pydantic.Field(ge=…, le=…, description=…)`; where a paper gives a value, say so in
    `json_schema_extra={"paper": …}`: the message that refuses a value quotes both.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, validate_default=True, allow_inf_nan=False)


class NoOptions(Options):
    """For a plugin that has nothing to set."""


def parse_options(kind: type[OptionsT], values: Mapping[str, Any], where: str) -> OptionsT:
    """Check `values` against `kind`.

    Args:
        kind: the options class.
        values: what the user wrote (TOML types).
        where: where it was written, for the message.

    Returns:
        The validated options, defaults filled in.

    Raises:
        ConfigError: an unknown name, a wrong type, or a value out of range.
    """
    try:
        # JSON mode is the strict mode in which a TOML array may become a tuple.
        return kind.model_validate_json(json.dumps(dict(values), default=str))
    except ValidationError as error:
        raise _explain(kind, values, where, error) from None


def papers_value(kind: type[Options], name: str) -> str:
    """Return what a message adds of an option's values in the paper and in its authors' code, where they are stated.

    They stand in the field's `json_schema_extra`, as `paper` and `code`.
    """
    field = kind.model_fields.get(name)
    extra = field.json_schema_extra if field is not None else None
    stated = extra if isinstance(extra, dict) else {}
    told = [f"{who} uses {stated[key]}" for key, who in (("paper", "the paper"), ("code", "its code")) if key in stated]
    return f" ({', '.join(told)})" if told else ""


def _explain(kind: type[Options], values: Mapping[str, Any], where: str, error: ValidationError) -> ConfigError:
    errors = error.errors(include_url=False)
    # A misspelt name of something required is both missing and unknown: the unknown name helps more.
    first = next((one for one in errors if one["type"] == "extra_forbidden"), errors[0])
    path = ".".join(str(part) for part in first["loc"])
    name = str(first["loc"][0]) if first["loc"] else ""
    if first["type"] == "extra_forbidden":
        name, known = str(first["loc"][-1]), sorted(_fields_at(kind, first["loc"][:-1]))
        return ConfigError(
            expected=f"one of the options {', '.join(known) or '(none)'}",
            found=f"the unknown option {path!r}",
            where=where,
            remedy=f"{closest(name, known)}remove it or correct its name",
        )
    found = "nothing" if first["type"] == "missing" else repr(values.get(name, first.get("input")))
    return ConfigError(
        expected=f"{path or 'the options'}: {_sentence(first['msg'])}{papers_value(kind, name)}",
        found=found,
        where=where,
        remedy=f"set {path or 'them'} to an allowed value",
    )


def _fields_at(kind: type[BaseModel], loc: tuple[int | str, ...]) -> set[str]:
    """Return the options known at a place, which may be in options within options."""
    for part in loc:
        inner = kind.model_fields[part].annotation if isinstance(part, str) and part in kind.model_fields else None
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            kind = inner
    return set(kind.model_fields)


def _sentence(message: str) -> str:
    message = message.removeprefix("Value error, ")
    return message[:1].lower() + message[1:]
