"""Answers as bytes: what a handler returns."""

from __future__ import annotations

import base64
import datetime as dt
import json
from typing import Any

import orjson
from starlette.responses import Response

_OPTIONS = orjson.OPT_NON_STR_KEYS


def reply(body: Any, status: int = 200) -> Response:
    """`body` as JSON. Values that JSON lacks (they come out of XCom) are shown as lists or as text."""
    try:
        data = orjson.dumps(body, default=_show, option=_OPTIONS)
    except TypeError:  # numbers of more than 64 bits, odd keys
        data = json.dumps(body, default=_show, ensure_ascii=False, skipkeys=True).encode()
    return Response(data, status, media_type="application/json")


def _show(value: Any) -> Any:
    if isinstance(value, set | frozenset):
        return sorted(value, key=repr)
    return base64.b64encode(value).decode() if isinstance(value, bytes) else str(value)


def empty() -> Response:
    """204 without a body."""
    return Response(status_code=204)


def moment(at: float | None) -> str | None:
    """Epoch seconds as the text that Airflow's API uses: 2026-01-31T08:00:00Z, with microseconds if there are any."""
    if at is None:
        return None
    return dt.datetime.fromtimestamp(at, dt.UTC).isoformat().replace("+00:00", "Z")


def span(start: float | None, end: float | None) -> float | None:
    """A duration in seconds, when both ends are known."""
    return None if start is None or end is None else round(end - start, 6)


def stable_uuid(kind: int, number: int) -> str:
    """A row's number in the form of a UUID, for members that Airflow declares as one."""
    return f"00000000-0000-7000-8{kind:03x}-{number:012x}"
