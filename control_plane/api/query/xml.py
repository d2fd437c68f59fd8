"""Answers and errors of the query protocol."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import escape

from control_plane.api.aws.errors import STATUS, Answer, retry_headers
from control_plane.domain.errors import Code, ServiceError

NAMESPACES = {
    "iam": "https://iam.amazonaws.com/doc/2010-05-08/",
    "sts": "https://sts.amazonaws.com/doc/2011-06-15/",
}
CODES: Mapping[Code, str] = {
    Code.ACCESS_DENIED: "AccessDenied",
    Code.VALIDATION: "ValidationError",
    Code.INVALID_SIGNATURE: "SignatureDoesNotMatch",
    Code.UNRECOGNIZED_CLIENT: "InvalidClientTokenId",
    Code.EXPIRED_TOKEN: "ExpiredToken",
    Code.INTERNAL: "ServiceFailure",
    Code.THROTTLING: "Throttling",
}
"""What IAM and STS call some faults; the rest have one name everywhere."""

_EMPTY_RESULTS = frozenset({"UpdateRole"})
"""Actions whose answer has a result without members; elsewhere nothing to say is no result."""

_TYPE = "text/xml"
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def answer(service: str, action: str, members: Mapping[str, Any], request_id: str) -> Answer:
    """A successful response."""
    result = _element(f"{action}Result", members) if members or action in _EMPTY_RESULTS else ""
    about = _element("ResponseMetadata", {"RequestId": request_id})
    text = f'<{action}Response xmlns="{NAMESPACES[service]}">{result}{about}</{action}Response>'
    return Answer(200, text.encode(), content_type=_TYPE)


def error_answer(service: str, error: ServiceError, request_id: str) -> Answer:
    """A failed one."""
    status = 400 if error.code is Code.THROTTLING else STATUS[error.code]
    kind = "Sender" if status < 500 else "Receiver"
    code = CODES.get(error.code, error.code.value)
    inner = _element("Error", {"Type": kind, "Code": code, "Message": error.message})
    inner += _element("RequestId", request_id)
    text = f'<ErrorResponse xmlns="{NAMESPACES[service]}">{inner}</ErrorResponse>'
    return Answer(status, text.encode(), retry_headers(error), content_type=_TYPE)


def _element(name: str, value: Any) -> str:
    return f"<{name}>{_content(value)}</{name}>"


def _content(value: Any) -> str:
    if isinstance(value, Mapping):
        return "".join(_element(name, one) for name, one in value.items())
    if isinstance(value, list):
        return "".join(_element("member", one) for one in value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return escape(_NOT_XML.sub("\ufffd", str(value)))
