"""One request of AWS's API from bytes to answer: route, signature, permission, operation.

Everything that blocks (the database, a cell) happens in worker threads; requests that may wait for a cell
have threads of their own, so that a cell that hangs holds up nobody else. Whatever goes wrong becomes an AWS
error: an unforeseen exception is logged with its request id and shows nothing of itself.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from functools import partial

import anyio
from anyio import CapacityLimiter, to_thread
from starlette.types import Receive, Scope, Send

from control_plane.api import pages
from control_plane.api.aws.authenticate import Authenticator
from control_plane.api.aws.authorize import Asked, authorize
from control_plane.api.aws.body import Disconnected, parse_body, parse_query, parse_repeated, read_request
from control_plane.api.aws.errors import Answer, answer, error_answer
from control_plane.api.aws.strangers import noting_strangers
from control_plane.api.metrics import Metrics
from control_plane.api.middleware import Trace, trace_of
from control_plane.api.query.edge import find_service, run_query
from control_plane.api.routes import PAGES, Access, Route, find_route
from control_plane.api.throttle import Throttle
from control_plane.api.web.edge import WebEdge
from control_plane.api.web.routes import find_web_route
from control_plane.domain.errors import Code, ServiceError
from control_plane.iam.canonical import Request
from control_plane.operations.service import Call, Service

_log = logging.getLogger(__name__)
_QUICK_THREADS, _WAITING_THREADS = 16, 64


@dataclass(frozen=True, slots=True)
class Edge:
    """The ASGI application behind every path."""

    service: Service
    authenticator: Authenticator
    metrics: Metrics
    web: WebEdge
    throttle: Throttle
    quick: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(_QUICK_THREADS))
    waiting: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(_WAITING_THREADS))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        trace = trace_of(scope)
        try:
            made = await self._answer(scope, receive, trace)
        except Disconnected:
            return
        except ServiceError as error:
            trace.error = error.code.value
            made = error_answer(error)
        except Exception:
            _log.exception("unforeseen error", extra={"request_id": trace.request_id})
            trace.error = Code.INTERNAL.value
            made = error_answer(ServiceError(Code.INTERNAL, f"Internal error; request id {trace.request_id}"))
        await _send(made, send)

    async def _answer(self, scope: Scope, receive: Receive, trace: Trace) -> Answer:
        request = await read_request(scope, receive)
        page = await self._find_page(request, scope, trace)
        if page is not None:
            return page
        query_service = find_service(request)
        if query_service is not None:
            parts = (self.service, self.authenticator, self.throttle)
            run = partial(run_query, *parts, query_service, request, trace)
            return await to_thread.run_sync(run, limiter=self.quick)
        web_route = find_web_route(request)
        if web_route is not None:
            return await self.web.answer(web_route, request, trace)
        found = find_route(request.method, request.path)
        if found is None:
            raise ServiceError(Code.UNKNOWN_OPERATION, "There is no operation at this method and path")
        route, path = found
        trace.operation = route.operation
        limiter = self.waiting if route.waits else self.quick
        return await to_thread.run_sync(partial(self._run, route, path, request, trace), limiter=limiter)

    async def _find_page(self, request: Request, scope: Scope, trace: Trace) -> Answer | None:
        name, access = next(
            ((name, access) for path, name, access in PAGES if path.encode() == request.path), ("", None)
        )
        if access is None or request.method not in ("GET", "HEAD"):
            return None
        trace.operation = name
        if access is Access.LOCAL and not pages.is_local(scope):
            raise ServiceError(Code.ACCESS_DENIED, f"{request.path.decode()} is for this machine only")
        if name == "metrics":
            return await to_thread.run_sync(
                pages.render_metrics, self.service, self.metrics, limiter=self.waiting
            )
        return await to_thread.run_sync(pages.health, self.service, limiter=self.quick)

    def _run(self, route: Route, path: dict[str, str], request: Request, trace: Trace) -> Answer:
        with noting_strangers(self.service, route.action, request, trace):
            caller = self.authenticator.identify(request, self.service.clock())
        trace.caller = caller.arn
        self.throttle.check(route.operation, caller.principal_arn)
        query, repeated = parse_query(request), parse_repeated(request)
        body = parse_body(request.body) if request.method in ("PUT", "POST", "PATCH") else {}
        asked = Asked(route, caller, path, body, request)
        role = authorize(self.service, asked, trace)
        return answer(route.run(self.service, Call(caller, path, query, repeated, body, role)))


async def _send(made: Answer, send: Send) -> None:
    about = {"Content-Type": made.content_type, "Content-Length": str(len(made.body))}
    pairs = {**({} if made.status == 204 else about), **made.headers}
    headers = [(name.lower().encode(), value.encode()) for name, value in pairs.items()]
    headers += [(b"set-cookie", cookie.encode()) for cookie in made.cookies]
    with anyio.CancelScope(shield=True):  # an answer that is made is sent whole
        await send({"type": "http.response.start", "status": made.status, "headers": headers})
        await send({"type": "http.response.body", "body": made.body})
