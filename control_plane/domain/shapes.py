"""Shapes of input and what can be wrong with a value, worded as AWS words it. Pure.

A shape says what the service model says: pattern, length, range, members. `check` yields every violation,
not just the first; unknown members and nulls are ignored, as AWS ignores them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

INTEGER_MAX = 2**31 - 1
TAG_PATTERN = r"([\p{L}\p{Z}\p{N}_.:/=+\-@]*)"
"""Python's `re` has no \\p; `_matches` knows this one pattern."""


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing wrong with the input. `value` is None when there is none or when it must not be repeated."""

    at: str
    constraint: str
    value: str | None = None

    def __str__(self) -> str:
        value = "" if self.value is None else f"'{self.value[:256]}' "
        return f"Value {value}at '{self.at}' failed to satisfy constraint: {self.constraint}"


@dataclass(frozen=True, slots=True)
class Text:
    """A string; with `choices`, an enumeration."""

    min: int = 0
    max: int | None = None
    pattern: str | None = None
    choices: tuple[str, ...] = ()
    sensitive: bool = False


@dataclass(frozen=True, slots=True)
class Number:
    """A 32 bit integer."""

    min: int | None = None
    max: int | None = None


@dataclass(frozen=True, slots=True)
class Real:
    """A number that need not be whole; a time is one, in seconds since 1970."""

    kind: str = "double"


@dataclass(frozen=True, slots=True)
class Flag:
    """A boolean."""


@dataclass(frozen=True, slots=True)
class Document:
    """Any JSON value."""


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list of one shape."""

    item: Shape
    min: int = 0
    max: int | None = None


@dataclass(frozen=True, slots=True)
class MapOf:
    """An object whose keys are data."""

    key: Text
    value: Shape
    min: int = 0
    max: int | None = None


@dataclass(frozen=True, slots=True)
class Structure:
    """An object whose keys are known."""

    members: Mapping[str, Shape]
    required: frozenset[str] = frozenset()


Shape = Text | Number | Real | Flag | Document | ListOf | MapOf | Structure


def check(shape: Shape, value: Any, at: str) -> Iterator[Violation]:
    """Everything about `value` that the shape does not allow. `at` is its path in the request."""
    match shape:
        case Text():
            yield from _check_text(shape, value, at)
        case Number():
            yield from _check_number(shape, value, at)
        case Real():
            if isinstance(value, bool) or not isinstance(value, int | float):
                yield _wrong_type(value, at, shape.kind)
        case Flag():
            if not isinstance(value, bool):
                yield _wrong_type(value, at, "boolean")
        case ListOf():
            yield from _check_list(shape, value, at)
        case MapOf():
            yield from _check_map(shape, value, at)
        case Structure():
            yield from _check_structure(shape, value, at)


def member_path(at: str, name: str) -> str:
    """Where a member stands, in the lower camel case of AWS's messages."""
    camel = name[:1].lower() + name[1:]
    return f"{at}.{camel}" if at else camel


def render(violations: list[Violation]) -> str:
    """The message of one ValidationException."""
    count = f"{len(violations)} validation error{'' if len(violations) == 1 else 's'} detected: "
    return count + "; ".join(map(str, violations))


def _check_text(shape: Text, value: Any, at: str) -> Iterator[Violation]:
    if not isinstance(value, str):
        yield _wrong_type(value, at, "string")
        return
    shown = None if shape.sensitive else value
    for constraint in _broken_text_rules(shape, value):
        yield Violation(at, constraint, shown)


def _broken_text_rules(shape: Text, value: str) -> Iterator[str]:
    if shape.choices and value not in shape.choices:
        yield f"Member must satisfy enum value set: [{', '.join(shape.choices)}]"
        return
    yield from _broken_length(shape.min, shape.max, len(value))
    if shape.pattern is not None and not _matches(shape.pattern, value):
        yield f"Member must satisfy regular expression pattern: {shape.pattern}"


def _broken_length(low: int, high: int | None, length: int) -> Iterator[str]:
    if length < low:
        yield f"Member must have length greater than or equal to {low}"
    if high is not None and length > high:
        yield f"Member must have length less than or equal to {high}"


def _check_number(shape: Number, value: Any, at: str) -> Iterator[Violation]:
    if isinstance(value, bool) or not isinstance(value, int):
        yield _wrong_type(value, at, "integer")
        return
    low, high = shape.min, INTEGER_MAX if shape.max is None else shape.max
    if low is not None and value < low:
        yield Violation(at, f"Member must have value greater than or equal to {low}", str(value))
    if value > high or value < -INTEGER_MAX - 1:
        yield Violation(at, f"Member must have value less than or equal to {high}", str(value)[:40])


def _check_list(shape: ListOf, value: Any, at: str) -> Iterator[Violation]:
    if not isinstance(value, list):
        yield _wrong_type(value, at, "list")
        return
    for constraint in _broken_length(shape.min, shape.max, len(value)):
        yield Violation(at, constraint, f"[{', '.join(map(str, value))}]")
    for index, item in enumerate(value[: shape.max]):
        yield from check(shape.item, item, f"{at}.{index + 1}.member")


def _check_map(shape: MapOf, value: Any, at: str) -> Iterator[Violation]:
    if not isinstance(value, dict):
        yield _wrong_type(value, at, "map")
        return
    for constraint in _broken_length(shape.min, shape.max, len(value)):
        yield Violation(at, constraint)
    for key, item in list(value.items())[: shape.max]:
        for broken in _broken_text_rules(shape.key, key):
            yield Violation(at, f"Map keys must satisfy constraint: [{broken}]", key)
        yield from check(shape.value, item, f"{at}.{key[:128]}.member")


def _check_structure(shape: Structure, value: Any, at: str) -> Iterator[Violation]:
    if not isinstance(value, dict):
        yield _wrong_type(value, at, "structure")
        return
    for name, member in shape.members.items():
        given = value.get(name)
        if given is not None:
            yield from check(member, given, member_path(at, name))
        elif name in shape.required:
            yield Violation(member_path(at, name), "Member must not be null")


def _wrong_type(value: Any, at: str, wanted: str) -> Violation:
    return Violation(at, f"Member must be of type {wanted}, not {_JSON_TYPES.get(type(value), 'null')}")


_JSON_TYPES: Mapping[type, str] = {
    str: "string", bool: "boolean", int: "number", float: "number", list: "list", dict: "structure",
}  # fmt: skip


def _matches(pattern: str, value: str) -> bool:
    if pattern == TAG_PATTERN:
        return all(char in "_.:/=+-@" or unicodedata.category(char)[0] in "LZN" for char in value)
    return re.fullmatch(pattern, value, re.ASCII) is not None
