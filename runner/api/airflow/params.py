"""Params: a DAG's defaults with a run's conf laid over them, checked against their schemas.

The schema words checked are those that the trigger form knows: type, enum, const, minimum, maximum,
exclusiveMinimum, exclusiveMaximum, minLength, maxLength, pattern, format (date, date-time, time), minItems, maxItems,
items. Other words are left alone.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from typing import Any

from airflow._wire.encoding import TYPE

_TYPES: dict[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: _is_number(value) and float(value).is_integer(),
    "number": lambda value: _is_number(value),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
    "null": lambda value: value is None,
}
_FORMATS: dict[str, Callable[[str], object]] = {
    "date": dt.date.fromisoformat,
    "date-time": dt.datetime.fromisoformat,
    "time": dt.time.fromisoformat,
}
_LIMITS: dict[str, tuple[str, Callable[[Any, Any], bool]]] = {
    "minimum": ("less than", lambda value, limit: value < limit),
    "maximum": ("more than", lambda value, limit: value > limit),
    "exclusiveMinimum": ("not more than", lambda value, limit: value <= limit),
    "exclusiveMaximum": ("not less than", lambda value, limit: value >= limit),
}
_SIZES: dict[str, tuple[type, str, Callable[[int, int], bool]]] = {
    "minLength": (str, "shorter than", lambda size, limit: size < limit),
    "maxLength": (str, "longer than", lambda size, limit: size > limit),
    "minItems": (list, "shorter than", lambda size, limit: size < limit),
    "maxItems": (list, "longer than", lambda size, limit: size > limit),
}


class BadParams(ValueError):
    """A value does not fit its param; the message names it."""


def merge_params(params: Mapping[str, Any], conf: Mapping[str, Any]) -> dict[str, Any]:
    """Every param's value for a run with this conf. Raises BadParams."""
    merged = {}
    for name, param in params.items():
        default, schema = _split(param)
        value = conf.get(name, default)
        if name not in conf and default is None and "null" not in _types(schema) and _types(schema):
            raise BadParams(f"cannot start the run: param {name!r} has no default, and conf does not give it")
        if name in conf and schema and (problem := find_problem(value, schema)) is not None:
            raise BadParams(f"cannot start the run: param {name!r} {problem}")
        merged[name] = value
    return {**merged, **conf}


def find_problem(value: Any, schema: Mapping[str, Any]) -> str | None:
    """Why `value` does not fit `schema`; None when it does."""
    types = _types(schema)
    if types and not any(_TYPES[name](value) for name in types if name in _TYPES):
        return f"must be {' or '.join(types)}, not {value!r}"
    if "const" in schema and value != schema["const"]:
        return f"must be {schema['const']!r}, not {value!r}"
    if "enum" in schema and value not in schema["enum"]:
        return f"must be one of {schema['enum']!r}, not {value!r}"
    if value is None:
        return None
    return (
        _find_limit(value, schema) or _find_text_problem(value, schema) or _find_item_problem(value, schema)
    )


def _find_limit(value: Any, schema: Mapping[str, Any]) -> str | None:
    for word, (text, breaks) in _LIMITS.items():
        limit = schema.get(word)
        if _is_number(value) and _is_number(limit) and breaks(value, limit):
            return f"is {value!r}, which is {text} {limit!r}"
    for word, (kind, text, is_broken) in _SIZES.items():
        if isinstance(value, kind) and word in schema and is_broken(len(value), schema[word]):  # type: ignore[arg-type]
            return f"is {text} {schema[word]}"
    return None


def _find_text_problem(value: Any, schema: Mapping[str, Any]) -> str | None:
    if not isinstance(value, str):
        return None
    if "pattern" in schema and not re.search(schema["pattern"], value[:1000]):
        return f"must match {schema['pattern']!r}, not {value!r}"
    read = _FORMATS.get(schema.get("format", ""))
    if read is not None:
        try:
            read(value)
        except ValueError:
            return f"must be a {schema['format']}, not {value!r}"
    return None


def _find_item_problem(value: Any, schema: Mapping[str, Any]) -> str | None:
    if not isinstance(value, list) or not isinstance(schema.get("items"), dict):
        return None
    for position, item in enumerate(value):
        if (problem := find_problem(item, schema["items"])) is not None:
            return f"item {position} {problem}"
    return None


def _split(param: Any) -> tuple[Any, Mapping[str, Any]]:
    """A param's default and schema, however it was written."""
    if isinstance(param, dict) and "schema" in param and TYPE not in param:
        return param.get("value"), param.get("schema") or {}
    return param, {}


def _types(schema: Mapping[str, Any]) -> list[str]:
    kind = schema.get("type")
    return [kind] if isinstance(kind, str) else list(kind or [])


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
