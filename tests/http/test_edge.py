"""The edge as bytes: what is no AWS request at all, limits, our own pages, and that nothing leaks."""

from __future__ import annotations

import json
import logging
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import pytest

from control_plane.operations.service import CellRequest
from tests.http.serving import REGION, Server, make


def signed(server: Server, method: str, path: str, body: bytes = b"") -> dict[str, str]:
    """The headers of a request as botocore signs it."""
    headers = {"Content-Type": "application/json"} if body else {}
    request = botocore.awsrequest.AWSRequest(method, server.url + path, headers=headers, data=body)
    credentials = botocore.credentials.Credentials(
        server.credentials.access_key_id, server.credentials.secret_access_key
    )
    botocore.auth.SigV4Auth(credentials, "airflow", REGION).add_auth(request)
    return dict(request.headers.items())


def lower(headers: Any) -> dict[str, str]:
    """Headers with their names in lower case."""
    return {name.lower(): value for name, value in headers.items()}


def fetch(
    server: Server, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
) -> tuple[int, Any, dict[str, str]]:
    """Status, decoded body and headers of the answer."""
    request = urllib.request.Request(server.url + path, body or None, headers or {}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.status, json.loads(response.read()), lower(response.headers)
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read()), lower(error.headers)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("DELETE", "/"),
        ("GET", "/environments/"),
        ("GET", "/environments/a/b"),
        ("POST", "/environments/a"),
        ("PATCH", "/environments"),
        ("GET", "/clitoken/a"),
        ("GET", "/aws_mwaa/cli"),
        ("PUT", "/tags/arn%3Aaws%3Aairflow%3Aus-east-1%3A123456789012%3Aenvironment%2Fa"),
        ("GET", "/tags/"),
        ("GET", "/Environments/a"),
        ("GET", "/nothing%2Fhere"),
    ],
)
def test_unknown_operation_has_its_own_error(server: Server, method: str, path: str) -> None:
    status, body, headers = fetch(server, method, path)
    assert (status, body["__type"]) == (404, "UnknownOperationException")
    assert headers["x-amzn-errortype"] == "UnknownOperationException"
    assert headers["x-amzn-requestid"]
    assert headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b'"x"', b"\xff{}", b'{"a": NaN}', b'{"a":' * 100 + b"1" + b"}" * 100]
)
def test_body_that_is_no_object_is_a_serialization_error(server: Server, body: bytes) -> None:
    headers = signed(server, "PUT", "/environments/x", body)
    status, answer, _ = fetch(server, "PUT", "/environments/x", body, headers)
    assert (status, answer["__type"]) == (400, "SerializationException")


def test_body_over_a_mebibyte_is_refused(server: Server) -> None:
    status, answer, _ = fetch(server, "PUT", "/environments/x", b"x" * (1024 * 1024 + 1))
    assert (status, answer["__type"]) == (413, "RequestEntityTooLargeException")


@pytest.mark.parametrize(
    "value", ["MaxResults=0", "MaxResults=26", "MaxResults=x", "MaxResults=-1", "NextToken=%FF", "x=%00"]
)
def test_query_that_is_invalid_is_a_validation_error(server: Server, value: str) -> None:
    path = f"/environments?{value}"
    status, answer, _ = fetch(server, "GET", path, headers=signed(server, "GET", path))
    assert (status, answer["__type"]) == (400, "ValidationException")


def test_absolute_form_of_the_request_line_is_routed(server: Server) -> None:
    make(server, "absolute")
    headers = signed(server, "GET", "/environments/absolute")
    lines = [
        f"GET {server.url}/environments/absolute HTTP/1.1",
        f"Host: 127.0.0.1:{server.port}",
        "Connection: close",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    answer = server.raw("\r\n".join([*lines, "", ""]).encode())
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b'"Name":"absolute"' in answer


@pytest.mark.parametrize(
    "line",
    [b"GET /environments/\xff HTTP/1.1", b"GET /a b HTTP/1.1", b"GET //environments HTTP/1.1", b"nonsense"],
)
def test_broken_request_line_is_never_a_500(server: Server, line: bytes) -> None:
    answer = server.raw(line + b"\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
    assert answer[9:10] == b"4"


def test_health_is_public_and_metrics_are_for_this_machine(server: Server) -> None:
    assert fetch(server, "GET", "/health")[:2] == (200, {"status": "healthy", "database": "answers"})
    with urllib.request.urlopen(f"{server.url}/metrics", timeout=10) as response:
        text = response.read().decode()
    assert 'aerodrome_requests_total{error="",operation="health",status="200"}' in text
    status, body, _ = fetch(server, "GET", "/metrics", headers={"X-Forwarded-For": "203.0.113.9"})
    assert (status, body["__type"]) == (403, "AccessDeniedException")
    assert "this machine" in body["Message"]


def test_unforeseen_error_shows_nothing_of_itself(
    server: Server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    make(server, "broken")

    def explode(environment: str, request: CellRequest, timeout: float) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(server.cells, "call", explode)
    body = b'{"Path": "/dags", "Method": "GET"}'
    with caplog.at_level(logging.ERROR):
        status, answer, headers = fetch(
            server, "POST", "/restapi/broken", body, signed(server, "POST", "/restapi/broken", body)
        )
    assert (status, answer["__type"]) == (500, "InternalServerException")
    assert "secret detail" not in json.dumps(answer)
    record = next(record for record in caplog.records if record.exc_info)
    assert record.request_id == headers["x-amzn-requestid"]  # type: ignore[attr-defined]


def test_master_key_and_database_are_private(server: Server) -> None:
    key = Path(str(server.db.engine.url.database)).parent / "master.key"
    assert key.stat().st_mode & 0o077 == 0
