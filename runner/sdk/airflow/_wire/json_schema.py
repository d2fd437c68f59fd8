"""JSON schema, as far as params use it: does a value fit?

Keywords that say how a form shows a value (title, section, examples, values_display ...) and formats nobody here knows
restrict nothing. Of a long text a pattern sees the beginning: it is the user's, and the engine searches with it, too.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterator
from typing import Any

_TYPES: dict[str, Any] = {
    "string": str,
    "number": (int, float),
    "integer": int,
    "boolean": bool,
    "array": list,
    "object": dict,
    "null": type(None),
}


MOST_SEARCHED = 1000


def find_problem(value: Any, schema: Any) -> str | None:
    """What is wrong with `value`, as the end of a sentence that begins with it; None when it fits."""
    if schema is True or schema is False:
        return None if schema else "is not allowed"
    return next(_problems(value, schema), None)


def _problems(value: Any, schema: dict[str, Any]) -> Iterator[str]:
    kinds = schema.get("type")
    if kinds is not None and not any(_is_type(value, kind) for kind in _as_list(kinds)):
        yield f"is not of type {' or '.join(map(str, _as_list(kinds)))}"
        return
    if "enum" in schema and not any(_same(value, item) for item in schema["enum"]):
        yield f"is not one of {schema['enum']!r}"
    if "const" in schema and not _same(value, schema["const"]):
        yield f"is not {schema['const']!r}"
    if isinstance(value, str):
        yield from _of_text(value, schema)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield from _of_number(value, schema)
    elif isinstance(value, list):
        yield from _of_array(value, schema)
    elif isinstance(value, dict):
        yield from _of_object(value, schema)
    yield from _of_combination(value, schema)


def _of_number(value: float, schema: dict[str, Any]) -> Iterator[str]:
    low, high = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    if not schema.get("minimum", value) <= value <= schema.get("maximum", value):
        yield f"is outside of {schema.get('minimum', '')}..{schema.get('maximum', '')}"
    if (low is not None and value <= low) or (high is not None and value >= high):
        yield f"is not between {low} and {high}"
    if "multipleOf" in schema and value % schema["multipleOf"]:
        yield f"is not a multiple of {schema['multipleOf']}"


def _of_text(value: str, schema: dict[str, Any]) -> Iterator[str]:
    if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)):
        yield f"is not {schema.get('minLength', 0)}..{schema.get('maxLength', '')} characters long"
    if "pattern" in schema and not re.search(schema["pattern"], value[:MOST_SEARCHED]):
        yield f"does not match {schema['pattern']!r}"
    check = FORMATS.get(schema.get("format", ""))
    if check is not None:
        try:
            fits = check(value)
        except ValueError:
            fits = False
        if not fits:
            yield f"is not a {schema['format']}"


def _of_array(value: list[Any], schema: dict[str, Any]) -> Iterator[str]:
    if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
        yield f"has not {schema.get('minItems', 0)}..{schema.get('maxItems', '')} items"
    if schema.get("uniqueItems") and any(_same(a, b) for i, a in enumerate(value) for b in value[:i]):
        yield "has an item twice"
    first = schema.get("prefixItems", [])
    for place, item in enumerate(value):
        inner = first[place] if place < len(first) else schema.get("items", True)
        if found := find_problem(item, inner):
            yield f"has at {place} {item!r}, which {found}"
    if "contains" in schema and all(find_problem(item, schema["contains"]) for item in value):
        yield "does not contain what it must"


def _of_object(value: dict[str, Any], schema: dict[str, Any]) -> Iterator[str]:
    if not schema.get("minProperties", 0) <= len(value) <= schema.get("maxProperties", len(value)):
        yield f"has not {schema.get('minProperties', 0)}..{schema.get('maxProperties', '')} properties"
    for name in schema.get("required", ()):
        if name not in value:
            yield f"lacks {name!r}"
    for name, item in value.items():
        for inner in _of_property(name, schema):
            if found := find_problem(item, inner):
                yield f"has {name}={item!r}, which {found}"


def _of_property(name: str, schema: dict[str, Any]) -> list[Any]:
    """The schemas that a property must fit."""
    found = [schema["properties"][name]] if name in schema.get("properties", {}) else []
    found += [
        inner
        for pattern, inner in schema.get("patternProperties", {}).items()
        if re.search(pattern, name[:MOST_SEARCHED])
    ]
    return found or [schema.get("additionalProperties", True)]


def _of_combination(value: Any, schema: dict[str, Any]) -> Iterator[str]:
    for inner in schema.get("allOf", ()):
        if found := find_problem(value, inner):
            yield found
    fitting = {
        keyword: sum(find_problem(value, inner) is None for inner in schema[keyword])
        for keyword in ("anyOf", "oneOf")
        if keyword in schema
    }
    if fitting.get("anyOf") == 0:
        yield "fits none of anyOf"
    if fitting.get("oneOf", 1) != 1:
        yield "fits not exactly one of oneOf"
    if "not" in schema and find_problem(value, schema["not"]) is None:
        yield f"fits {schema['not']!r}, and must not"


def _is_type(value: Any, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    if kind == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, _TYPES.get(kind, object))


def _same(one: Any, other: Any) -> bool:
    """Equal as JSON: true is not 1."""
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _is_uuid(value: str) -> bool:
    import uuid

    return str(uuid.UUID(value)) == value.lower()


def _is_address(value: str, version: int) -> bool:
    import ipaddress

    return ipaddress.ip_address(value).version == version


def _is_regex(value: str) -> bool:
    try:
        return bool(re.compile(value))
    except re.error:
        return False


FORMATS: dict[str, Callable[[str], bool]] = {
    "date": lambda value: bool(re.fullmatch(r"\d{4}-\d\d-\d\d", value) and dt.date.fromisoformat(value)),
    "time": lambda value: bool(re.fullmatch(r"\d\d:\d\d:\d\d", value) and dt.time.fromisoformat(value)),
    "date-time": lambda value: bool(dt.datetime.fromisoformat(value.upper())),
    "email": lambda value: "@" in value,
    "ipv4": lambda value: _is_address(value, 4),
    "ipv6": lambda value: _is_address(value, 6),
    "uuid": _is_uuid,
    "regex": _is_regex,
    "duration": lambda value: bool(re.fullmatch(r"P(?=.)(\d+[YMWD])*(T(?=\d)(\d+(\.\d+)?[HMS])+)?", value)),
}
"""Formats of text that are checked; a ValueError means no."""
