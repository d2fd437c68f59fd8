"""One line for every request that was answered: who asked for what, what came of it, how long it took."""

from __future__ import annotations

import logging
import time
from collections.abc import MutableMapping
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from runner.api.auth import Identity

log = logging.getLogger("aerodrome.api.access")
_POLLED = ("/healthz", "/metrics")
"""Asked by machines every few seconds: at DEBUG."""
_IDENTITY = "aerodrome.identity"


class AccessLog:
    """ASGI middleware. The query is left out: it is nobody's business what was searched for."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        level = logging.DEBUG if scope.get("path") in _POLLED else logging.INFO
        if scope["type"] != "http" or not log.isEnabledFor(level):
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 500

        async def pass_on(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, pass_on)
        finally:
            _write(level, scope, status, time.perf_counter() - started)


def note_identity(scope: MutableMapping[str, Any], identity: Identity) -> None:
    """Who asks, for the line that is written when the request is answered."""
    scope[_IDENTITY] = identity


def _write(level: int, scope: Scope, status: int, seconds: float) -> None:
    identity = scope.get(_IDENTITY)
    extra = {
        "method": scope["method"],
        "path": scope["path"],
        "status": status,
        "seconds": round(seconds, 4),
        "user": identity.user if isinstance(identity, Identity) else None,
    }
    log.log(level, "%s %s %d", scope["method"], scope["path"], status, extra=extra)
