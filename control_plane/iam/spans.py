"""Where a statement stands in the text of its document: what a simulator points at. Pure."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

_STATEMENT = re.compile(r'"Statement"\s*:\s*(\[)?')
"""The first is the document's own: before it there are only two texts, whose quotes are escaped."""
_BETWEEN = re.compile(r"[\s,]*")


@dataclass(frozen=True, slots=True)
class Place:
    """Line and column, both from 1."""

    line: int
    column: int


def find_span(text: str, number: int) -> tuple[Place, Place] | None:
    """First and last character of a statement, by its number from 1, in a document that can be read."""
    found = _STATEMENT.search(text)
    if found is None:
        return None
    decoder, at = json.JSONDecoder(), found.end()
    for _ in range(number):
        between = _BETWEEN.match(text, at)
        start = at if between is None else between.end()
        try:
            _, at = decoder.raw_decode(text, start)
        except ValueError:
            return None
    return _place(text, start), _place(text, at - 1)


def _place(text: str, offset: int) -> Place:
    return Place(text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset))
