"""A form of the query protocol: flat names (`Tags.member.1.Key`) become the members they stand for."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl

from control_plane.domain.errors import validation
from control_plane.domain.shapes import Flag, ListOf, Number, Shape, Structure

_FIELDS, _DEPTH, _ITEMS = 5000, 8, 1000
_INTEGER, _INDEX = re.compile("-?[0-9]{1,11}"), re.compile("[0-9]{1,5}")


def parse_form(body: bytes) -> dict[str, str]:
    """The fields. Raises ValidationException when it is no form."""
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_FIELDS, errors="strict")
    except ValueError:
        raise validation("The request's body must be a form in UTF-8, percent-encoded") from None
    return dict(pairs)


def read_members(fields: dict[str, str], shape: Structure) -> dict[str, Any]:
    """The members a shape knows, as nested values; what cannot be read stays text for the validation to refuse."""
    nested: dict[str, Any] = {}
    for name, value in fields.items():
        parts = name.split(".")
        if len(parts) <= _DEPTH and parts[0] in shape.members:
            _put(nested, parts, value)
    return {name: _read(shape.members[name], value) for name, value in nested.items()}


def _put(nested: dict[str, Any], parts: list[str], value: str) -> None:
    at = nested
    for part in parts[:-1]:
        inner = at.setdefault(part, {})
        if not isinstance(inner, dict):
            raise validation(f"The field {'.'.join(parts)[:128]} contradicts another field of the request")
        at = inner
    at[parts[-1]] = value


def _read(shape: Shape, value: Any) -> Any:
    match shape:
        case Number() if isinstance(value, str) and _INTEGER.fullmatch(value):
            return int(value)
        case Flag() if value in ("true", "false"):
            return value == "true"
        case ListOf() if value == "":
            return []
        case ListOf() if isinstance(value, dict):
            return _read_list(shape, value.get("member", value))
        case Structure() if isinstance(value, dict):
            return {
                name: _read(shape.members[name], one) for name, one in value.items() if name in shape.members
            }
    return value


def _read_list(shape: ListOf, numbered: Any) -> Any:
    if not isinstance(numbered, dict) or not all(map(_INDEX.fullmatch, numbered)):
        return numbered
    if len(numbered) > _ITEMS:
        raise validation(f"A list of the request has more than {_ITEMS} members")
    return [_read(shape.item, numbered[key]) for key in sorted(numbered, key=int)]
