"""Errors as AWS puts them on the wire: the code in a header and in the body, one code-to-status map."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from control_plane.domain.errors import Code, ServiceError

STATUS: Mapping[Code, int] = {
    Code.VALIDATION: 400,
    Code.SERIALIZATION: 400,
    Code.REST_CLIENT: 400,
    Code.REST_SERVER: 400,
    Code.MISSING_TOKEN: 403,
    Code.INCOMPLETE_SIGNATURE: 403,
    Code.INVALID_SIGNATURE: 403,
    Code.UNRECOGNIZED_CLIENT: 403,
    Code.EXPIRED_TOKEN: 403,
    Code.REQUEST_EXPIRED: 403,
    Code.ACCESS_DENIED: 403,
    Code.NOT_FOUND: 404,
    Code.NO_SUCH_ENTITY: 404,
    Code.ENTITY_EXISTS: 409,
    Code.DELETE_CONFLICT: 409,
    Code.LIMIT_EXCEEDED: 409,
    Code.MALFORMED_POLICY: 400,
    Code.INVALID_INPUT: 400,
    Code.INVALID_ACTION: 400,
    Code.UNKNOWN_OPERATION: 404,
    Code.TOO_LARGE: 413,
    Code.THROTTLING: 429,
    Code.INTERNAL: 500,
    Code.UNAVAILABLE: 503,
}


@dataclass(frozen=True, slots=True)
class Answer:
    """A response, before it is sent."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"
    cookies: tuple[str, ...] = field(default=(), repr=False)
    """Set-Cookie headers."""


def answer(members: Mapping[str, Any]) -> Answer:
    """A successful response."""
    return Answer(200, orjson.dumps(members))


def error_answer(error: ServiceError) -> Answer:
    """A failed one. AccessDeniedException alone spells `Message` with a capital."""
    key = "Message" if error.code is Code.ACCESS_DENIED else "message"
    body = {"__type": error.code.value, key: error.message, **error.members}
    headers = {"x-amzn-ErrorType": error.code.value, **retry_headers(error)}
    return Answer(STATUS[error.code], orjson.dumps(body), headers)


def retry_headers(error: ServiceError) -> dict[str, str]:
    """When to come again, in whole seconds, where the error says so."""
    return {} if error.retry_after is None else {"Retry-After": str(max(1, math.ceil(error.retry_after)))}
