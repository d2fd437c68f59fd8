"""InvokeRestApi: one call of an environment's own REST API, for a caller who signed it as an AWS request."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, unquote, urlencode

from control_plane.domain import model
from control_plane.domain.errors import Code, ServiceError, validation
from control_plane.domain.shapes import Violation
from control_plane.domain.status import SERVING
from control_plane.domain.validation import refuse, validate
from control_plane.operations.service import Call, CellRequest, CellResponse, CellUnreachable, Service
from control_plane.operations.tokens import airflow_identity
from control_plane.store import environments

PREFIX = "/api/v2"
TIMEOUT = 10.0
_BODILESS = ("GET", "DELETE")
_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")


def invoke_rest_api(service: Service, call: Call) -> dict[str, Any]:
    """Ask the cell. Answers of 400 and up become RestApiClientException or RestApiServerException."""
    given = {**call.body, "Name": call.path["Name"]}
    validate(model.INVOKE, given)
    request = CellRequest(
        method=given["Method"],
        path=PREFIX + encode_path(given["Path"]),
        query=encode_query(given.get("QueryParameters")),
        body=_encode_body(given["Method"], given.get("Body")),
        user=airflow_identity(call.caller),
        role=call.role,
    )
    _check_serving(service, given["Name"])
    try:
        response = service.cells.call(given["Name"], request, TIMEOUT)
    except CellUnreachable as error:
        raise _failure(
            error.status, {"title": "Environment does not answer", "detail": str(error)}
        ) from error
    answer = _decode(response)
    if not 200 <= response.status < 300:
        raise _failure(response.status, answer)
    return {"RestApiStatusCode": response.status, "RestApiResponse": answer}


def encode_path(path: str) -> str:
    """The path for a request line. Raises ValidationException for one that could leave the REST API.

    Clients send ids as they are ('+' and ':' in run ids); what is percent-encoded already stays so.
    """
    for spelling in (path, unquote(path), unquote(unquote(path))):
        refuse([Violation("path", reason, path) for reason in _broken_path_rules(spelling)])
    return quote(_PERCENT.sub("%25", path), safe="/%:@!$&'()*+,;=-._~")


def encode_query(parameters: Any) -> str:
    """QueryParameters as a query: lists repeat, booleans are lower case, nulls are left out."""
    if parameters is None:
        return ""
    if not isinstance(parameters, dict):
        raise validation("QueryParameters must be an object of names and values")
    return urlencode(list(_query_pairs(parameters)))


def _query_pairs(parameters: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key, value in parameters.items():
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, dict | list):
                raise validation(
                    f"QueryParameters.{key[:64]} must be a string, number, boolean or a list of those"
                )
            if item is not None:
                yield key, item if isinstance(item, str) else json.dumps(item)


def _encode_body(method: str, body: Any) -> bytes | None:
    """Clients send `Body: {}` with everything: with a method that has no body it means none."""
    if body is None or (method in _BODILESS and body == {}):
        return None
    return json.dumps(body, separators=(",", ":")).encode()


def _broken_path_rules(path: str) -> Iterator[str]:
    if not path.startswith("/") or path.startswith("//"):
        yield "Member must begin with one slash and have no scheme or host, for example /dags"
    if any(segment in (".", "..") for segment in path.split("/")):
        yield "Member must have no dot segments"
    if any(ord(char) < 0x20 or ord(char) == 0x7F or char in "\\?#" for char in path):
        yield "Member must have no control characters, '\\', '?' or '#'; a query goes into QueryParameters"


def _check_serving(service: Service, name: str) -> None:
    with service.db.read() as conn:
        status = environments.get(conn, name).status
    if status not in SERVING:
        raise validation(f"Environment {name} has status {status}: its REST API answers when it is AVAILABLE")


def _decode(response: CellResponse) -> Any:
    """JSON as it is, other text as a string, nothing as an empty object."""
    if not response.body:
        return {}
    if "json" in response.content_type:
        try:
            return json.loads(response.body)
        except ValueError:
            pass  # mislabelled: it goes out as the text it is
    return response.body.decode("utf-8", "replace")


def _failure(status: int, answer: Any) -> ServiceError:
    code = Code.REST_CLIENT if 400 <= status < 500 else Code.REST_SERVER
    members = {"RestApiStatusCode": status, "RestApiResponse": answer}
    return ServiceError(code, f"The environment's REST API answered {status}", members)
