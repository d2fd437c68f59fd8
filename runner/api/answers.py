"""Answers as bytes: what a handler returns."""

from __future__ import annotations

import datetime as dt
from typing import Any

import orjson
from starlette.responses import Response

_OPTIONS = orjson.OPT_NON_STR_KEYS | orjson.OPT_UTC_Z


def reply(body: Any, status: int = 200) -> Response:
    """`body` as JSON."""
    return Response(orjson.dumps(body, default=str, option=_OPTIONS), status, media_type="application/json")


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
