"""One request on its way to a handler, and the way there: token, role, body, thread."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import anyio
import orjson
from pydantic import BaseModel, ValidationError
from sqlalchemy.exc import OperationalError
from starlette.datastructures import Headers, QueryParams
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from runner.api.access import note_identity
from runner.api.airflow.audit import make_entry
from runner.api.airflow.summaries import Summaries
from runner.api.answers import reply
from runner.api.auth import Identity, Role, allow, identify
from runner.api.context import CellContext
from runner.api.errors import ApiError, problem
from runner.api.query import Query
from runner.store.database import Connection
from runner.store.event_log import note
from runner.store.listing_page import UnknownOrder

MAX_BODY = 1024 * 1024
MAX_DEPTH = 64
_MAX_INT = 2**31 - 1

Model = TypeVar("Model", bound=BaseModel)
log = logging.getLogger("aerodrome.api")


@dataclass(frozen=True, slots=True)
class Call:
    """What a handler gets."""

    cell: CellContext
    summaries: Summaries
    identity: Identity
    path: Mapping[str, Any]
    params: QueryParams
    headers: Headers
    body: bytes
    event: str | None = None
    """The name under which it goes into the event log."""

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """A write transaction, which has the event log's entry of this call in it."""
        with self.cell.db.begin() as conn:
            if self.event is not None:
                entry = make_entry(self.event, self.identity.user, self.path, self.body)
                note(conn, entry, self.cell.clock())
            yield conn

    def query(self) -> Query:
        return Query(self.params)

    def number(self, name: str, least: int = 0) -> int:
        """A whole number in the path. Raises ApiError (unprocessable)."""
        text = str(self.path[name])
        if (
            text.removeprefix("-").isdecimal()
            and text.isascii()
            and len(text) < 12
            and least <= int(text) <= _MAX_INT
        ):
            return int(text)
        message = f"Input should be a valid integer, from {least} to {_MAX_INT}"
        raise ApiError("unprocessable", [problem("int_parsing", ("path", name), message, text)])

    def check_any(self, *names: str) -> None:
        """Raises ApiError (unprocessable) unless these parts of the path are '~': the body says which."""
        found = [
            problem("literal_error", ("path", name), "Input should be '~'", self.path[name], expected="'~'")
            for name in names
            if self.path[name] != "~"
        ]
        if found:
            raise ApiError("unprocessable", found)

    def parse(self, model: type[Model]) -> Model:
        """The body as `model`. Raises ApiError (unprocessable)."""
        data = read_json(self.body)
        try:
            return model.model_validate(data)
        except ValidationError as error:
            raise ApiError(
                "unprocessable", [_body_problem(found) for found in error.errors(include_url=False)]
            ) from None

    def update_mask(self, allowed: frozenset[str]) -> frozenset[str] | None:
        """Those of `allowed` that a PATCH may touch; None when it may touch all it brings. Others mean nothing."""
        given = self.params.getlist("update_mask")
        if not given:
            return None
        return allowed & {name.strip() for part in given for name in part.split(",")}


Handler = Callable[[Call], Response]


class Endpoint:
    """Runs a handler for whoever may call it, in a bounded set of threads."""

    def __init__(self, cell: CellContext, summaries: Summaries, limiter: anyio.CapacityLimiter) -> None:
        self._cell = cell
        self._summaries = summaries
        self._limiter = limiter

    def wrap(
        self, handler: Handler, least: Role, event: str | None = None
    ) -> Callable[[Request], Awaitable[Response]]:
        """`handler` as Starlette wants it. Whatever goes wrong is an answer with a body of Airflow's shape."""

        async def run(request: Request) -> Response:
            try:
                identity = self.identify(request)
                allow(identity, least)
                call = await self._read(request, identity, event)
                return await anyio.to_thread.run_sync(handler, call, limiter=self._limiter)
            except Exception as error:
                return answer_error(error, request)

        return run

    def identify(self, request: Request) -> Identity:
        """Who asks. Raises ApiError (unauthenticated)."""
        identity = identify(request.headers, self._cell.spec.token)
        note_identity(request.scope, identity)
        return identity

    async def _read(self, request: Request, identity: Identity, event: str | None) -> Call:
        _refuse_nul(request)
        body = await _read_body(request)
        cell, summaries = self._cell, self._summaries
        return Call(
            cell, summaries, identity, request.path_params, request.query_params, request.headers, body, event
        )


def read_json(body: bytes) -> Any:
    """The JSON in a request's body. Raises ApiError (unprocessable), also when it is nested too deeply."""
    if not body:
        raise ApiError("unprocessable", [problem("missing", ("body",), "Field required", None)])
    if b"\\u0000" in body:
        raise ApiError(
            "unprocessable", [problem("value_error", ("body",), "cannot accept NUL characters", None)]
        )
    try:
        data = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        found = problem("json_invalid", ("body", error.pos), "JSON decode error", {}, error=error.msg)
        raise ApiError("unprocessable", [found]) from None
    if _is_deeper(data, MAX_DEPTH):
        message = f"cannot accept JSON nested more than {MAX_DEPTH} levels deep"
        raise ApiError("unprocessable", [problem("value_error", ("body",), message, None)])
    return data


def answer_error(error: Exception, request: Request) -> Response:
    """The one place that turns an exception into an answer."""
    if isinstance(error, ApiError):
        response = reply({"detail": error.detail}, error.status)
        if error.code == "unauthenticated":
            response.headers["WWW-Authenticate"] = "Bearer"
        return response
    if isinstance(error, UnknownOrder):
        return reply({"detail": str(error)}, 400)
    if isinstance(error, ClientDisconnect):
        return reply({"detail": "the client went away"}, 400)
    correlation = uuid.uuid4().hex
    where = f"{request.method} {request.url.path}"
    log.error("request failed: %s", where, exc_info=error, extra={"correlation": correlation})
    if isinstance(error, OperationalError):
        return reply({"detail": "The metadata database is not available", "correlation": correlation}, 503)
    return reply({"detail": "Internal Server Error", "correlation": correlation}, 500)


async def _read_body(request: Request) -> bytes:
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > MAX_BODY:
            raise ApiError("too_large", f"cannot accept a body of more than {MAX_BODY} bytes")
        chunks.append(chunk)
    return b"".join(chunks)


def _refuse_nul(request: Request) -> None:
    if "\x00" in request.url.path or any(
        "\x00" in value for _key, value in request.query_params.multi_items()
    ):
        raise ApiError(
            "unprocessable", [problem("value_error", ("path",), "cannot accept NUL characters", None)]
        )
    if any("\x00" in str(value) for value in request.path_params.values()):
        raise ApiError(
            "unprocessable", [problem("value_error", ("path",), "cannot accept NUL characters", None)]
        )


def _body_problem(found: Any) -> dict[str, Any]:
    """A pydantic problem as Airflow shows it; values that JSON cannot carry are left to their text."""
    ctx = {name: str(value) for name, value in found.get("ctx", {}).items()}
    return problem(found["type"], ("body", *found["loc"]), found["msg"], found["input"], **ctx)


def _is_deeper(data: Any, most: int) -> bool:
    level = [data]
    for _ in range(most):
        level = [
            item
            for node in level
            if isinstance(node, dict | list)
            for item in (node.values() if isinstance(node, dict) else node)
        ]
        if not level:
            return False
    return any(isinstance(node, dict | list) for node in level)
