"""botocore's model of MWAA as a source of tests: input that is valid, every way to break it, and what answers hold."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import botocore.session

MODEL = botocore.session.get_session().get_service_model("mwaa")

_BAD_TEXT = ("\n", "~☃", "~", " ", "A!")
_WRONG = {
    "string": [7, ["x"], {"x": "y"}],
    "integer": ["7", 1.5, True, [1]],
    "double": ["7", True, []],
    "boolean": ["true", 1, {}],
    "timestamp": ["x", [], True],
    "list": ["x", {"x": "y"}, 7],
    "map": ["x", ["x"], 7],
    "structure": ["x", ["x"], 7],
}


@dataclass(frozen=True, slots=True)
class Broken:
    """One way to break an input: at which member, and how."""

    at: str
    how: str
    given: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.at}: {self.how}"


def break_input(operation: str, valid: dict[str, Any]) -> Iterator[Broken]:
    """Every member of a valid input, broken in every way the model knows of. `valid` has every member."""
    shape = MODEL.operation_model(operation).input_shape
    for name, member in shape.members.items():
        location = member.serialization.get("location")
        for how, value in _break(member, valid[name]):
            if location != "uri" or (isinstance(value, str) and value != ""):
                if location == "querystring" and "of a wrong type" in how:
                    continue  # everything is text in a query
                yield Broken(name, how, {**valid, name: value})
        if name in shape.required_members and location != "uri":
            yield Broken(name, "missing", {key: one for key, one in valid.items() if key != name})


def body_of(operation: str, given: dict[str, Any]) -> dict[str, Any] | None:
    """The members that travel in the body; None when the operation has none."""
    members = MODEL.operation_model(operation).input_shape.members
    inside = [name for name, member in members.items() if "location" not in member.serialization]
    return {name: given[name] for name in inside if name in given} if inside else None


def _break(shape: Any, valid: Any) -> Iterator[tuple[str, Any]]:
    """(how, a value that is not allowed)."""
    if getattr(shape, "is_document_type", False):
        return
    for value in _WRONG.get(shape.type_name, ()):
        yield "of a wrong type", value
    match shape.type_name:
        case "string":
            yield from _break_text(shape)
        case "integer":
            yield from _break_number(shape)
        case "list":
            yield from _break_list(shape, valid)
        case "map":
            yield from _break_map(shape, valid)
        case "structure":
            yield from _break_structure(shape, valid)


def _break_text(shape: Any) -> Iterator[tuple[str, Any]]:
    rules = shape.metadata
    if rules.get("enum"):
        yield "not of the enumeration", "NO_SUCH_VALUE"
    if rules.get("min", 0) > 0:
        yield "too short", "a" * (rules["min"] - 1)
    if "max" in rules:
        yield "too long", "a" * (rules["max"] + 1)
    pattern = rules.get("pattern")
    if pattern and (bad := _find_mismatch(pattern)) is not None:
        yield "against the pattern", bad


def _find_mismatch(pattern: str) -> str | None:
    plain = pattern.replace(r"\p{L}\p{Z}\p{N}", r"\w ")
    return next((text for text in _BAD_TEXT if re.fullmatch(plain, text, re.ASCII) is None), None)


def _break_number(shape: Any) -> Iterator[tuple[str, Any]]:
    if "min" in shape.metadata:
        yield "too small", shape.metadata["min"] - 1
    yield "too large", shape.metadata.get("max", 2**31 - 1) + 1


def _break_list(shape: Any, valid: list[Any]) -> Iterator[tuple[str, Any]]:
    least, most = shape.metadata.get("min", 0), shape.metadata.get("max")
    if least:
        yield "too few", valid[: least - 1]
    if most is not None:
        yield "too many", [valid[0]] * (most + 1)
    for how, value in _break(shape.member, valid[0]):
        yield f"[0] {how}", [value, *valid[1:]]


def _break_map(shape: Any, valid: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    (key, one), *_ = valid.items()
    if shape.metadata.get("min"):
        yield "too few", {}
    if shape.metadata.get("max") is not None:
        yield "too many", {f"{key}{number}": one for number in range(shape.metadata["max"] + 1)}
    for how, bad in _break_text(shape.key):
        yield f"key {how}", {bad: one}
    for how, value in _break(shape.value, one):
        yield f"[{key}] {how}", {key: value}


def _break_structure(shape: Any, valid: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, member in shape.members.items():
        if name not in valid:
            raise KeyError(f"the valid input has no {name}: give it one")
        for how, value in _break(member, valid[name]):
            yield f".{name} {how}", {**copy.deepcopy(valid), name: value}
        if name in shape.required_members:
            yield f".{name} missing", {key: one for key, one in valid.items() if key != name}


def find_faults(shape: Any, sent: Any, at: str = "") -> Iterator[str]:
    """What is wrong with an answer as it was sent: unknown or missing members, wrong types, null."""
    kinds = {"string": str, "integer": int, "boolean": bool, "timestamp": int | float, "list": list}
    if getattr(shape, "is_document_type", False):
        return
    if shape.type_name == "structure" and isinstance(sent, dict):
        yield from (f"{at}.{name} is unknown" for name in set(sent) - set(shape.members))
        yield from (f"{at}.{name} is missing" for name in set(shape.required_members) - set(sent))
        for name in set(sent) & set(shape.members):
            yield from find_faults(shape.members[name], sent[name], f"{at}.{name}")
    elif shape.type_name == "map" and isinstance(sent, dict):
        for key, one in sent.items():
            yield from find_faults(shape.value, one, f"{at}[{key}]")
    elif not isinstance(sent, kinds.get(shape.type_name, ())):
        yield f"{at} is a {type(sent).__name__}, not a {shape.type_name}"
    elif shape.type_name == "list":
        for number, one in enumerate(sent):
            yield from find_faults(shape.member, one, f"{at}[{number}]")
    elif shape.metadata.get("enum") and sent not in shape.metadata["enum"]:
        yield f"{at} is {sent}, which the model does not list"
