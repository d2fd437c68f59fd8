"""Wildcards and policy variables. Pure.

A pattern is made of the text of a policy in which `*` and `?` are wildcards and `${...}` are variables. What a
variable stands for is always literal: a user named `*` gains nothing by it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

Values = Sequence[str]
Context = Mapping[str, Values]
"""Condition keys of a request, in lower case, each with its values."""

_VARIABLE = re.compile(r"\$\{([^{}]*)\}")
_DEFAULT = re.compile(r"^\s*([^,]+?)\s*,\s*'([^']*)'\s*$")
_ESCAPED = ("*", "?", "$")
_ANY, _ONE = "*", "?"
_COLON, _ARN_PARTS = ":", 6


class Unresolved(Exception):
    """A variable stands for nothing in this request; the text it is in matches nothing."""


def expand(text: str, context: Context, variables: bool) -> list[tuple[str, bool]]:
    """The text in pieces, each with whether it may hold wildcards. Raises Unresolved."""
    if not variables or "${" not in text:
        return [(text, True)]
    pieces: list[tuple[str, bool]] = []
    end = 0
    for found in _VARIABLE.finditer(text):
        pieces += [(text[end : found.start()], True), (_resolve(found.group(1), context), False)]
        end = found.end()
    return [*pieces, (text[end:], True)]


def find_variables(text: str) -> set[str]:
    """The condition keys that the variables of a text stand for."""
    names = (found.group(1) for found in _VARIABLE.finditer(text))
    return {name.partition(",")[0].strip() for name in names} - {"", *_ESCAPED}


def literal(text: str, context: Context, variables: bool) -> str:
    """The text with its variables filled in; its wildcards mean themselves. Raises Unresolved."""
    return "".join(piece for piece, _ in expand(text, context, variables))


def matches(pattern: str, value: str, context: Context, variables: bool, *, fold: bool = False) -> bool:
    """Whether the whole value fits; with `fold` upper and lower case are the same. Raises Unresolved."""
    quick = _fits_quickly(pattern.lower(), value.lower()) if fold else _fits_quickly(pattern, value)
    if quick is not None:
        return quick
    return _fits(list(_tokens(expand(pattern, context, variables))), value, fold)


def matches_arn(pattern: str, value: str, context: Context, variables: bool) -> bool:
    """As `matches`, part by part: a wildcard stays within its part, but for a `*` that ends a short pattern.

    Raises Unresolved.
    """
    if pattern == _ANY:
        return True
    if pattern.count(_COLON) >= _ARN_PARTS - 1 and _ANY not in pattern[:-1]:
        quick = _fits_quickly(pattern, value)
        if quick is not None:
            return quick
    wanted = _split(list(_tokens(expand(pattern, context, variables))))
    if len(wanted) < _ARN_PARTS and wanted[-1][-1:] != [_ANY_TOKEN]:
        return False
    given = value.split(":", len(wanted) - 1)
    return len(given) == len(wanted) and all(map(_fits, wanted, given))


def _fits_quickly(pattern: str, value: str) -> bool | None:
    """The answer for the usual patterns - no wildcard, or one `*` at the end - and None for all others."""
    if _ONE in pattern or "$" in pattern or _ANY in pattern[:-1]:
        return None
    return value.startswith(pattern[:-1]) if pattern.endswith(_ANY) else value == pattern


class _Wild:
    """A wildcard, told from the character it is written with."""

    def __init__(self, sign: str) -> None:
        self.sign = sign


_ANY_TOKEN, _ONE_TOKEN = _Wild(_ANY), _Wild(_ONE)
_Token = str | _Wild


def _tokens(pieces: list[tuple[str, bool]]) -> Iterator[_Token]:
    for text, wild in pieces:
        for char in text:
            if wild and char == _ANY:
                yield _ANY_TOKEN
            elif wild and char == _ONE:
                yield _ONE_TOKEN
            else:
                yield char


def _split(tokens: list[_Token]) -> list[list[_Token]]:
    """At the first five colons."""
    parts: list[list[_Token]] = [[]]
    for token in tokens:
        if token == _COLON and len(parts) < _ARN_PARTS:
            parts.append([])
        else:
            parts[-1].append(token)
    return parts


def _fits(tokens: list[_Token], value: str, fold: bool = False) -> bool:
    """Linear in practice and never worse than tokens x characters: no pattern can hang us."""
    if fold:
        value = value.lower()
        tokens = [token.lower() if isinstance(token, str) else token for token in tokens]
    at = position = 0
    star, resume = -1, 0
    while position < len(value):
        token = tokens[at] if at < len(tokens) else None
        if token is _ANY_TOKEN:
            star, resume = at, position
            at += 1
        elif token is _ONE_TOKEN or token == value[position]:
            at, position = at + 1, position + 1
        elif star >= 0:
            resume += 1
            at, position = star + 1, resume
        else:
            return False
    return all(token is _ANY_TOKEN for token in tokens[at:])


def _resolve(name: str, context: Context) -> str:
    if name in _ESCAPED:
        return name
    given = _DEFAULT.match(name)
    key, default = (given.group(1), given.group(2)) if given else (name.strip(), None)
    values = context.get(key.lower(), ())
    if len(values) == 1:
        return values[0]
    if default is None:
        raise Unresolved(key)
    return default
