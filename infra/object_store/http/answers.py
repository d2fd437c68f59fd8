"""Answers and how they look on the wire."""

from __future__ import annotations

import functools
import time
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from http import HTTPStatus

from infra.object_store.errors import StoreError
from infra.object_store.http.dates import to_http
from infra.object_store.http.errors import status_of
from infra.object_store.http.request import Head
from infra.object_store.http.xml import write_error

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
XML = ("content-type", "application/xml")
_BODILESS = (204, 304)
_REASONS = {status.value: status.phrase for status in HTTPStatus}


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back. A stream without a length is sent in chunks."""

    status: int = 200
    headers: Sequence[tuple[str, str]] = ()
    body: bytes = b""
    stream: AsyncGenerator[bytes] | None = None
    length: int | None = None


def xml_answer(body: bytes, *headers: tuple[str, str]) -> Answer:
    """200 with a document."""
    return Answer(200, (XML, *headers), body)


def error_answer(error: StoreError, head: Head) -> Answer:
    """A refusal. HEAD has no body to say it in."""
    headers = [XML]
    if error.code == "InvalidRange" and "ActualObjectSize" in error.fields:
        headers.append(("content-range", f"bytes */{error.fields['ActualObjectSize']}"))
    if error.code == "AuthorizationHeaderMalformed" and "Region" in error.fields:
        headers.append(("x-amz-bucket-region", error.fields["Region"]))
    if head.method == "HEAD":
        return Answer(status_of(error), headers)
    body = write_error(error, head.target.partition(b"?")[0].decode("latin-1"), head.request_id)
    return Answer(status_of(error), headers, body)


def write_head(head: Head, answer: Answer, keep: bool) -> bytes:
    """Status line and headers; with a body that is there already, that too."""
    lines = [f"HTTP/1.1 {answer.status} {_REASONS.get(answer.status, '')}"]
    lines.append(
        f"date: {_date(int(time.time()))}\r\nserver: aerodrome\r\nx-amz-request-id: {head.request_id}"
    )
    lines.extend(f"{name}: {value}" for name, value in answer.headers)
    if answer.stream is not None and answer.length is None:
        lines.append("transfer-encoding: chunked")
    elif answer.status not in _BODILESS:
        lines.append(f"content-length: {len(answer.body) if answer.length is None else answer.length}")
    if not keep:
        lines.append("connection: close")
    text = "\r\n".join(lines) + "\r\n\r\n"
    body = b"" if head.method == "HEAD" else answer.body
    return text.encode("latin-1", "replace") + body


def refusal(status: int, code: str) -> bytes:
    """The answer to what is no request."""
    reason = _REASONS.get(status, "")
    body = f"<Error><Code>{code}</Code><Message>{reason}</Message></Error>"
    head = f"HTTP/1.1 {status} {reason}\r\ncontent-type: application/xml\r\ncontent-length: {len(body)}"
    return f"{head}\r\nconnection: close\r\n\r\n{body}".encode()


@functools.lru_cache(maxsize=4)
def _date(second: int) -> str:
    return to_http(second)
