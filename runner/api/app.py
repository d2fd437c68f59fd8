"""The cell's private HTTP endpoint: REST v2, health and metrics on a unix socket that asks for the cell's token."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import anyio
import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from runner.api.access import AccessLog
from runner.api.airflow.audit import EVENTS
from runner.api.airflow.routes import ROUTES
from runner.api.airflow.summaries import Summaries
from runner.api.airflow.v1 import list_routes as list_v1_routes
from runner.api.auth import Role
from runner.api.call import Call, Endpoint, answer_error
from runner.api.context import CellContext
from runner.api.errors import ApiError
from runner.api.health import get_healthz

_THREADS = 8


def create_app(cell: CellContext) -> Starlette:
    """The application. It starts nothing and holds no connection until it is asked."""
    endpoint = Endpoint(cell, Summaries(), anyio.CapacityLimiter(_THREADS))
    tables = {"/api/v2": list(ROUTES)}
    if cell.spec.generation < 3:
        tables["/api/v1"] = list_v1_routes()
    routes: list[BaseRoute] = [
        Route("/healthz", endpoint.wrap(get_healthz, Role.PUBLIC), methods=["GET"]),
        Route("/metrics", endpoint.wrap(get_metrics, Role.PUBLIC), methods=["GET"]),
        Route(
            "/cli", endpoint.wrap(post_cli, Role.PUBLIC), methods=["POST"]
        ),  # each command has its own least role
        *(
            Route(prefix + path, endpoint.wrap(handler, least, EVENTS.get((method, path))), methods=[method])
            for prefix, table in tables.items()
            for method, path, handler, least in table
        ),
    ]
    handlers = {
        404: _answer_with(endpoint, ApiError("not_found", "Not Found")),
        405: _answer_with(endpoint, ApiError("not_allowed", "Method Not Allowed")),
    }
    app = Starlette(routes=routes, exception_handlers=handlers, middleware=[Middleware(AccessLog)])
    app.router.redirect_slashes = False
    return app


def get_metrics(call: Call) -> Response:
    """GET /metrics"""
    from runner.api.metrics import write_metrics  # its library is loaded by the first who asks

    return Response(write_metrics(call), media_type="text/plain; version=0.0.4; charset=utf-8")


def post_cli(call: Call) -> Response:
    """POST /cli"""
    from runner.api.cli.run import run_cli  # the commands are loaded by the first who gives one

    return run_cli(call)


class ApiServer:
    """A server in a thread of this process. `stop` ends it."""

    def __init__(self, app: Starlette, path: Path) -> None:
        config = uvicorn.Config(
            app,
            loop="asyncio",
            http="httptools",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=2,
        )
        self._path = path
        self._socket = listen(path)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._serve, name="api", daemon=True)

    def start(self) -> None:
        """Serve. Connections made before the thread is ready wait in the socket's queue."""
        self._thread.start()

    def stop(self, timeout: float = 5.0) -> None:
        """End the server, requests in progress included, and remove the socket."""
        self._server.should_exit = True
        self._thread.join(timeout)
        self._path.unlink(missing_ok=True)

    def _serve(self) -> None:
        asyncio.run(self._server.serve(sockets=[self._socket]))


def start(cell: CellContext, socket_path: Path) -> ApiServer:
    """Serve the cell's API on a unix socket that only this user can open."""
    server = ApiServer(create_app(cell), socket_path)
    server.start()
    return server


def listen(path: Path) -> socket.socket:
    """A listening unix socket with mode 0600; whatever a killed process left in its place is removed."""
    path.unlink(missing_ok=True)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.bind(os.fspath(path))
    path.chmod(0o600)  # nobody can connect before `listen`
    sock.listen(128)
    sock.setblocking(False)
    return sock


def _answer_with(endpoint: Endpoint, error: ApiError) -> Callable[[Request, Exception], Awaitable[Response]]:
    """A handler for paths that no route takes: strangers learn nothing, not even that."""

    async def answer(request: Request, _found: Exception) -> Response:
        try:
            endpoint.identify(request)
        except ApiError as refusal:
            return answer_error(refusal, request)
        return answer_error(error, request)

    return answer
