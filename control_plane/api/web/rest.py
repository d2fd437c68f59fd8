"""The environment's REST API on its web host, for a session: by cookie, or its secret as a Bearer token."""

from __future__ import annotations

import re

from control_plane.api.aws.errors import STATUS, Answer
from control_plane.api.web.cookies import find_bearer, find_secret
from control_plane.api.web.origins import SAFE_METHODS, find_forgery
from control_plane.api.web.visit import Visit, check_serving, json_answer
from control_plane.domain.errors import ServiceError
from control_plane.operations.rest_api import encode_path
from control_plane.operations.service import CellRequest, CellUnreachable
from control_plane.operations.visits import Visitor, csrf_token

TIMEOUT = 30.0
_PATH = re.compile(rb"/api/v[12](?:/|$)")


def is_api(path: bytes) -> bool:
    """Whether a raw path is the REST API's."""
    return _PATH.match(path) is not None


def ask_cell(visit: Visit) -> Answer:
    """Hand the request to the environment's cell, with the session's user and role."""
    bearer = find_bearer(visit.request)
    secret = bearer or find_secret(visit.request)
    visitor = visit.find_visitor(secret)
    if visitor is None or secret is None:
        return json_answer({"detail": "Not authenticated"}, 401, {"WWW-Authenticate": "Bearer"})
    forgery = None if bearer else find_forgery(visit.request, csrf_token(secret))
    if forgery is not None:
        return json_answer({"detail": forgery}, 403)
    try:
        visit.throttle.check("RestApi", visitor.caller.principal_arn)
        check_serving(visitor)
        request = _make_request(visit, visitor)
    except ServiceError as error:
        return json_answer({"detail": error.message}, STATUS[error.code])
    is_read = visit.request.method in SAFE_METHODS
    visit.keep(visitor, "RestApi", f"{request.method} {request.path}", soon=is_read)
    try:
        answer = visit.service.cells.call(visitor.environment.name, request, TIMEOUT)
    except CellUnreachable as error:
        return json_answer({"detail": str(error)}, error.status)
    return Answer(answer.status, answer.body, content_type=answer.content_type or "application/json")


def _make_request(visit: Visit, visitor: Visitor) -> CellRequest:
    """Raises ServiceError for a path that could leave the REST API."""
    request = visit.request
    accept = next(iter(request.values("accept")), b"*/*").decode("latin-1")
    return CellRequest(
        method=request.method,
        path=encode_path(request.path.decode("latin-1")),
        query=request.target.partition(b"?")[2].decode("latin-1"),
        body=request.body or None,
        user=visitor.user,
        role=visitor.role,
        accept=accept,
    )
