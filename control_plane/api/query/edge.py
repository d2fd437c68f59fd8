"""One request of the query protocol from bytes to answer. Blocking: runs in a worker thread."""

from __future__ import annotations

import logging

from control_plane.api.aws.authenticate import Authenticator
from control_plane.api.aws.errors import Answer
from control_plane.api.aws.strangers import noting_strangers
from control_plane.api.middleware import Trace
from control_plane.api.query.authorize import AskedQuery, authorize
from control_plane.api.query.form import parse_form, read_members
from control_plane.api.query.routes import VERSIONS, get_query_route
from control_plane.api.query.xml import CODES, NAMESPACES, answer, error_answer
from control_plane.api.throttle import Throttle
from control_plane.domain.errors import Code, ServiceError
from control_plane.domain.validation import validate
from control_plane.iam.canonical import Request
from control_plane.iam.claim import parse
from control_plane.operations.service import Call, Service

_log = logging.getLogger(__name__)


def find_service(request: Request) -> str | None:
    """iam or sts, when the request is theirs: by the scope of its signature, or by its version if that is wanting.

    What the signature is worth is seen later. The action is in the body, or in the query of a GET and of a
    presigned request.
    """
    if request.method not in ("GET", "POST") or request.path != b"/":
        return None
    try:
        service = parse(request).scope.service
    except ServiceError:
        return _find_version(request)
    if request.method == "GET" and not any(name == b"Action" for name, _ in request.query):
        return None
    return service if service in NAMESPACES else None


def _find_version(request: Request) -> str | None:
    """By Action and Version of a form that nobody signed as one must: it is refused in the protocol's own words."""
    try:
        fields = _read_fields(request)
    except ServiceError:
        return None
    named = (service for service, version in VERSIONS.items() if fields.get("Version") == version)
    return next(named, None) if "Action" in fields else None


def _read_fields(request: Request) -> dict[str, str]:
    query = request.target.partition(b"?")[2]
    if request.method == "GET":
        return parse_form(query)
    return parse_form(request.body) if request.body or not query else parse_form(query)


def run_query(
    service: Service,
    authenticator: Authenticator,
    throttle: Throttle,
    name: str,
    request: Request,
    trace: Trace,
) -> Answer:
    """The answer, whatever happens: faults are answered in the protocol's own way."""
    try:
        return _run(service, authenticator, throttle, name, request, trace)
    except ServiceError as error:
        trace.error = CODES.get(error.code, error.code.value)
        return error_answer(name, error, trace.request_id)
    except Exception:
        _log.exception("unforeseen error", extra={"request_id": trace.request_id})
        trace.error = CODES[Code.INTERNAL]
        message = f"Internal error; request id {trace.request_id}"
        return error_answer(name, ServiceError(Code.INTERNAL, message), trace.request_id)


def _run(
    service: Service,
    authenticator: Authenticator,
    throttle: Throttle,
    name: str,
    request: Request,
    trace: Trace,
) -> Answer:
    with noting_strangers(service, f"{name}:*", request, trace):
        caller = authenticator.identify(request, service.clock(), name)
    trace.caller = caller.arn
    fields = _read_fields(request)
    route = get_query_route(name, fields)
    trace.operation = route.name
    throttle.check(route.name, caller.principal_arn)
    given = read_members(fields, route.shape)
    validate(route.shape, given)
    authorize(service, authenticator.reader, AskedQuery(route, caller, given, request), trace)
    members = route.run(service, Call(caller, body=given))
    return answer(name, route.name, members, trace.request_id)
