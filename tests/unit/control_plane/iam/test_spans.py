"""Where statements stand."""

from __future__ import annotations

import json

import pytest

from control_plane.iam.spans import Place, find_span

ONE = {"Effect": "Allow", "Action": "a:b", "Resource": "*", "Condition": {"StringLike": {"x:Statement": "]"}}}
TEXT = json.dumps({"Id": 'a "Statement": [', "Statement": [ONE, ONE]}, indent=1)


@pytest.mark.parametrize("number", [1, 2])
def test_span_holds_exactly_the_statement(number: int) -> None:
    span = find_span(TEXT, number)
    assert span is not None
    lines = TEXT.splitlines(keepends=True)
    first, last = (sum(map(len, lines[: place.line - 1])) + place.column - 1 for place in span)
    assert json.loads(TEXT[first : last + 1]) == ONE


def test_single_statement_and_none() -> None:
    assert find_span('{"Statement": {"a": 1}}', 1) == (Place(1, 15), Place(1, 22))
    assert find_span("{}", 1) is None
    assert find_span(TEXT, 3) is None
