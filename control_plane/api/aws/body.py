"""Reading what a client sent: with limits, before anything is made of it."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote_to_bytes

import orjson
from starlette.types import Receive, Scope

from control_plane.domain.errors import Code, ServiceError, validation
from control_plane.iam.canonical import Request

BODY_LIMIT = 1024 * 1024
DEPTH_LIMIT = 64


class Disconnected(Exception):
    """The client went away before it had sent its request."""


async def read_request(scope: Scope, receive: Receive) -> Request:
    """The request as it was sent. Raises ServiceError(TOO_LARGE) as soon as the body is."""
    target: bytes = scope.get("raw_path") or scope["path"].encode()
    if scope["query_string"]:
        target += b"?" + scope["query_string"]
    headers = [(name.decode("latin-1"), value) for name, value in scope["headers"]]
    return Request(scope["method"], target, headers, await _read_body(receive))


async def _read_body(receive: Receive) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        body += message.get("body", b"")
        if len(body) > BODY_LIMIT:
            raise ServiceError(Code.TOO_LARGE, f"The request's body is larger than {BODY_LIMIT} bytes")
        if not message.get("more_body", False):
            return bytes(body)


def parse_body(body: bytes) -> dict[str, Any]:
    """The JSON object in a body; {} for an empty one. Raises ServiceError(SERIALIZATION)."""
    if not body.strip():
        return {}
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise ServiceError(Code.SERIALIZATION, f"The request's body is not JSON: {error}") from None
    if not isinstance(parsed, dict):
        raise ServiceError(Code.SERIALIZATION, "The request's body is JSON, and must be a JSON object")
    if _is_deeper(parsed, DEPTH_LIMIT):
        raise ServiceError(
            Code.SERIALIZATION, f"The request's body is nested deeper than {DEPTH_LIMIT} levels"
        )
    return parsed


def parse_query(request: Request) -> dict[str, str]:
    """The query's parameters, the last of each name. Raises ValidationException when they are not UTF-8."""
    return {_to_text(key): _to_text(value) for key, value in request.query}


def parse_repeated(request: Request) -> dict[str, list[str]]:
    """The query's parameters with all values of each name, in their order. Raises ValidationException as above."""
    found: dict[str, list[str]] = {}
    for key, value in request.query:
        found.setdefault(_to_text(key), []).append(_to_text(value))
    return found


def decode_segment(segment: bytes) -> str:
    """One segment of a path as text. Raises ValidationException when it is not UTF-8."""
    return _to_text(unquote_to_bytes(segment))


def _to_text(raw: bytes) -> str:
    """No name of anything has a NUL in it, and PostgreSQL cannot be asked for one."""
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise validation("The request's path and query must be UTF-8, percent-encoded") from None
    if "\0" in text:
        raise validation("The request's path and query must have no NUL in them")
    return text


def _is_deeper(value: Any, limit: int) -> bool:
    level = [value]
    for _ in range(limit):
        level = [
            child
            for item in level
            for child in (item.values() if isinstance(item, dict) else item if isinstance(item, list) else ())
        ]
        if not level:
            return False
    return True
