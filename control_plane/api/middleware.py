"""What happens around every request, whatever answers it. The list stands in `control_plane.api.app`."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from control_plane.api.metrics import Metrics

_log = logging.getLogger(__name__)
_KEY = "aerodrome.trace"

HEADERS = [
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
]


@dataclass(slots=True)
class Trace:
    """What is known of a request so far; filled in as it goes, read when it is over."""

    request_id: str
    source_ip: str | None
    operation: str = "unknown"
    caller: str | None = None
    error: str = ""
    status: int = 0
    resource: str | None = None
    reason: str | None = None
    """Why it was allowed, or was not."""
    secure: bool = False
    """Whether it came over TLS."""


def trace_of(scope: Scope) -> Trace:
    """The trace of the request of a scope."""
    trace: Trace = scope[_KEY]
    return trace


@dataclass(frozen=True, slots=True)
class RequestId:
    """Gives every request an id, and every response the header that names it."""

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Begin the trace."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        client = scope.get("client")
        trace = scope[_KEY] = Trace(
            str(uuid.uuid4()), client[0] if client else None, secure=scope.get("scheme") == "https"
        )
        request_id = (b"x-amzn-requestid", trace.request_id.encode())
        await self.app(scope, receive, _adding(send, [request_id, *HEADERS]))


@dataclass(frozen=True, slots=True)
class Observe:
    """Counts and logs every request once it is answered: who, what, how long; never what was in it."""

    app: ASGIApp
    metrics: Metrics
    monotonic: Callable[[], float] = time.perf_counter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Time the rest."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        trace, began = trace_of(scope), self.monotonic()

        async def noting(message: Message) -> None:
            if message["type"] == "http.response.start":
                trace.status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, noting)
        finally:
            self._note(trace, self.monotonic() - began)

    def _note(self, trace: Trace, seconds: float) -> None:
        self.metrics.count(trace.operation, trace.status, trace.error, seconds)
        fields = {
            "request_id": trace.request_id,
            "operation": trace.operation,
            "status": trace.status,
            "error": trace.error,
            "caller": trace.caller,
            "resource": trace.resource,
            "reason": trace.reason,
            "source_ip": trace.source_ip,
            "milliseconds": round(seconds * 1000, 1),
        }
        _log.info("request", extra=fields)


def _adding(send: Send, headers: list[tuple[bytes, bytes]]) -> Send:
    async def adding(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), *headers]}
        await send(message)

    return adding
